//! etcd: the cluster's store. It holds a test cluster, so it does not wait for the disk.

use crate::cache::Cache;
use crate::go;
use crate::process::Daemon;

pub const CLIENTS: &str = "127.0.0.1:2379";
const PEERS: &str = "127.0.0.1:2380";

pub fn daemon(cache: &Cache) -> anyhow::Result<Daemon> {
    Ok(Daemon::new(cache, "etcd", go::ETCD.path(cache)?)
        .arg(format!("--data-dir={}", cache.state().join("etcd").display()))
        .arg(format!("--listen-client-urls=http://{CLIENTS}"))
        .arg(format!("--advertise-client-urls=http://{CLIENTS}"))
        .arg(format!("--listen-peer-urls=http://{PEERS}"))
        .arg(format!("--initial-advertise-peer-urls=http://{PEERS}"))
        .arg(format!("--initial-cluster=default=http://{PEERS}"))
        .args(["--unsafe-no-fsync", "--log-level=warn"]))
}

pub fn ready() -> bool {
    crate::wait::answers(CLIENTS, "/health")
}
