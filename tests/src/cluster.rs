//! The cluster as an administrator sees it: client, kubeconfig, pods.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Context, Result};
use k8s_openapi::api::core::v1::Pod;
use kube::api::{Api, ListParams};
use kube::{Client, Config, ResourceExt};

/// UID and restarts by pod name: equal twice means that nothing was restarted in between.
pub type Uids = BTreeMap<String, (String, i32)>;

/// A client that gives up early: a story is bounded.
pub async fn client() -> Result<Client> {
    let mut config = Config::infer().await.context("no cluster: set KUBECONFIG, as `make stories` does")?;
    config.connect_timeout = Some(Duration::from_secs(5));
    Ok(Client::try_from(config)?)
}

/// Where the administrator's kubeconfig lies.
pub fn kubeconfig_file() -> Result<PathBuf> {
    let paths = std::env::var_os("KUBECONFIG").context("KUBECONFIG is not set; `make stories` sets it")?;
    std::env::split_paths(&paths).next().context("KUBECONFIG is empty")
}

/// Pods of a namespace that are not on their way out.
pub(crate) async fn pods(client: &Client, namespace: &str) -> Result<Vec<Pod>> {
    let pods = Api::<Pod>::namespaced(client.clone(), namespace).list(&ListParams::default()).await?;
    Ok(pods.into_iter().filter(|pod| pod.metadata.deletion_timestamp.is_none()).collect())
}

pub(crate) fn uids(pods: &[Pod]) -> Uids {
    let restarts = |pod: &Pod| {
        let statuses = pod.status.iter().flat_map(|status| status.container_statuses.iter().flatten());
        statuses.map(|status| status.restart_count).sum()
    };
    pods.iter().map(|pod| (pod.name_any(), (pod.uid().unwrap_or_default(), restarts(pod)))).collect()
}
