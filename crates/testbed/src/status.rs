//! `testbed status`: what runs, what is ready, where to read on.

use std::path::Path;

use crate::cache::Cache;
use crate::components;
use crate::kube::Kubectl;
use crate::step::mark;

/// Prints the table; says whether all is well.
pub fn status(cache: &Cache, existing: Option<&Path>) -> anyhow::Result<bool> {
    let mut well = true;
    println!("  {:<20} {:>8}  {:<9} LOG", "COMPONENT", "PID", "READY");
    let mut row = |name: &str, pid: Option<i32>, ready: bool, log: &str| {
        let sign = if ready { mark("✓", "32") } else { mark("✗", "31") };
        let pid = pid.map_or("-".to_owned(), |pid| pid.to_string());
        println!("{sign} {name:<20} {pid:>8}  {:<9} {log}", if ready { "ready" } else { "not ready" });
        well &= ready;
    };
    if existing.is_none() {
        for (daemon, ready) in components::daemons(cache)? {
            let pid = daemon.pid();
            row(&daemon.name, pid, pid.is_some() && ready(), &daemon.log.to_string_lossy());
        }
    }
    let kubectl = match existing {
        Some(file) => Kubectl::existing(cache, file)?,
        None => Kubectl::new(cache)?,
    };
    match components::pods(&kubectl) {
        Ok(pods) => {
            for pod in pods {
                row(
                    &pod.component,
                    None,
                    pod.ready,
                    &format!("testbed logs {} ({})", pod.component, pod.name),
                );
            }
        }
        Err(_) => row("pods", None, false, "the API server does not answer"),
    }
    Ok(well)
}
