//! The kubelet and kube-proxy of one node.

use std::path::Path;

use crate::cache::Cache;
use crate::kube::component;
use crate::node::{DNS_IP, Node, PODS};
use crate::process::Daemon;
use crate::template::{fill, write};
use crate::{pki, pod_logs, wait};

const KUBELET: &str = include_str!("../manifests/kubelet.yaml");
const PROXY: &str = include_str!("../manifests/proxy.yaml");

/// Behind systemd-resolved /etc/resolv.conf names a loopback address, which in a pod is the pod itself.
const RESOLVED: &str = "/run/systemd/resolve/resolv.conf";

pub fn configure(cache: &Cache, node: &Node) -> anyhow::Result<()> {
    let resolv_conf = if Path::new(RESOLVED).exists() { RESOLVED } else { "/etc/resolv.conf" };
    let kubelet = fill(
        KUBELET,
        &[
            ("NODE_IP", &node.ip),
            ("PKI", &cache.pki().to_string_lossy()),
            ("CONTAINERD_SOCKET", &node.socket().to_string_lossy()),
            ("CGROUP", &node.cgroup),
            ("DNS_IP", DNS_IP),
            ("RESOLV_CONF", resolv_conf),
            ("POD_LOGS", &pod_logs::folder(node).to_string_lossy()),
        ],
    )?;
    write(&node.folder.join("kubelet.yaml"), &kubelet)?;
    let proxy = fill(
        PROXY,
        &[
            ("NODE_IP", &node.ip),
            ("NODE", &node.name),
            ("PODS", PODS),
            ("KUBECONFIG", &cache.kubeconfig(pki::PROXY).to_string_lossy()),
        ],
    )?;
    write(&node.folder.join("proxy.yaml"), &proxy)
}

pub fn daemon(cache: &Cache, node: &Node) -> anyhow::Result<Daemon> {
    Ok(Daemon::new(cache, "kubelet", component(cache, "kubelet")?)
        .arg(format!("--config={}", node.folder.join("kubelet.yaml").display()))
        .arg(format!("--kubeconfig={}", cache.kubeconfig("kubelet.conf").display()))
        .arg(format!("--root-dir={}", node.folder.join("kubelet").display()))
        .arg(format!("--cert-dir={}", node.folder.join("kubelet-pki").display()))
        .arg(format!("--hostname-override={}", node.name))
        .arg(format!("--node-ip={}", node.ip)))
}

pub fn proxy(cache: &Cache, node: &Node) -> anyhow::Result<Daemon> {
    Ok(Daemon::new(cache, "proxy", component(cache, "kube-proxy")?)
        .arg(format!("--config={}", node.folder.join("proxy.yaml").display())))
}

pub fn ready() -> bool {
    wait::answers("127.0.0.1:10248", "/healthz")
}

pub fn proxy_ready(node: &Node) -> bool {
    wait::answers(&format!("{}:10256", node.ip), "/healthz")
}
