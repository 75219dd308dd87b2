//! Follows every container of an environment, and those that join while we read.

use std::collections::HashMap;
use std::pin::pin;

use futures::StreamExt;
use jiff::Timestamp;
use k8s_openapi::api::core::v1::Pod;
use kube::api::LogParams;
use kube::runtime::{WatchStreamExt, watcher};
use kube::{Api, ResourceExt};
use tokio::sync::{mpsc, watch};
use tokio::task::JoinSet;

use super::containers::{Snapshot, containers, part};
use super::line::Line;
use super::source::Source;
use super::{Ended, Entry, Query};
use crate::error::is_outage;
use crate::wait::{Look, Wait};
use crate::{Cluster, Error, Result};

/// Until the environment is destroyed, nobody listens, or the API server stays away.
pub async fn follow(
    cluster: &Cluster,
    namespace: &str,
    runs_in: &str,
    query: &Query,
    out: mpsc::Sender<Entry>,
) -> Result<Ended> {
    let mut sources = Sources {
        cluster: cluster.clone(),
        pods: Api::namespaced(cluster.client.clone(), runs_in),
        query,
        out: out.clone(),
        known: HashMap::new(),
        tasks: JoinSet::new(),
        initial: true,
    };
    let mut pods = pin!(watcher(sources.pods.clone(), watcher::Config::default()).default_backoff());
    let mut lives = pin!(until_destroyed(cluster, namespace, &query.environment, out.clone()));
    let mut answered = false;
    loop {
        tokio::select! {
            biased;
            () = out.closed() => return Ok(Ended::Unheard),
            event = pods.next() => match event {
                Some(Ok(event)) => {
                    answered = true;
                    sources.observe(event);
                }
                Some(Err(error)) => refused(cluster, error, answered)?,
                None => return Ok(Ended::Complete),
            },
            Some(ended) = sources.tasks.join_next() => {
                if let Ok(Err(error)) = ended { return Err(error) }
            }
            destroyed = &mut lives => {
                destroyed?;
                break;
            }
        }
    }
    // The last words of what is being destroyed.
    sources.known.values().for_each(|state| {
        state.send_modify(|state| state.gone = true);
    });
    while sources.tasks.join_next().await.is_some() {}
    Ok(Ended::Destroyed)
}

/// Also keeps an eye on the API server for everybody here.
async fn until_destroyed(
    cluster: &Cluster,
    namespace: &str,
    name: &str,
    out: mpsc::Sender<Entry>,
) -> Result<()> {
    let api: Api<api::Environment> = Api::namespaced(cluster.client.clone(), namespace);
    let mut tell = |event| {
        let _ = out.try_send(Entry::Event(event));
    };
    Wait { cluster, api, name, what: format!("environment {name}"), timeout: None }
        .until(&mut tell, |environment, _| {
            Ok(if environment.is_none() { Look::Done(()) } else { Look::Wait })
        })
        .await
}

/// A refusal at the very start is final; later ones are outages, which the watch of the environment judges.
fn refused(cluster: &Cluster, error: watcher::Error, answered: bool) -> Result<()> {
    let error = match error {
        watcher::Error::InitialListFailed(error)
        | watcher::Error::WatchStartFailed(error)
        | watcher::Error::WatchFailed(error) => error,
        watcher::Error::WatchError(_) | watcher::Error::NoResourceVersion => return Ok(()),
    };
    if answered || is_outage(&error) { Ok(()) } else { Err(cluster.explain(error)) }
}

struct Sources<'a> {
    cluster: Cluster,
    pods: Api<Pod>,
    query: &'a Query,
    out: mpsc::Sender<Entry>,
    /// By pod uid and container.
    known: HashMap<(String, String), watch::Sender<Snapshot>>,
    tasks: JoinSet<Result<(), Error>>,
    /// Pods of the first list: for them `--since` and `--tail` hold; what joins later is read whole.
    initial: bool,
}

impl Sources<'_> {
    fn observe(&mut self, event: watcher::Event<Pod>) {
        match event {
            watcher::Event::Apply(pod) | watcher::Event::InitApply(pod) => self.seen(&pod),
            watcher::Event::Delete(pod) => self.gone(&pod.uid().unwrap_or_default()),
            watcher::Event::InitDone => self.initial = false,
            watcher::Event::Init => {}
        }
    }

    fn seen(&mut self, pod: &Pod) {
        let Some(part) = part(pod) else { return };
        if !self.query.parts.is_empty() && !self.query.parts.iter().any(|wanted| wanted == part) {
            return;
        }
        for container in containers(pod) {
            let key = (pod.uid().unwrap_or_default(), container.name.clone());
            if let Some(state) = self.known.get(&key) {
                state.send_if_modified(|state| {
                    let changed = *state != container.snapshot;
                    *state = container.snapshot.clone();
                    changed
                });
                continue;
            }
            let (sender, state) = watch::channel(container.snapshot);
            let template = template(&self.query.environment, part, pod, &container.name);
            let source = Source {
                cluster: self.cluster.clone(),
                pods: self.pods.clone(),
                template,
                first: if self.initial { first(self.query) } else { LogParams::default() },
                state,
                out: self.out.clone(),
            };
            self.tasks.spawn(source.follow());
            self.known.insert(key, sender);
        }
    }

    fn gone(&mut self, uid: &str) {
        self.known.retain(|(pod, _), state| {
            if pod == uid {
                state.send_modify(|state| state.gone = true);
            }
            pod != uid
        });
    }
}

/// A line of a container, but for its time and text.
pub fn template(environment: &str, part: &str, pod: &Pod, container: &str) -> Line {
    Line {
        time: Timestamp::UNIX_EPOCH,
        environment: environment.to_owned(),
        component: part.to_owned(),
        pod: pod.name_any(),
        container: container.to_owned(),
        line: String::new(),
    }
}

/// Where to begin with a container that was there before us.
pub fn first(query: &Query) -> LogParams {
    LogParams {
        since_seconds: query.since.and_then(|since| i64::try_from(since.as_secs()).ok()),
        tail_lines: query.tail.map(i64::from),
        ..LogParams::default()
    }
}
