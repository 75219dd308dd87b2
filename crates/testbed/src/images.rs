//! The images of the testbed's own pods: built by [`crate::image`], pushed to the registry like any other.

use std::fs;

use crate::cache::Cache;
use crate::go::{self, Tool};
use crate::image::{ImageSpec, Registry, Store, build};
use crate::registry;
use crate::step::Did;
use crate::versions::ENVOY;
use crate::{envoy, image};

/// Full names, as pods and containerd use them. A tag is named by what is inside, so no stale copy is ever taken for it.
#[derive(Clone, Debug)]
pub struct Images {
    pub pause: String,
    pub coredns: String,
    pub volumes: String,
    pub metrics_server: String,
    pub envoy_gateway: String,
    pub envoy: String,
}

impl Images {
    pub fn of_this_version() -> anyhow::Result<Self> {
        let full = |tool: &Tool| anyhow::Ok(format!("{}/{}", registry::NAME, name(tool)?));
        Ok(Self {
            pause: full(&go::PAUSE)?,
            coredns: full(&go::COREDNS)?,
            volumes: full(&go::VOLUMES)?,
            metrics_server: full(&go::METRICS_SERVER)?,
            envoy_gateway: full(&go::ENVOY_GATEWAY)?,
            envoy: format!("{}/{}", registry::NAME, envoy_name()),
        })
    }
}

fn name(tool: &Tool) -> anyhow::Result<String> {
    Ok(format!("testbed/{}:{}", tool.name, tool.key()?))
}

fn envoy_name() -> String {
    format!("testbed/envoy:{ENVOY}")
}

fn specs(cache: &Cache) -> anyhow::Result<Vec<ImageSpec>> {
    let tools = [go::PAUSE, go::COREDNS, go::VOLUMES, go::METRICS_SERVER, go::ENVOY_GATEWAY];
    let mut specs = Vec::new();
    for tool in tools {
        let path = format!("/usr/local/bin/{}", tool.name);
        let spec = ImageSpec::scratch(&name(&tool)?).file(&path, tool.path(cache)?, 0o755);
        specs.push(spec.dir("/tmp", 0o1777, 0).entrypoint(&[&path]));
    }
    // The one binary that is not static.
    specs.push(
        ImageSpec::from_debian(&envoy_name(), &["libc6", "ca-certificates"])
            .programs(&[])
            .file("/usr/local/bin/envoy", envoy::path(cache), 0o755)
            .run_as("65532")
            .entrypoint(&["/usr/local/bin/envoy"]),
    );
    Ok(specs)
}

/// Builds them. A mark says they were, because to ask the store means to hash every binary.
pub fn build(cache: &Cache) -> anyhow::Result<Did> {
    let mark = cache.images().join("testbed.built");
    let wanted = format!("{:?}", Images::of_this_version()?);
    if fs::read_to_string(&mark).is_ok_and(|built| built == wanted) {
        return Ok(Did::Nothing);
    }
    let specs = specs(cache)?;
    let store = Store::open(&cache.images())?;
    build::build(&store, &specs.iter().collect::<Vec<_>>(), |_| {})?;
    fs::write(mark, wanted)?;
    Ok(Did::Work)
}

/// Pushes them; those that are there already cost one request each.
pub fn push(cache: &Cache) -> anyhow::Result<Did> {
    let registry = Registry::at(&registry::address());
    let store = Store::open(&cache.images())?;
    let mut did = Did::Nothing;
    for spec in specs(cache)? {
        let name = spec.name()?;
        let Some(image) = store.image(&name)? else {
            anyhow::bail!(
                "the image {name} is missing from {}; remove that folder",
                cache.images().display()
            );
        };
        if let image::Pushed::Now { .. } = registry.push(&store, &image)? {
            did = Did::Work;
        }
    }
    Ok(did)
}
