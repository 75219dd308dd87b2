//! Waiting for one object by watching it, through outages of the API server, with an eye on the operator.

use std::fmt::Debug;
use std::pin::pin;
use std::time::Duration;

use futures::StreamExt;
use kube::runtime::utils::Backoff;
use kube::runtime::{WatchStreamExt, watcher};
use kube::{Api, Resource};
use serde::de::DeserializeOwned;
use tokio::time::Instant;

use crate::error::{is_missing_kind, is_outage};
use crate::operator::{Pulse, Watchman};
use crate::{Cluster, Error, Event, Result, Sink};

/// How long the API server may be away before we give up watching.
pub const OUTAGE: Duration = Duration::from_secs(30);
/// How long the operator may take to look at something new before we ask whether it is there.
const LAG: Duration = Duration::from_secs(5);
/// How long without its Lease being visible to us.
const LAG_UNSEEN: Duration = Duration::from_secs(60);
/// An API server that says nothing at all is asked after this long: a dead connection looks the same.
const SILENCE: Duration = Duration::from_secs(15);
const PROBE: Duration = Duration::from_secs(3);

/// What one look at the object found.
pub enum Look<T> {
    Done(T),
    /// In progress, the operator has seen it.
    Wait,
    /// The operator has not seen it yet.
    Lagging,
}

/// What is waited for, and for how long.
pub struct Wait<'a, K> {
    pub cluster: &'a Cluster,
    pub api: Api<K>,
    pub name: &'a str,
    /// For people: `environment qa-42`.
    pub what: String,
    pub timeout: Option<Duration>,
}

impl<K> Wait<'_, K>
where
    K: Resource + Clone + DeserializeOwned + Debug + Send + 'static,
{
    /// Calls `look` with every state of the object (`None`: it does not exist) until it says that it is done.
    pub async fn until<T>(
        self,
        events: Sink<'_>,
        mut look: impl FnMut(Option<K>, Sink<'_>) -> Result<Look<T>>,
    ) -> Result<T> {
        let mut states = pin!(watcher::watch_object(self.api.clone(), self.name).backoff(Steady::default()));
        let mut tick = tokio::time::interval(Duration::from_secs(1));
        let start = Instant::now();
        let mut contact = Contact::new();
        let mut lag = Lag::default();
        loop {
            let state = tokio::select! {
                state = states.next() => match state {
                    Some(Ok(state)) => Some(state),
                    Some(Err(error)) => {
                        contact.lost(self.cluster, error, events)?;
                        None
                    }
                    None => return Err(Error::WentAway {
                        server: self.cluster.server.clone(),
                        seconds: 0,
                        reason: "the watch ended".into(),
                    }),
                },
                _ = tick.tick() => {
                    if let Some(after) = self.timeout.filter(|timeout| start.elapsed() >= *timeout) {
                        return Err(Error::Timeout { what: self.what, after, pending: vec![] });
                    }
                    contact.overdue(self.cluster)?;
                    lag.check(self.cluster, events).await?;
                    if contact.wants_probe() { contact.probe(self.cluster, &self.api, self.name, events).await? } else { None }
                }
            };
            let Some(state) = state else { continue };
            contact.heard(self.cluster, events);
            match look(state, events)? {
                Look::Done(value) => return Ok(value),
                Look::Wait => lag = Lag::default(),
                Look::Lagging => lag.begin(),
            }
        }
    }
}

/// Half a second, then a second, then every two: a person is waiting, and one client is no storm.
#[derive(Default)]
pub struct Steady(u32);

impl Iterator for Steady {
    type Item = Duration;

    fn next(&mut self) -> Option<Duration> {
        self.0 = (self.0 + 1).min(3);
        Some(Duration::from_millis(250 << self.0))
    }
}

impl Backoff for Steady {
    fn reset(&mut self) {
        self.0 = 0;
    }
}

/// Whether the API server still answers.
struct Contact {
    ever: bool,
    heard: Instant,
    lost: Option<(Instant, kube::Error)>,
}

impl Contact {
    fn new() -> Self {
        Self { ever: false, heard: Instant::now(), lost: None }
    }

    fn heard(&mut self, cluster: &Cluster, events: Sink<'_>) {
        if self.lost.take().is_some() {
            events(Event::ServerBack { server: cluster.server.clone() });
        }
        self.ever = true;
        self.heard = Instant::now();
    }

    /// An API server that restarts refuses, or does not know our kinds, for a moment: so once it has answered,
    /// any refusal is an outage until it lasts too long.
    fn lost(&mut self, cluster: &Cluster, error: watcher::Error, events: Sink<'_>) -> Result<()> {
        let error = match error {
            // 410 Gone: the watch is too old and starts again by itself.
            watcher::Error::WatchError(status) if status.code == 410 => return Ok(()),
            watcher::Error::WatchError(status) => kube::Error::Api(status),
            watcher::Error::InitialListFailed(error)
            | watcher::Error::WatchStartFailed(error)
            | watcher::Error::WatchFailed(error) => error,
            watcher::Error::NoResourceVersion => return Ok(()),
        };
        self.lost_by(cluster, error, events)
    }

    fn lost_by(&mut self, cluster: &Cluster, error: kube::Error, events: Sink<'_>) -> Result<()> {
        if !self.ever && !is_outage(&error) {
            return Err(cluster.explain(error));
        }
        tracing::debug!(%error, "the API server does not answer");
        match &mut self.lost {
            Some((_, last)) => *last = error,
            None => {
                events(Event::ServerSilent {
                    server: cluster.server.clone(),
                    reason: crate::error::root_cause(&error),
                    retry_seconds: OUTAGE.as_secs(),
                });
                self.lost = Some((Instant::now(), error));
            }
        }
        Ok(())
    }

    fn overdue(&mut self, cluster: &Cluster) -> Result<()> {
        match self.lost.take_if(|(since, _)| since.elapsed() >= OUTAGE) {
            None => Ok(()),
            Some((_, error)) if !is_outage(&error) => Err(cluster.explain(error)),
            Some((since, error)) => Err(Error::WentAway {
                server: cluster.server.clone(),
                seconds: since.elapsed().as_secs(),
                reason: crate::error::root_cause(&error),
            }),
        }
    }

    /// A watch that is resumed says nothing until something changes: so when in doubt, ask.
    fn wants_probe(&self) -> bool {
        self.lost.is_some() || self.heard.elapsed() >= SILENCE
    }

    async fn probe<K>(
        &mut self,
        cluster: &Cluster,
        api: &Api<K>,
        name: &str,
        events: Sink<'_>,
    ) -> Result<Option<Option<K>>>
    where
        K: Clone + DeserializeOwned + Debug,
    {
        match tokio::time::timeout(PROBE, api.get(name)).await {
            Ok(Ok(state)) => Ok(Some(Some(state))),
            Ok(Err(kube::Error::Api(status))) if status.code == 404 && !is_missing_kind(&status) => {
                Ok(Some(None))
            }
            Ok(Err(error)) => self.lost_by(cluster, error, events).map(|()| None),
            Err(_) => {
                let silent = std::io::Error::new(std::io::ErrorKind::TimedOut, "no answer");
                self.lost_by(cluster, kube::Error::ReadEvents(silent), events).map(|()| None)
            }
        }
    }
}

/// How long the operator has not looked.
#[derive(Default)]
struct Lag {
    since: Option<Instant>,
    told: bool,
    watchman: Watchman,
}

impl Lag {
    fn begin(&mut self) {
        self.since.get_or_insert_with(Instant::now);
    }

    async fn check(&mut self, cluster: &Cluster, events: Sink<'_>) -> Result<()> {
        let Some(since) = self.since else { return Ok(()) };
        if since.elapsed() < LAG || !self.watchman.is_due() {
            return Ok(());
        }
        let look = tokio::time::timeout(PROBE, self.watchman.look(cluster)).await;
        match look.unwrap_or(Pulse::Unknown) {
            Pulse::Silent(reason) => Err(Error::NoOperator { reason }),
            Pulse::Unknown if since.elapsed() >= LAG_UNSEEN => Err(Error::NoOperator {
                reason: format!("it has not looked for {} s", since.elapsed().as_secs()),
            }),
            Pulse::Alive | Pulse::Unknown => {
                if !self.told {
                    self.told = true;
                    let reason = format!("it has not looked for {} s", since.elapsed().as_secs());
                    events(Event::OperatorSilent { reason });
                }
                Ok(())
            }
        }
    }
}

#[cfg(test)]
mod tests;
