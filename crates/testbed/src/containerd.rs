//! containerd of one node: pulls from our registry only, keeps its images over clusters, shows nothing outside our folders.

use std::fs;
use std::process::Command;
use std::time::Duration;

use crate::cache::Cache;
use crate::command::output;
use crate::images::Images;
use crate::node::{Node, POD_BRIDGE};
use crate::process::Daemon;
use crate::registry;
use crate::template::{fill, write};

const CONFIG: &str = include_str!("../manifests/containerd.toml");
const NETWORK: &str = include_str!("../manifests/cni.json");

/// Docker Hub's names lead to our registry too, so production's image names work here.
const REGISTRIES: [&str; 2] = [registry::NAME, "docker.io"];

pub fn configure(node: &Node, images: &Images) -> anyhow::Result<()> {
    let path = |name: &str| node.folder.join(name).display().to_string();
    let config = fill(
        CONFIG,
        &[
            ("ROOT", &node.images.to_string_lossy()),
            ("STATE", &path("containerd")),
            ("CONTAINERD_SOCKET", &node.socket().to_string_lossy()),
            ("PAUSE", &images.pause),
            ("CNI", &path("cni")),
            ("HOSTS", &path("registries")),
        ],
    )?;
    write(&node.folder.join("containerd.toml"), &config)?;
    let network =
        fill(NETWORK, &[("BRIDGE", POD_BRIDGE), ("ADDRESSES", &path("addresses")), ("PODS", &node.pods)])?;
    write(&node.folder.join("cni/10-pods.conflist"), &network)?;
    for name in REGISTRIES {
        lead(node, name, &format!("http://{}", registry::address()))?;
    }
    Ok(())
}

/// Leads the name of a registry to where it is; containerd reads that at every pull.
pub fn lead(node: &Node, name: &str, url: &str) -> anyhow::Result<()> {
    let text = format!("server = \"{url}\"\n\n[host.\"{url}\"]\ncapabilities = [\"pull\", \"resolve\"]\n");
    write(&node.folder.join("registries").join(name).join("hosts.toml"), &text)
}

pub fn daemon(cache: &Cache, node: &Node) -> Daemon {
    let config = node.folder.join("containerd.toml");
    Daemon::new(cache, "containerd", "/usr/bin/containerd").arg("--config").arg(config.to_string_lossy())
}

pub fn ready(node: &Node) -> bool {
    output(ctr(node).arg("version")).is_ok()
}

/// Forgets the containers of an earlier cluster (their processes are gone), and keeps the images.
pub fn forget_containers(cache: &Cache, node: &Node) -> anyhow::Result<()> {
    let ids = output(ctr(node).args(["containers", "list", "--quiet"]))?;
    let ids: Vec<&str> = ids.lines().collect();
    if ids.is_empty() {
        return Ok(());
    }
    let _ = output(ctr(node).args(["tasks", "rm", "--force"]).args(&ids));
    output(ctr(node).args(["containers", "rm"]).args(&ids))?;
    // The CRI plugin read them when it started: it must start again without them.
    let daemon = daemon(cache, node);
    daemon.stop(Duration::from_secs(5));
    for name in ["containers", "sandboxes"] {
        let _ = fs::remove_dir_all(node.images.join("io.containerd.grpc.v1.cri").join(name));
    }
    daemon.ensure()?;
    daemon.wait(Duration::from_secs(20), || ready(node))
}

/// Forgets images whose tag leads to another digest now, as (name and tag, digest): nodes ask the registry only for
/// what they do not have.
pub fn forget_moved(node: &Node, pushed: &[(String, String)]) -> anyhow::Result<()> {
    if !ready(node) {
        return Ok(());
    }
    let held = output(ctr(node).args(["images", "list"]))?;
    let moved = moved(&held, pushed);
    if moved.is_empty() {
        return Ok(());
    }
    output(ctr(node).args(["images", "rm"]).args(&moved)).map(drop)
}

/// Of `ctr images list` (reference, type, digest, …), the references that were pushed with another digest.
fn moved<'a>(held: &'a str, pushed: &[(String, String)]) -> Vec<&'a str> {
    let columns = held.lines().filter_map(|line| {
        let mut columns = line.split_whitespace();
        Some((columns.next()?, columns.nth(1)?))
    });
    let is_moved = |reference: &str, digest: &str| {
        let name = REGISTRIES.iter().find_map(|registry| reference.strip_prefix(registry)?.strip_prefix('/'));
        pushed.iter().any(|(pushed, now)| Some(pushed.as_str()) == name && now != digest)
    };
    columns
        .filter(|(reference, digest)| is_moved(reference, digest))
        .map(|(reference, _)| reference)
        .collect()
}

fn ctr(node: &Node) -> Command {
    let mut ctr = Command::new("ctr");
    ctr.arg("--address").arg(node.socket()).args(["--timeout", "2s", "--namespace", "k8s.io"]);
    ctr
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_tag_that_leads_elsewhere_now_is_forgotten() {
        let held = "REF TYPE DIGEST SIZE\n\
            registry.testbed:5000/shop/web:1 application/x sha256:old 1\n\
            registry.testbed:5000/shop/web:2 application/x sha256:same 1\n\
            docker.io/library/redis:7 application/x sha256:old 1\n\
            elsewhere/shop/web:1 application/x sha256:old 1\n";
        let pushed =
            [("shop/web:1", "sha256:new"), ("shop/web:2", "sha256:same"), ("library/redis:7", "sha256:new")];
        let pushed = pushed.map(|(name, digest)| (name.to_owned(), digest.to_owned()));
        assert_eq!(moved(held, &pushed), ["registry.testbed:5000/shop/web:1", "docker.io/library/redis:7"]);
    }
}
