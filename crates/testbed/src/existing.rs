//! `up --kubeconfig FILE`: somebody else's cluster. Starts nothing; says what outboard would miss there.

use std::path::Path;

use anyhow::{Context, bail};

use crate::cache::Cache;
use crate::kube::Kubectl;
use crate::step::mark;

const DEFAULT_CLASS: &str = r#"jsonpath={.items[?(@.metadata.annotations.storageclass\.kubernetes\.io/is-default-class=="true")].metadata.name}"#;

pub fn check(cache: &Cache, kubeconfig: &Path) -> anyhow::Result<()> {
    let kubectl = Kubectl::existing(cache, kubeconfig)?;
    kubectl
        .get(&["--raw", "/readyz", "--request-timeout=10s"])
        .with_context(|| format!("the cluster of {} does not answer", kubeconfig.display()))?;
    let mut missing = Vec::new();
    let mut row = |what: &str, found: bool, fix: &str| {
        println!("{} {what}", if found { mark("✓", "32") } else { mark("✗", "31") });
        if !found {
            missing.push(format!("{what}: {fix}"));
        }
    };
    let class = kubectl.get(&["storageclasses", "-o", DEFAULT_CLASS]).unwrap_or_default();
    row("a default StorageClass", !class.trim().is_empty(), "annotate one as the default");
    let routes = kubectl.get(&["crd", "httproutes.gateway.networking.k8s.io"]).is_ok();
    row("Gateway API", routes, "install a gateway, for example Envoy Gateway");
    let metrics = kubectl.get(&["--raw", "/apis/metrics.k8s.io/v1beta1"]).is_ok();
    row("metrics", metrics, "install metrics-server");
    if missing.is_empty() { Ok(()) } else { bail!("the cluster lacks\n  {}", missing.join("\n  ")) }
}
