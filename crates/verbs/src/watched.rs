//! Every object of a kind as it is now, kept up to date by one watch for all who look on. Writes nothing.

use std::collections::BTreeSet;
use std::fmt::Debug;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use futures::{Stream, StreamExt};
use jiff::Timestamp;
use kube::api::ListParams;
use kube::core::NamespaceResourceScope;
use kube::runtime::reflector::{self, ObjectRef, Store};
use kube::runtime::{WatchStreamExt, watcher};
use kube::{Api, Client, Resource};
use serde::de::DeserializeOwned;
use tokio::sync::watch;
use tokio::task::AbortHandle;

use crate::error::root_cause;
use crate::wait::Steady;
use crate::{Cluster, Result};

/// What can be watched: custom resources of ours.
pub trait Watchable:
    Resource<Scope = NamespaceResourceScope, DynamicType = ()>
    + Clone
    + Debug
    + DeserializeOwned
    + Send
    + Sync
    + 'static
{
}

impl<K> Watchable for K where
    K: Resource<Scope = NamespaceResourceScope, DynamicType = ()>
        + Clone
        + Debug
        + DeserializeOwned
        + Send
        + Sync
        + 'static
{
}

/// An API server that says nothing at all is asked after this long: a dead connection looks the same.
const SILENCE: Duration = Duration::from_secs(5);
const PROBE: Duration = Duration::from_secs(3);

/// What has happened so far.
#[derive(Clone, Debug, Default)]
pub struct News {
    /// Grows with every change.
    pub version: u64,
    /// The API server does not answer: what is known is as old as that.
    pub silence: Option<Silence>,
}

#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Silence {
    pub since: Timestamp,
    pub reason: String,
}

/// The watch ends when this is dropped.
pub struct Watched<K: Watchable> {
    store: Store<K>,
    news: watch::Receiver<News>,
    watching: AbortHandle,
}

impl<K: Watchable> Watched<K> {
    /// Begins to watch a namespace, or without one all of them. Whoever may not learns why.
    pub async fn begin(cluster: &Cluster, namespace: Option<&str>) -> Result<Self> {
        let api: Api<K> = match namespace {
            Some(namespace) => Api::namespaced(cluster.client.clone(), namespace),
            None => Api::all(cluster.client.clone()),
        };
        let any = ListParams::default().limit(1);
        api.list(&any).await.map_err(|error| cluster.explain(error))?;
        let (store, writer) = reflector::store();
        let states = watcher(api, watcher::Config::default()).backoff(Steady::default());
        let states = reflector::reflector(writer, states);
        let (tell, news) = watch::channel(News::default());
        let watching = tokio::spawn(tell_all(states, cluster.client.clone(), tell)).abort_handle();
        let mut first = news.clone();
        // Nobody is shown an empty table that is not empty. A server that goes away just now is told by the news.
        let _ = first.wait_for(|news| news.version > 0 || news.silence.is_some()).await;
        Ok(Self { store, news, watching })
    }

    /// All of them, by namespace and name.
    pub fn all(&self) -> Vec<Arc<K>> {
        let mut all = self.store.state();
        all.sort_by_cached_key(|object| (object.meta().namespace.clone(), object.meta().name.clone()));
        all
    }

    pub fn find(&self, namespace: &str, name: &str) -> Option<Arc<K>> {
        self.store.get(&ObjectRef::new(name).within(namespace))
    }

    /// Where there are some.
    pub fn namespaces(&self) -> BTreeSet<String> {
        self.store.state().iter().filter_map(|object| object.meta().namespace.clone()).collect()
    }

    /// Tells whenever there is something new.
    pub fn news(&self) -> watch::Receiver<News> {
        self.news.clone()
    }
}

impl<K: Watchable> Drop for Watched<K> {
    fn drop(&mut self) {
        self.watching.abort();
    }
}

async fn tell_all<K>(
    states: impl Stream<Item = Result<watcher::Event<K>, watcher::Error>>,
    client: Client,
    tell: watch::Sender<News>,
) {
    let mut states = pin!(states);
    loop {
        match tokio::time::timeout(SILENCE, states.next()).await {
            Ok(None) => return,
            Ok(Some(Ok(watcher::Event::Init | watcher::Event::InitApply(_)))) => {}
            Ok(Some(Ok(_))) => {
                tell.send_modify(|news| *news = News { version: news.version + 1, silence: None });
            }
            // 410 Gone: the watch is too old and starts again by itself.
            Ok(Some(Err(watcher::Error::WatchError(status)))) if status.code == 410 => {}
            Ok(Some(Err(error))) => silent(&tell, cause(error)),
            Err(_) => match tokio::time::timeout(PROBE, client.apiserver_version()).await {
                Ok(Ok(_)) => {
                    tell.send_if_modified(|news| news.silence.take().is_some());
                }
                Ok(Err(error)) => silent(&tell, root_cause(&error)),
                Err(_) => silent(&tell, "no answer".to_owned()),
            },
        }
    }
}

fn silent(tell: &watch::Sender<News>, reason: String) {
    tell.send_if_modified(|news| {
        let first = news.silence.is_none();
        news.silence.get_or_insert(Silence { since: Timestamp::now(), reason });
        first
    });
}

fn cause(error: watcher::Error) -> String {
    match error {
        watcher::Error::InitialListFailed(error)
        | watcher::Error::WatchStartFailed(error)
        | watcher::Error::WatchFailed(error) => root_cause(&error),
        watcher::Error::WatchError(status) => status.message,
        watcher::Error::NoResourceVersion => error.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use api::Environment;
    use futures::stream;

    use super::*;

    type Item = Result<watcher::Event<Environment>, watcher::Error>;

    async fn after(states: Vec<Item>) -> News {
        let (tell, news) = watch::channel(News::default());
        let cluster = crate::fake::cluster(|_, _| None);
        tell_all(stream::iter(states), cluster.client.clone(), tell).await;
        news.borrow().clone()
    }

    fn environment() -> Environment {
        Environment::new("qa", api::EnvironmentSpec::default())
    }

    #[tokio::test]
    async fn a_list_counts_once_it_is_whole() {
        let begun = vec![Ok(watcher::Event::Init), Ok(watcher::Event::InitApply(environment()))];
        assert_eq!(after(begun).await.version, 0);
        let whole = vec![Ok(watcher::Event::Init), Ok(watcher::Event::InitDone)];
        assert_eq!(after(whole).await.version, 1);
    }

    #[tokio::test]
    async fn a_server_that_answers_again_is_silent_no_more() {
        let lost = || Err(watcher::Error::NoResourceVersion);
        assert!(after(vec![lost()]).await.silence.is_some());
        let news = after(vec![lost(), Ok(watcher::Event::Apply(environment()))]).await;
        assert_eq!((news.version, news.silence), (1, None));
    }
}
