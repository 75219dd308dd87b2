//! Which environments and hostnames there are, as they were last seen; and what wakes the controller.

use std::sync::Arc;

use api::{Environment, HostClaim, Hostname};
use apply::watch::Retry;
use futures::StreamExt;
use kube::api::Api;
use kube::runtime::reflector::{self, Store};
use kube::runtime::{WatchStreamExt, watcher};
use kube::{Client, Resource};
use serde::de::DeserializeOwned;
use tokio::sync::Notify;
use tokio::task::JoinSet;
use tracing::warn;

/// Below every idle limit that a load balancer is known to have.
const WATCH_SECONDS: u32 = 200;

pub struct Watches {
    pub environments: Store<Environment>,
    pub hostnames: Store<Hostname>,
    pub claims: Store<HostClaim>,
    pub woken: Arc<Notify>,
}

impl Watches {
    /// Starts every watch into `tasks`.
    pub fn start(client: &Client, tasks: &mut JoinSet<()>) -> Self {
        let woken = Arc::new(Notify::new());
        Self {
            environments: follow(client, &woken, tasks),
            hostnames: follow(client, &woken, tasks),
            claims: follow(client, &woken, tasks),
            woken,
        }
    }

    /// Resolves once every kind has been listed.
    pub async fn ready(&self) {
        // A writer lives as long as its watch; when it is gone the process is ending.
        let _ = self.environments.wait_until_ready().await;
        let _ = self.hostnames.wait_until_ready().await;
        let _ = self.claims.wait_until_ready().await;
    }
}

fn follow<K>(client: &Client, woken: &Arc<Notify>, tasks: &mut JoinSet<()>) -> Store<K>
where
    K: Resource<DynamicType = ()> + Clone + std::fmt::Debug + DeserializeOwned + Send + Sync + 'static,
{
    let (store, writer) = reflector::store();
    let woken = woken.clone();
    let lean = watcher(Api::<K>::all(client.clone()), watcher::Config::default().timeout(WATCH_SECONDS))
        .map(|event| event.map(|event| event.modify(|object| object.meta_mut().managed_fields = None)));
    let stream = lean.backoff(Retry::default()).reflect(writer).touched_objects();
    tasks.spawn(async move {
        let mut stream = std::pin::pin!(stream);
        while let Some(next) = stream.next().await {
            match next {
                Ok(_) => woken.notify_one(),
                Err(error) => {
                    let kind = K::kind(&());
                    warn!(%kind, %error, "lost the watch on {kind}, trying again");
                }
            }
        }
    });
    store
}
