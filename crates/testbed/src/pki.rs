//! Keys, certificates and kubeconfigs, all made by kubeadm.

use std::fs;
use std::process::Command;

use anyhow::Context;

use crate::cache::Cache;
use crate::command::run;
use crate::kube::component;
use crate::node::{HOST_IP, Node, PODS, SERVICES};
use crate::template::{fill, write};
use crate::versions::KUBERNETES;

const TEMPLATE: &str = include_str!("../manifests/kubeadm.yaml");

pub const PROXY: &str = "kube-proxy.conf";

pub fn create(cache: &Cache, node: &Node) -> anyhow::Result<()> {
    let done = cache.pki().join("done");
    if done.exists() {
        return Ok(());
    }
    let folder = cache.admin();
    let folder = folder.parent().context("a kubeconfig has a folder")?;
    // Half of an interrupted run would be taken for whole.
    for folder in [&cache.pki(), folder] {
        let _ = fs::remove_dir_all(folder);
        fs::create_dir_all(folder)?;
    }
    let config = cache.config().join("kubeadm.yaml");
    write(&config, &render(cache, node)?)?;
    let kubeadm = || -> anyhow::Result<Command> { Ok(Command::new(component(cache, "kubeadm")?)) };
    let mut certificates = kubeadm()?;
    certificates.args(["init", "phase", "certs", "all", "--config"]).arg(&config);
    run(&mut certificates, &cache.log("kubeadm-certs"))?;
    let mut kubeconfigs = kubeadm()?;
    kubeconfigs.args(["init", "phase", "kubeconfig", "all", "--config"]).arg(&config);
    run(kubeconfigs.arg("--kubeconfig-dir").arg(folder), &cache.log("kubeadm-kubeconfigs"))?;
    let mut proxy = kubeadm()?;
    proxy.args(["kubeconfig", "user", "--client-name=system:kube-proxy", "--config"]).arg(&config);
    run(&mut proxy, &folder.join(PROXY))?;
    fs::write(done, "")?;
    Ok(())
}

fn render(cache: &Cache, node: &Node) -> anyhow::Result<String> {
    fill(
        TEMPLATE,
        &[
            ("HOST_IP", HOST_IP),
            ("KUBERNETES", KUBERNETES),
            ("NODE", &node.name),
            ("PKI", &cache.pki().to_string_lossy()),
            ("PODS", PODS),
            ("SERVICES", SERVICES),
        ],
    )
}
