//! Finds the containers of an environment, and those that join while we follow, and has each of them told.

use std::collections::{BTreeSet, HashMap};
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use futures::StreamExt;
use k8s_openapi::api::core::v1::Pod;
use kube::api::ListParams;
use kube::runtime::utils::Backoff;
use kube::runtime::{WatchStreamExt, watcher};
use kube::{Api, Client, ResourceExt};
use tokio::sync::{mpsc, watch};
use tokio::task::JoinSet;

use super::beat::Beat;
use super::containers::{Snapshot, containers, names, part};
use super::files::is_sidecar;
use super::log::Place;
use super::marks::Source;
use super::order::Id;
use super::outlet::{Arrival, Outlet};
use super::tail::{Past, Shared, Tail};
use super::watchdog::Pause;
use super::{Ended, Error, Wanted};

/// Seconds after which a watch is begun anew: before a load balancer takes it for dead.
const WATCH: u32 = 200;

/// What is destroyed has said everything by then.
const LAST_WORDS: Duration = Duration::from_secs(15);

/// An API server that is away is asked again soon: without news of restarts nobody knows why a log ended.
#[derive(Default)]
struct Steady(Pause);

impl Iterator for Steady {
    type Item = Duration;

    fn next(&mut self) -> Option<Duration> {
        Some(self.0.next().min(Duration::from_secs(2)))
    }
}

impl Backoff for Steady {
    fn reset(&mut self) {
        self.0.reset();
    }
}

/// Gathering ends when it is done, merging when all that was gathered is told, or nobody listens.
pub async fn with_merge(
    gathering: impl Future<Output = Result<(), Error>>,
    merging: impl Future<Output = Ended>,
) -> Result<Ended, Error> {
    let (mut gathering, mut merging) = (pin!(gathering), pin!(merging));
    tokio::select! {
        biased;
        ended = &mut merging => Ok(ended),
        gathered = &mut gathering => {
            gathered?;
            Ok(merging.await)
        }
    }
}

/// Every container that has written something.
pub async fn read(
    client: &Client,
    wanted: &Wanted,
    beat: Beat,
    arrivals: mpsc::UnboundedSender<Arrival>,
) -> Result<(), Error> {
    let mut sources = Sources::new(client, wanted, beat, arrivals, false);
    let parameters = ListParams::default().labels(api::marks::PART);
    let list = sources.pods.list(&parameters).await.map_err(|error| Error::Kubernetes(Box::new(error)))?;
    // All are known before the first is read: what is older goes first, whoever wrote it.
    list.iter().for_each(|pod| sources.seen(pod));
    sources.check_containers()?;
    while let Some(ended) = sources.tails.join_next().await {
        outcome(ended)?;
    }
    Ok(())
}

/// Until `gone` ends and the last words are told.
pub async fn follow(
    client: &Client,
    wanted: &Wanted,
    gone: impl Future<Output = ()>,
    beat: Beat,
    arrivals: mpsc::UnboundedSender<Arrival>,
) -> Result<(), Error> {
    let mut sources = Sources::new(client, wanted, beat, arrivals, true);
    let config = watcher::Config::default().labels(api::marks::PART).timeout(WATCH);
    let mut pods = pin!(watcher(sources.pods.clone(), config).backoff(Steady::default()));
    let mut gone = pin!(gone);
    loop {
        tokio::select! {
            event = pods.next() => match event {
                Some(Ok(event)) => sources.observe(event)?,
                Some(Err(error)) => sources.refused(error)?,
                None => break,
            },
            Some(ended) = sources.tails.join_next() => outcome(ended)?,
            () = &mut gone => break,
        }
    }
    // The last words of what is being destroyed.
    for state in sources.known.values() {
        state.send_modify(|state| state.gone = true);
    }
    let last_words = async {
        while let Some(ended) = sources.tails.join_next().await {
            outcome(ended)?;
        }
        Ok(())
    };
    // What was let go of instead runs on, and would be followed for ever.
    tokio::time::timeout(LAST_WORDS, last_words).await.unwrap_or(Ok(()))
}

/// A tail that was cut short is no news; one that panicked is a bug, and the others go on.
fn outcome(ended: Result<Result<(), Error>, tokio::task::JoinError>) -> Result<(), Error> {
    ended.unwrap_or(Ok(()))
}

struct Sources<'a> {
    pods: Api<Pod>,
    wanted: &'a Wanted,
    arrivals: mpsc::UnboundedSender<Arrival>,
    follow: bool,
    next: Id,
    /// By pod uid and container.
    known: HashMap<(String, String), watch::Sender<Snapshot>>,
    tails: JoinSet<Result<(), Error>>,
    /// Pods of the first list: for them `since` and `tail` hold; what joins later is read whole.
    initial: bool,
    /// Uids in a list that is being read.
    listed: BTreeSet<String>,
    shared: Shared,
    containers: BTreeSet<String>,
}

impl<'a> Sources<'a> {
    fn new(
        client: &Client,
        wanted: &'a Wanted,
        beat: Beat,
        arrivals: mpsc::UnboundedSender<Arrival>,
        follow: bool,
    ) -> Self {
        Self {
            pods: Api::namespaced(client.clone(), &wanted.namespace),
            wanted,
            arrivals,
            follow,
            next: 0,
            known: HashMap::new(),
            tails: JoinSet::new(),
            initial: true,
            listed: BTreeSet::new(),
            shared: Shared { beat, answered: Arc::default() },
            containers: BTreeSet::new(),
        }
    }

    fn observe(&mut self, event: watcher::Event<Pod>) -> Result<(), Error> {
        match event {
            watcher::Event::Apply(pod) => self.seen(&pod),
            watcher::Event::InitApply(pod) => {
                self.listed.insert(pod.uid().unwrap_or_default());
                self.seen(&pod);
            }
            watcher::Event::Delete(pod) => self.gone(&pod.uid().unwrap_or_default()),
            watcher::Event::Init => self.listed.clear(),
            watcher::Event::InitDone => {
                // What went while nobody watched is told by its absence alone.
                let listed = std::mem::take(&mut self.listed);
                let missed: Vec<String> = self
                    .known
                    .keys()
                    .map(|(uid, _)| uid)
                    .filter(|uid| !listed.contains(*uid))
                    .cloned()
                    .collect();
                missed.iter().for_each(|uid| self.gone(uid));
                if std::mem::take(&mut self.initial) {
                    self.check_containers()?;
                }
            }
        }
        Ok(())
    }

    fn seen(&mut self, pod: &Pod) {
        let Some(part) = part(pod) else { return };
        let wanted = self.wanted;
        if !wanted.components.is_empty() && !wanted.components.contains(part) {
            return;
        }
        if self.initial {
            self.containers.extend(names(pod).filter(|name| !is_sidecar(name)).map(str::to_owned));
        }
        for container in containers(pod) {
            // What a sidecar tells of files is the component's own container's.
            let name = if is_sidecar(&container.name) { part } else { &container.name };
            if !wanted.containers.is_empty() && !wanted.containers.contains(name) {
                continue;
            }
            let key = (pod.uid().unwrap_or_default(), container.name.clone());
            if let Some(state) = self.known.get(&key) {
                state.send_if_modified(|state| {
                    let changed = *state != container.snapshot;
                    *state = container.snapshot.clone();
                    changed
                });
            } else if self.follow || container.snapshot.started {
                let state = self.begin(pod, part, &container.name, container.snapshot);
                self.known.insert(key, state);
            }
        }
    }

    fn begin(
        &mut self,
        pod: &Pod,
        part: &str,
        container: &str,
        snapshot: Snapshot,
    ) -> watch::Sender<Snapshot> {
        let wanted = self.wanted;
        // Whoever has not started has no past to wait for.
        let joined = self.follow && !(self.initial && snapshot.started);
        let source = Source {
            project: wanted.project.clone(),
            environment: wanted.environment.clone(),
            component: part.to_owned(),
            pod: pod.name_any(),
            container: container.to_owned(),
            file: None,
        };
        let place = Place { pods: self.pods.clone(), pod: pod.name_any(), container: container.to_owned() };
        let past = Past {
            since: wanted.since,
            until: wanted.until,
            tail: wanted.tail.filter(|_| !joined),
            previous: wanted.previous,
        };
        let outlet = Outlet::new(self.next, source, joined, self.arrivals.clone());
        self.next += 1;
        let (sender, state) = watch::channel(snapshot);
        let tail = Tail::new(place, state, outlet, past, self.follow, joined, self.shared.clone());
        self.tails.spawn(tail.run());
        sender
    }

    fn gone(&mut self, uid: &str) {
        self.known.retain(|(pod, _), state| {
            if pod == uid {
                state.send_modify(|state| state.gone = true);
            }
            pod != uid
        });
    }

    /// A refusal at the very start is final; later ones are outages, which whoever watches the environment judges.
    fn refused(&self, error: watcher::Error) -> Result<(), Error> {
        let error = match error {
            watcher::Error::InitialListFailed(error)
            | watcher::Error::WatchStartFailed(error)
            | watcher::Error::WatchFailed(error) => error,
            watcher::Error::WatchError(_) | watcher::Error::NoResourceVersion => return Ok(()),
        };
        match &error {
            kube::Error::Api(status) if self.initial && status.code < 500 && status.code != 429 => {
                Err(Error::Kubernetes(Box::new(error)))
            }
            _ => Ok(()),
        }
    }

    fn check_containers(&self) -> Result<(), Error> {
        let unknown = self.wanted.containers.iter().find(|name| !self.containers.contains(*name));
        match unknown {
            // Before there is a pod, nobody knows.
            Some(name) if !self.containers.is_empty() => {
                let known = self.containers.iter().cloned().collect();
                Err(Error::UnknownContainer { name: name.clone(), known })
            }
            _ => Ok(()),
        }
    }
}
