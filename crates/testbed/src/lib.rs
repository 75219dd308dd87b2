//! A real Kubernetes on one Linux machine, for development, tests and `make demo`: no Docker, nothing prebuilt but
//! Debian's packages and Envoy. Tests use what is `pub` here; the rest is the binary's.

mod addons;
mod apiserver;
mod browser;
mod ca;
mod cache;
mod cgroup;
mod command;
mod components;
mod containerd;
mod controllers;
mod debian;
pub mod dns;
mod down;
mod envoy;
mod etcd;
mod existing;
pub mod forward;
mod gateway;
mod go;
mod hosts;
pub mod image;
mod images;
mod itself;
mod kube;
mod kubelet;
mod leftovers;
mod lock;
mod network;
mod node;
mod on_demand;
mod packages;
mod pki;
mod pod_logs;
pub mod policy;
mod proc;
mod process;
mod provider;
mod python;
mod registry;
mod restart;
mod status;
mod step;
mod template;
mod tools;
mod up;
mod versions;
mod wait;

use std::path::PathBuf;
use std::process::Command;

use anyhow::Context;

pub use cache::Cache;
pub use components::logs;
pub use down::down;
pub use existing::check;
pub use kube::Kubectl;
pub use on_demand::{images as on_demand, provide};
pub use registry::NAME as REGISTRY;
pub use restart::restart;
pub use status::status;
pub use tools::tools;
pub use up::up;

/// The administrator's kubeconfig of the running testbed.
pub fn kubeconfig_path() -> anyhow::Result<PathBuf> {
    Ok(Cache::open()?.admin())
}

/// A program built from `go/`, by the name of its tool: for images that hold one.
pub fn binary(name: &str) -> anyhow::Result<PathBuf> {
    let tool = go::TOOLS.iter().find(|tool| tool.name == name);
    tool.with_context(|| format!("there is no tool `{name}`"))?.path(&Cache::open()?)
}

/// The definitions of cert-manager's kinds, as its own module has them.
pub fn cert_manager_definitions() -> anyhow::Result<PathBuf> {
    let module = go::module_of(&Cache::open()?, "cert-manager", "github.com/cert-manager/cert-manager")?;
    Ok(module.join("deploy/crds"))
}

/// A program that is made on demand, by its name: for stories that need it.
pub fn tool(name: &str) -> anyhow::Result<PathBuf> {
    tools::tool(&Cache::open()?, name)
}

/// The image that holds a pod's namespaces, and does nothing: every node has it.
pub fn pause_image() -> anyhow::Result<String> {
    Ok(images::Images::of_this_version()?.pause)
}

/// The address of this machine that pods reach, too.
pub const HOST: &str = node::HOST_IP;

/// The gateway's address, in pods and on this machine.
pub const GATEWAY: &str = node::GATEWAY_IP;

/// The certificate that whoever speaks TLS with the gateway has to trust.
pub fn authority() -> anyhow::Result<PathBuf> {
    Ok(ca::authority(&Cache::open()?))
}

/// As whom the API server saw outboard's server do something, one JSON object a line.
pub fn audit_log() -> anyhow::Result<PathBuf> {
    Ok(apiserver::audit_log(&Cache::open()?))
}

/// Where the kubelet keeps pods' logs.
pub fn pod_logs() -> anyhow::Result<PathBuf> {
    Ok(pod_logs::folder(&node::Node::first(&Cache::open()?)))
}

/// Where the registry keeps what was pushed.
pub fn registry_folder() -> anyhow::Result<PathBuf> {
    Ok(Cache::open()?.registry())
}

/// Leads the name of another registry, as nodes know it, to where it is on this machine.
pub fn lead_registry(name: &str, url: &str) -> anyhow::Result<()> {
    containerd::lead(&node::Node::first(&Cache::open()?), name, url)
}

/// kubectl, speaking to the testbed.
pub fn kubectl() -> anyhow::Result<Command> {
    Ok(Kubectl::new(&Cache::open()?)?.command())
}
