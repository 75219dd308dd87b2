//! The controller manager and the scheduler: one of each, so no leader is elected.

use crate::cache::Cache;
use crate::kube::component;
use crate::node::SERVICES;
use crate::process::Daemon;

const MANAGER: &str = "127.0.0.1:10257";
const SCHEDULER: &str = "127.0.0.1:10259";

/// Their own limits (20 and 50 requests a second) are for a shared API server. Here they would be what a large bench
/// measures: ten thousand Deployments are forty thousand requests, half an hour of waiting.
const UNLIMITED: [&str; 2] = ["--kube-api-qps=1000", "--kube-api-burst=2000"];

pub fn manager(cache: &Cache) -> anyhow::Result<Daemon> {
    let key = |name: &str| cache.pki().join(name).display().to_string();
    Ok(Daemon::new(cache, "controller-manager", component(cache, "kube-controller-manager")?)
        .args(kubeconfigs(cache, "controller-manager.conf"))
        .args(UNLIMITED)
        .args(["--leader-elect=false", "--bind-address=127.0.0.1", "--use-service-account-credentials=true"])
        .arg(format!("--service-cluster-ip-range={SERVICES}"))
        .arg(format!("--root-ca-file={}", key("ca.crt")))
        .arg(format!("--client-ca-file={}", key("ca.crt")))
        .arg(format!("--cluster-signing-cert-file={}", key("ca.crt")))
        .arg(format!("--cluster-signing-key-file={}", key("ca.key")))
        .arg(format!("--service-account-private-key-file={}", key("sa.key")))
        .arg(format!("--requestheader-client-ca-file={}", key("front-proxy-ca.crt"))))
}

pub fn scheduler(cache: &Cache) -> anyhow::Result<Daemon> {
    Ok(Daemon::new(cache, "scheduler", component(cache, "kube-scheduler")?)
        .args(kubeconfigs(cache, "scheduler.conf"))
        .args(UNLIMITED)
        .args(["--leader-elect=false", "--bind-address=127.0.0.1"]))
}

fn kubeconfigs(cache: &Cache, name: &str) -> Vec<String> {
    let path = cache.kubeconfig(name).display().to_string();
    ["kubeconfig", "authentication-kubeconfig", "authorization-kubeconfig"]
        .map(|flag| format!("--{flag}={path}"))
        .into()
}

pub fn manager_ready() -> bool {
    crate::wait::listens(MANAGER)
}

pub fn scheduler_ready() -> bool {
    crate::wait::listens(SCHEDULER)
}
