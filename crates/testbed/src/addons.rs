//! What runs in the cluster before anything of ours: DNS, volumes, metrics.

use crate::cache::Cache;
use crate::dns;
use crate::images::Images;
use crate::kube::Kubectl;
use crate::node::{DNS_IP, HOST_IP};
use crate::registry;
use crate::template::fill;

const ACCESS: &str = include_str!("../manifests/access.yaml");
const COREDNS: &str = include_str!("../manifests/coredns.yaml");
const VOLUMES: &str = include_str!("../manifests/volumes.yaml");
const METRICS_SERVER: &str = include_str!("../manifests/metrics-server.yaml");

pub fn apply(cache: &Cache, kubectl: &Kubectl, images: &Images) -> anyhow::Result<()> {
    let text = [ACCESS, COREDNS, VOLUMES, METRICS_SERVER].join("---\n");
    let directory = cache.volumes();
    let text = fill(
        &text,
        &[
            ("COREDNS", &images.coredns),
            ("DIRECTORY", &directory.to_string_lossy()),
            ("DNS_IP", DNS_IP),
            ("HOST_IP", HOST_IP),
            ("METRICS_SERVER", &images.metrics_server),
            ("REGISTRY_HOST", registry::HOST),
            ("VOLUMES", &images.volumes),
            ("ZONE", dns::ZONE),
        ],
    )?;
    kubectl.apply(cache, "addons", &text)
}

/// Stands for the manifests: other ones have to be applied.
pub fn mark() -> String {
    crate::template::mark(&[ACCESS, COREDNS, VOLUMES, METRICS_SERVER])
}

pub fn wait(kubectl: &Kubectl) -> anyhow::Result<()> {
    kubectl.wait("kube-system", "condition=Available", &["deployment/coredns"])?;
    kubectl.wait("kube-system", "jsonpath={.status.numberAvailable}=1", &["daemonset/volumes"])
}

pub fn wait_for_metrics(kubectl: &Kubectl) -> anyhow::Result<()> {
    kubectl.wait("kube-system", "condition=Available", &["apiservice/v1beta1.metrics.k8s.io"])
}
