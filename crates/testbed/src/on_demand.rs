//! Images that a few stories ask for: built and pushed when they do, and never by `up` or with all the others.

use crate::cache::Cache;
use crate::go;
use crate::image::{self, ImageSpec, Store, cli};
use crate::registry;
use crate::tools::tools;
use crate::versions::METRICS_SERVER;

/// What may be asked for.
pub fn images(cache: &Cache) -> anyhow::Result<Vec<ImageSpec>> {
    let mut images = image::applications();
    images.extend([image::mysql(), talk(cache)?, metrics_server(cache)?]);
    for version in ["1", "2"] {
        images.push(chatter(cache, version)?);
    }
    Ok(images)
}

/// Sees to it that the registry has these images.
pub fn provide(names: &[&str]) -> anyhow::Result<()> {
    let cache = Cache::open()?;
    let words: Vec<String> = names.iter().map(|&name| name.to_owned()).collect();
    for tool in [go::TALK, go::CHATTER] {
        if names.iter().any(|name| name.starts_with(&format!("testbed/{}", tool.name))) {
            tools(&cache, &[tool.name.to_owned()])?;
        }
    }
    let images = images(&cache)?;
    cli::push(&Store::open(&cache.images())?, &cli::select(&images, &words)?, &registry::address())
}

fn talk(cache: &Cache) -> anyhow::Result<ImageSpec> {
    let program = "/usr/bin/talk";
    Ok(ImageSpec::scratch("testbed/talk:1")
        .file(program, go::TALK.path(cache)?, 0o755)
        .user("talk", 65532, "/")
        .run_as("65532:65532")
        .entrypoint(&[program])
        .cmd(&["serve"])
        .port(8080)
        .port(9090)
        .port(7070))
}

/// metrics-server, answering like the one of its registry: an add-on of clusters asks for it by that name.
fn metrics_server(cache: &Cache) -> anyhow::Result<ImageSpec> {
    let program = "/metrics-server";
    let name = format!("metrics-server/metrics-server:{METRICS_SERVER}");
    Ok(ImageSpec::scratch(&name)
        .file(program, go::METRICS_SERVER.path(cache)?, 0o755)
        .dir("/tmp", 0o1777, 0)
        .run_as("65534:65534")
        .entrypoint(&[program]))
}

/// Two versions that write alike: one can replace the other.
fn chatter(cache: &Cache, version: &str) -> anyhow::Result<ImageSpec> {
    let program = "/usr/bin/chatter";
    Ok(ImageSpec::scratch(&format!("testbed/chatter:{version}"))
        .file(program, go::CHATTER.path(cache)?, 0o755)
        .user("chatter", 65532, "/")
        .run_as("65532:65532")
        .entrypoint(&[program])
        .cmd(&["write"])
        .label("org.opencontainers.image.version", version))
}
