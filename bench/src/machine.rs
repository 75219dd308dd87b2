//! What stands over a table: the day, the machine, the versions. Never fails: what is unknown is left out.

use serde_json::Value;

use crate::archive;
use crate::tools::{kubectl, outboard, run};

pub fn describe(subject: &str) -> String {
    let mut words = vec![
        run("date", &["+%F"], None).unwrap_or_default().trim().to_owned(),
        format!("{} cores", std::thread::available_parallelism().map_or(0, usize::from)),
    ];
    words.extend(memory());
    words.extend(kubernetes());
    words.extend(ours());
    if subject == "light" {
        words.extend(run("helm", &["version", "--template", "helm {{.Version}}"], None).ok());
    }
    if ["scale", "poison", "web"].contains(&subject) {
        words.extend(run("kwok", &["--version"], None).ok().and_then(|text| first_line(&text)));
    }
    if subject == "logs" {
        words.extend(run("stern", &["--version"], None).ok().and_then(|text| first_line(&text)));
    }
    if subject == "archive" {
        words.extend(archive::versions());
    }
    words.join(", ")
}

fn ours() -> Option<String> {
    let version: Value =
        serde_json::from_str(&outboard(&["version", "--client", "-o", "json"]).ok()?).ok()?;
    Some(format!("outboard {}", version["client"].as_str()?))
}

fn memory() -> Option<String> {
    let text = std::fs::read_to_string("/proc/meminfo").ok()?;
    let kib: u64 = text.lines().next()?.split_whitespace().nth(1)?.parse().ok()?;
    Some(format!("{} GiB", (kib as f64 / 1024.0 / 1024.0).round()))
}

/// The versions of the API server and of kubectl: on the testbed the same.
fn kubernetes() -> Option<String> {
    let versions: Value = serde_json::from_str(&kubectl(&["version", "-o", "json"], None).ok()?).ok()?;
    let of = |which: &str| versions[which]["gitVersion"].as_str().map(str::to_owned);
    Some(format!("Kubernetes {}, kubectl {}", of("serverVersion")?, of("clientVersion")?))
}

fn first_line(text: &str) -> Option<String> {
    text.lines().next().map(|line| line.trim().to_owned())
}
