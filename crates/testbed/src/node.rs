//! What makes one node: its name, addresses and folders. The first is this machine itself; a further one would be a
//! network namespace with the same parts under other paths.

use std::path::PathBuf;

use crate::cache::Cache;

/// Names that show on the machine, so that `down` knows them again.
pub const HOST_BRIDGE: &str = "outboard0";
pub const POD_BRIDGE: &str = "outboard-pods0";
pub const CGROUP: &str = "outboard-testbed";

/// The machine's own address on the host bridge: where the API server and the registry listen.
pub const HOST_IP: &str = "172.31.255.1";
pub const PODS: &str = "10.244.0.0/16";
pub const SERVICES: &str = "10.96.0.0/16";
pub const DNS_IP: &str = "10.96.0.10";
pub const GATEWAY_IP: &str = "10.96.0.80";

#[derive(Clone, Debug)]
pub struct Node {
    pub name: String,
    pub ip: String,
    pub pods: String,
    /// Sockets, configuration and runtime state.
    pub folder: PathBuf,
    /// Where containerd keeps images; outlives the cluster.
    pub images: PathBuf,
    /// From the root of every hierarchy.
    pub cgroup: String,
}

impl Node {
    pub fn first(cache: &Cache) -> Self {
        Self {
            name: "node-1".to_owned(),
            ip: HOST_IP.to_owned(),
            pods: "10.244.0.0/24".to_owned(),
            folder: cache.state().join("node-1"),
            images: cache.containerd(),
            cgroup: format!("/{CGROUP}/node-1"),
        }
    }

    pub fn socket(&self) -> PathBuf {
        self.folder.join("containerd.sock")
    }
}
