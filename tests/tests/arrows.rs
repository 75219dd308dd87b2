//! Keeps the map of ARCHITECTURE.md true: which crate may use which, and that deciding stays pure.
//!
//! Reads manifests and sources only; needs no cluster.
#![expect(clippy::unwrap_used, reason = "a test file: a panic is how its functions fail")]

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;

/// Crates that are a function of outboard each. None may know another: they meet on the Environment.
const SLICES: &[&str] =
    &["chaos", "clusters", "data", "environments", "hostnames", "logs", "power", "releases"];

/// What `api` must never need: it is values, and everything depends on it.
const IMPURE: &[&str] = &["axum", "hyper", "kube-client", "kube-runtime", "reqwest", "tokio", "ureq"];

/// What a decision must not do, as it would stand in the source.
const NOT_IN_PLAN: &[(&str, &str)] = &[
    ("kube::Client", "talks to Kubernetes"),
    ("kube::Api", "talks to Kubernetes"),
    ("tokio", "waits"),
    ("async fn", "waits"),
    ("async move", "waits"),
    ("SystemTime::now", "reads a clock"),
    ("Timestamp::now", "reads a clock"),
    ("Instant", "reads a clock"),
    ("std::env", "reads the environment"),
    ("std::fs", "reads files"),
    ("rand::", "draws at random"),
];

/// Names that say nothing about what is inside.
const NAMELESS: &[&str] = &["common", "helper", "helpers", "manager", "util", "utils"];

/// Crates of this workspace that `name` may use; `None`: any of them. An error: nobody has decided yet.
fn may_use(name: &str) -> Result<Option<Vec<&'static str>>, ()> {
    let below = || [SLICES, &["api", "apply", "aws", "tls"]].concat();
    Ok(Some(match name {
        "api" | "oidc-fake" | "route53-fake" | "shop" | "tls" => vec![],
        "identity" => vec!["oidc-fake"],
        "testbed" => vec!["route53-fake"],
        "apply" | "aws" => vec!["api"],
        "fals" => vec!["api", "aws"],
        "hostnames" => vec!["api", "apply", "aws", "route53-fake", "testbed", "tls"],
        slice if SLICES.contains(&slice) => vec!["api", "apply", "aws", "tls"],
        "operator" | "verbs" => below(),
        "words" => vec!["api", "verbs"],
        "web" => vec!["api", "identity", "oidc-fake", "verbs", "words"],
        "cli" => vec!["api", "fals", "identity", "operator", "verbs", "web", "words"],
        "bench" | "stories" => return Ok(None),
        _ => return Err(()),
    }))
}

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..").canonicalize().unwrap()
}

fn cargo(arguments: &[&str]) -> String {
    let output = Command::new(env!("CARGO"))
        .args(arguments)
        .args(["--locked", "--offline"])
        .current_dir(root())
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

/// Fails with every violation at once, each with its place.
fn none(violations: &[String]) {
    assert!(violations.is_empty(), "\n{}\n", violations.join("\n"));
}

#[test]
fn crates_use_only_what_lies_below_them() {
    let metadata: Value =
        serde_json::from_str(&cargo(&["metadata", "--no-deps", "--format-version=1"])).unwrap();
    let packages = metadata["packages"].as_array().unwrap();
    let names: BTreeSet<&str> = packages.iter().filter_map(|package| package["name"].as_str()).collect();
    let mut violations = vec![];
    for package in packages {
        let name = package["name"].as_str().unwrap();
        let manifest = package["manifest_path"].as_str().unwrap();
        let text = fs::read_to_string(manifest).unwrap();
        let allowed = match may_use(name) {
            Ok(Some(allowed)) => allowed,
            Ok(None) => continue,
            Err(()) => {
                violations.push(format!("{manifest}:1: `{name}` is new: say in {} what it may use", file!()));
                continue;
            }
        };
        for dependency in package["dependencies"].as_array().unwrap() {
            let used = dependency["name"].as_str().unwrap();
            if names.contains(used) && !allowed.contains(&used) {
                let line = text.lines().position(|line| line.starts_with(used)).map_or(1, |index| index + 1);
                violations.push(format!("{manifest}:{line}: `{name}` must not use `{used}`"));
            }
        }
    }
    none(&violations);
}

#[test]
fn api_stays_free_of_clients_and_runtimes() {
    // Its own tree: in the whole workspace's, features of others would be added to it.
    let tree = cargo(&["tree", "--package=api", "--edges=normal", "--prefix=none", "--format={p}"]);
    let found: BTreeSet<&str> = tree
        .lines()
        .filter_map(|line| line.split_whitespace().next())
        .filter(|name| IMPURE.contains(name))
        .collect();
    let violations: Vec<String> =
        found.iter().map(|name| format!("crates/api/Cargo.toml:1: `api` pulls in `{name}`")).collect();
    none(&violations);
}

#[test]
fn plans_decide_and_do_nothing_else() {
    let mut violations = vec![];
    for path in sources().iter().filter(|path| is_plan(path)) {
        let text = fs::read_to_string(path).unwrap();
        // Tests may read golden files; what is shipped may not.
        let shipped = text.lines().take_while(|line| !line.contains("#[cfg(test)]"));
        for (index, line) in shipped.enumerate().filter(|(_, line)| !line.trim_start().starts_with("//")) {
            for (word, why) in NOT_IN_PLAN.iter().filter(|(word, _)| line.contains(word)) {
                violations.push(format!("{}:{}: `{word}` {why}: not in a plan", shown(path), index + 1));
            }
        }
    }
    none(&violations);
}

#[test]
fn modules_say_their_job_and_have_names_that_mean_something() {
    let mut violations = vec![];
    for path in &sources() {
        let text = fs::read_to_string(path).unwrap();
        if !text.starts_with("//!") {
            violations.push(format!("{}:1: starts without `//!`: say the module's job", shown(path)));
        }
        let within = path.strip_prefix(root()).unwrap();
        for step in within.components().filter_map(|step| step.as_os_str().to_str()) {
            if NAMELESS.contains(&step.trim_end_matches(".rs")) {
                violations.push(format!("{}:1: `{step}` says nothing: name it after its job", shown(path)));
            }
        }
    }
    none(&violations);
}

fn is_plan(path: &Path) -> bool {
    let inside = path.parent().is_some_and(|folder| folder.iter().any(|step| step == "plan"));
    (inside || path.ends_with("plan.rs"))
        && !path.components().any(|step| step.as_os_str() == "cli")
        && !path.ends_with("tests.rs")
}

fn shown(path: &Path) -> String {
    path.strip_prefix(root()).unwrap_or(path).display().to_string()
}

/// Every `.rs` file that is part of a crate in crates/.
fn sources() -> Vec<PathBuf> {
    let mut found = vec![];
    let mut folders: Vec<PathBuf> =
        fs::read_dir(root().join("crates")).unwrap().map(|entry| entry.unwrap().path().join("src")).collect();
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(&folder).into_iter().flatten() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                found.push(path);
            }
        }
    }
    found.sort();
    found
}
