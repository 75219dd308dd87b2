//! Where the lease is kept: in Kubernetes, or in a test's memory that conflicts as Kubernetes would.

use std::time::Duration;

use futures::StreamExt;
use k8s_openapi::api::coordination::v1::Lease;
use kube::api::{Api, PostParams, WatchParams};
use kube::{Client, ResourceExt};

/// A place for one lease. Every write is compare-and-swap: it fails when somebody wrote in between.
pub(crate) trait Store {
    async fn get(&self) -> Result<Option<Lease>, kube::Error>;
    async fn create(&self, lease: &Lease) -> Result<Lease, kube::Error>;
    /// Replaces exactly the version that `lease` carries as its resourceVersion.
    async fn replace(&self, lease: &Lease) -> Result<Lease, kube::Error>;
    /// Returns when the lease has changed since `seen`, or after `at_most`.
    async fn changed(&self, seen: &Lease, at_most: Duration);
}

/// A Lease object of Kubernetes.
pub(crate) struct KubernetesStore {
    api: Api<Lease>,
    name: String,
}

impl KubernetesStore {
    pub(crate) fn new(client: Client, namespace: &str, name: &str) -> Self {
        Self { api: Api::namespaced(client, namespace), name: name.to_owned() }
    }

    fn params() -> PostParams {
        PostParams { field_manager: Some("outboard-operator".to_owned()), ..PostParams::default() }
    }
}

impl Store for KubernetesStore {
    async fn get(&self) -> Result<Option<Lease>, kube::Error> {
        self.api.get_opt(&self.name).await
    }

    async fn create(&self, lease: &Lease) -> Result<Lease, kube::Error> {
        let mut lease = lease.clone();
        lease.metadata.name = Some(self.name.clone());
        self.api.create(&Self::params(), &lease).await
    }

    async fn replace(&self, lease: &Lease) -> Result<Lease, kube::Error> {
        self.api.replace(&self.name, &Self::params(), lease).await
    }

    async fn changed(&self, seen: &Lease, at_most: Duration) {
        let params = WatchParams::default().fields(&format!("metadata.name={}", self.name)).timeout(10);
        let version = seen.resource_version().unwrap_or_default();
        let pause = tokio::time::sleep(at_most);
        let change = async {
            match self.api.watch(&params, &version).await {
                // An error in the stream (an expired version) is news as well: the caller reads again.
                Ok(events) => {
                    let mut events = Box::pin(events);
                    if events.next().await.is_none() {
                        std::future::pending::<()>().await;
                    }
                }
                // Cannot watch: then looking again after the pause has to do.
                Err(_) => std::future::pending().await,
            }
        };
        tokio::select! {
            () = change => {}
            () = pause => {}
        }
    }
}
