//! Our side: the CLI as a user runs it.

use std::time::{Duration, Instant};

use anyhow::Context;
use serde_json::Value;

use crate::tools::{kubectl, outboard};

/// The control namespace of the benchmark.
pub const CONTROL: &str = "bench";

/// Creates an environment; how long until the command ended, and the objects its revision holds.
pub fn create(name: &str) -> anyhow::Result<(Duration, Value)> {
    outboard(&["-n", CONTROL, "project", "apply", "--file", "examples/shop"])?;
    let begun = Instant::now();
    outboard(&["-n", CONTROL, "env", "create", name, "--file", "examples/shop", "--class", "qa"])?;
    let took = begun.elapsed();
    let revision =
        kubectl(&["-n", CONTROL, "get", "controllerrevision", &format!("{name}-r1"), "-o", "json"], None)?;
    let revision: Value = serde_json::from_str(&revision)?;
    Ok((took, revision["data"].clone()))
}

/// Destroys it, with the record of its revision, so that the next run starts from nothing.
pub fn destroy(name: &str) -> anyhow::Result<()> {
    outboard(&["-n", CONTROL, "env", "destroy", name, "--yes"])?;
    kubectl(
        &["-n", CONTROL, "delete", "controllerrevision", "-l", &format!("outboard.dev/environment={name}")],
        None,
    )?;
    Ok(())
}

/// Resident memory of the operator, as its own metrics say.
pub fn operator_memory() -> anyhow::Result<f64> {
    let path = "/api/v1/namespaces/outboard-system/services/outboard-operator:http/proxy/metrics";
    let metrics = kubectl(&["get", "--raw", path], None)?;
    let line = metrics.lines().find(|line| line.starts_with("process_resident_memory_bytes"));
    line.and_then(|line| line.rsplit(' ').next())
        .context("the operator reports no memory")?
        .parse()
        .map_err(Into::into)
}
