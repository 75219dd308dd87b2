//! The container registry, under one name on the machine, on nodes and in pods.

use crate::cache::Cache;
use crate::go;
use crate::node::HOST_IP;
use crate::process::Daemon;
use crate::template::{fill, write};

const TEMPLATE: &str = include_str!("../manifests/registry.yaml");

/// The name without its port, for DNS.
pub const HOST: &str = "registry.testbed";
pub const NAME: &str = crate::image::REGISTRY;

/// What it listens on; the name leads there.
pub fn address() -> String {
    format!("{HOST_IP}:5000")
}

pub fn configure(cache: &Cache) -> anyhow::Result<()> {
    let data = cache.registry();
    let text = fill(TEMPLATE, &[("DATA", &data.to_string_lossy()), ("ADDRESS", &address())])?;
    write(&cache.config().join("registry.yaml"), &text)
}

pub fn daemon(cache: &Cache) -> anyhow::Result<Daemon> {
    Ok(Daemon::new(cache, "registry", go::REGISTRY.path(cache)?)
        .arg("serve")
        .arg(cache.config().join("registry.yaml").to_string_lossy())
        // Otherwise it tries to send traces to a collector that is not there.
        .env("OTEL_TRACES_EXPORTER", "none"))
}

pub fn ready() -> bool {
    crate::wait::answers(&address(), "/v2/")
}
