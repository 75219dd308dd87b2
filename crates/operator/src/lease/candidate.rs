//! A process that wants to lead: looks, decides by `plan`, and writes at most once per look.

use std::time::Duration;

use k8s_openapi::api::coordination::v1::Lease;
use k8s_openapi::jiff::Timestamp;
use kube::ResourceExt;
use tokio::time::{Instant, sleep};
use tracing::warn;

use super::leadership::Leadership;
use super::plan::{Action, Seen, Terms, decide};
use super::store::Store;
use super::{Failure, bounded, is_conflict};

/// A process that wants to lead.
pub(crate) struct Candidate<S> {
    pub(super) store: S,
    identity: String,
    pub(super) terms: Terms,
}

impl<S: Store> Candidate<S> {
    pub(crate) fn new(store: S, identity: impl Into<String>, terms: Terms) -> Self {
        Self { store, identity: identity.into(), terms }
    }

    /// Waits until this process leads; `waiting` is told for whom, each time that changes.
    pub(crate) async fn acquire(self, mut waiting: impl FnMut(&str)) -> Leadership<S> {
        let mut seen: Option<Sight> = None;
        let mut told = String::new();
        let mut failures = 0;
        loop {
            let asked = Instant::now();
            match self.step(&mut seen).await {
                Ok(Step::Leading(lease)) => {
                    return Leadership::new(self, *lease, asked);
                }
                Ok(Step::Wait { holder, at_most }) => {
                    failures = 0;
                    if told != holder {
                        waiting(&holder);
                        told = holder;
                    }
                    if let Some(sight) = &seen {
                        self.store.changed(&sight.lease, at_most.min(self.terms.retry_after)).await;
                    }
                }
                Ok(Step::Again) => {}
                Err(error) => {
                    failures += 1;
                    // Once is a hiccup; later only now and then, so that a long outage fills no disk.
                    if failures == 1 || failures % 15 == 0 {
                        warn!("Failed to get at the lease, trying again: {error}");
                    }
                    sleep(self.terms.retry_after).await;
                }
            }
        }
    }

    /// Reads the lease, decides, and writes at most once.
    async fn step(&self, seen: &mut Option<Sight>) -> Result<Step, Failure> {
        let observed = bounded(self.store.get()).await?;
        *seen = Sight::after(seen.take(), observed, Instant::now());
        let spec = seen.as_ref().map(|sight| sight.lease.spec.clone().unwrap_or_default());
        let view = match (seen.as_ref(), spec.as_ref()) {
            (Some(sight), Some(spec)) if sight.vanished => Seen::Vanished(spec, sight.since.elapsed()),
            (Some(sight), Some(spec)) => Seen::Unchanged(spec, sight.since.elapsed()),
            _ => Seen::Never,
        };
        let written = match decide(view, &self.identity, Timestamp::now(), &self.terms) {
            Action::Wait { holder, at_most } => return Ok(Step::Wait { holder, at_most }),
            Action::Create(spec) => {
                bounded(self.store.create(&Lease { spec: Some(spec), ..Lease::default() })).await
            }
            Action::Take(spec) => {
                let read = seen.as_ref().map(|sight| sight.lease.clone()).unwrap_or_default();
                bounded(self.store.replace(&Lease { spec: Some(spec), ..read })).await
            }
        };
        match written {
            Ok(lease) => Ok(Step::Leading(Box::new(lease))),
            // Somebody was faster, or our own first try got through after all: look again.
            Err(Failure::Kube(error)) if is_conflict(&error) => Ok(Step::Again),
            Err(error) => Err(error),
        }
    }
}

/// The lease as it was last seen, and since when it has looked so by this process's own clock.
struct Sight {
    lease: Lease,
    vanished: bool,
    since: Instant,
}

impl Sight {
    fn after(before: Option<Self>, observed: Option<Lease>, now: Instant) -> Option<Self> {
        let version = |lease: &Lease| (lease.uid(), lease.resource_version());
        match (before, observed) {
            (before, None) => before.map(|sight| {
                let since = if sight.vanished { sight.since } else { now };
                Self { vanished: true, since, ..sight }
            }),
            (Some(sight), Some(lease)) if !sight.vanished && version(&sight.lease) == version(&lease) => {
                Some(sight)
            }
            (_, Some(lease)) => Some(Self { lease, vanished: false, since: now }),
        }
    }
}

enum Step {
    Leading(Box<Lease>),
    Wait { holder: String, at_most: Duration },
    Again,
}
