//! `testbed restart COMPONENT`: a daemon is ended as a machine would end it, by SIGKILL, and started anew.

use std::time::{Duration, Instant};

use anyhow::{Context, bail};

use crate::apiserver;
use crate::cache::Cache;
use crate::components;
use crate::lock::Lock;

const LIMIT: Duration = Duration::from_secs(60);

/// Ends when it is ready again; how long it was away.
pub fn restart(cache: &Cache, component: &str) -> anyhow::Result<Duration> {
    // Else an `up` that runs at the same time would find it gone, and both would start it.
    let _lock = Lock::take(cache)?;
    let mut daemons = components::daemons(cache)?;
    let known = || daemons.iter().map(|(daemon, _)| daemon.name.as_str()).collect::<Vec<_>>().join(", ");
    let found = daemons.iter().position(|(daemon, _)| daemon.name == component);
    let found = found.with_context(|| format!("there is no daemon `{component}`; there are {}", known()))?;
    let (daemon, ready) = daemons.swap_remove(found);
    if daemon.pid().is_none() {
        bail!("{component} does not run: run `testbed up`");
    }
    // One that an earlier testbed started may not have it.
    apiserver::configure(cache)?;
    let begun = Instant::now();
    daemon.stop(Duration::ZERO);
    daemon.ensure()?;
    daemon.wait(LIMIT, ready)?;
    Ok(begun.elapsed())
}
