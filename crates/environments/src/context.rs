//! What every reconcile of the slice shares: what is known, how it is written, and what has failed or been healed lately.

use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::{Duration, Instant};

use api::marks;
use api::{Drift, Environment, EnvironmentStatus, Verdict};
use apply::{Managers, Writer};
use aws::Aws;
use futures::FutureExt;
use k8s_openapi::jiff::Timestamp;
use kube::api::{Api, Patch, PatchParams};
use kube::runtime::controller::Action;
use kube::runtime::events::{Event, EventType, Recorder, Reporter};
use kube::runtime::reflector::Store;
use kube::{Client, Resource, ResourceExt};
use serde_json::json;
use tracing::{debug, warn};

use crate::Settings;
use crate::error::Error;
use crate::heal::Place;
use crate::observe::Observer;
use crate::owners::Owners;
use crate::plan::{backoff, drift, verdicts};
use crate::registry::seats::Seats;
use crate::registry::shelf::Shelf;
use crate::rest::Rest;
use crate::streaks::Streaks;
use crate::underway::Underway;
use crate::watch::Watches;

/// Somebody else wrote first: what they wrote is looked at this soon.
const MOVED: Duration = Duration::from_millis(500);

/// What every reconcile shares.
pub struct Context {
    pub client: Client,
    pub aws: Aws,
    pub settings: Settings,
    pub watches: Watches,
    pub writer: Writer,
    pub observer: Arc<dyn Observer>,
    /// Objects that were healed lately.
    pub healed: Streaks<Place>,
    /// Looks that failed lately, by what was looked at.
    failures: Streaks<String>,
    pub rest: Rest,
    pub underway: Underway,
    pub owners: Owners,
    /// What registries said.
    pub shelf: Shelf,
    /// Who asks them just now.
    pub seats: Seats,
    recorder: Recorder,
}

/// Which look at which object.
fn looked<K: ResourceExt>(what: &str, object: &K) -> String {
    format!("{what} {}", object.uid().unwrap_or_default())
}

impl Context {
    pub fn new(
        client: Client,
        settings: Settings,
        watches: Watches,
        environments: Store<Environment>,
        observer: Arc<dyn Observer>,
    ) -> Self {
        let writer = Writer::new(client.clone(), Managers::allowing(&settings.managers));
        let reporter = Reporter { controller: "outboard".to_owned(), instance: None };
        let recorder = Recorder::new(client.clone(), reporter);
        Self {
            client,
            aws: Aws::default(),
            settings,
            watches,
            writer,
            observer,
            healed: Streaks::new(backoff::HEAL),
            failures: Streaks::new(backoff::FAIL),
            rest: Rest::default(),
            underway: Underway::default(),
            owners: Owners::new(environments),
            shelf: Shelf::default(),
            seats: Seats::default(),
            recorder,
        }
    }

    /// One look, observed. A panic in it is an error of this object alone.
    pub async fn look<K: ResourceExt>(
        &self,
        what: &'static str,
        object: &K,
        look: impl Future<Output = Result<Action, Error>>,
    ) -> Result<Action, Error> {
        let begun = Instant::now();
        let outcome = AssertUnwindSafe(look).catch_unwind().await.unwrap_or_else(|panic| {
            let said = panic.downcast_ref::<String>().cloned();
            let said = said.or_else(|| panic.downcast_ref::<&str>().map(|text| (*text).to_owned()));
            Err(Error::Bug(said.unwrap_or_else(|| "a panic without words".to_owned())))
        });
        self.observer.reconciled(what, begun.elapsed(), outcome.is_err());
        if outcome.is_ok() {
            // The next failure is a first one.
            self.failures.reset(&looked(what, object));
        }
        outcome
    }

    /// When to look again at what could not be looked at.
    pub fn failed<K: ResourceExt>(&self, what: &'static str, object: &K, error: &Error) -> Action {
        let name = object.name_any();
        match error {
            // Somebody else wrote first: look again at once, with what they wrote.
            Error::Kube(kube::Error::Api(status))
            | Error::Apply(apply::Error::Kube(kube::Error::Api(status)))
                if status.code == 409 || status.code == 404 =>
            {
                debug!(%name, %error, "{name} moved while it was reconciled");
                Action::requeue(MOVED)
            }
            _ => {
                let wait = self.failures.count(looked(what, object), Timestamp::now());
                let why = shortened(&error.to_string());
                warn!(%name, "cannot look at {what} {name}, trying again in {} ms: {why}", wait.as_millis());
                Action::requeue(wait)
            }
        }
    }

    /// Tells of drift as an Event on the Environment. That it cannot be told is no reason to stop.
    pub async fn tell(&self, environment: &Environment, found: &Drift) {
        let event = Event {
            type_: EventType::Warning,
            reason: if found.reverted { "DriftReverted" } else { "DriftFound" }.to_owned(),
            note: Some(shortened(&drift::sentence(found))),
            action: if found.reverted { "Heal" } else { "Report" }.to_owned(),
            secondary: None,
        };
        self.publish(environment, &event).await;
    }

    /// Tells a verdict as an Event on the Environment.
    pub async fn tell_verdict(&self, environment: &Environment, verdict: &Verdict) {
        let event = Event {
            type_: EventType::Warning,
            reason: format!("{:?}", verdict.cause),
            note: Some(verdicts::note(verdict)),
            action: "Explain".to_owned(),
            secondary: None,
        };
        self.publish(environment, &event).await;
    }

    async fn publish(&self, environment: &Environment, event: &Event) {
        if let Err(error) = self.recorder.publish(event, &environment.object_ref(&())).await {
            debug!(%error, "cannot write an event on {}", environment.name_any());
        }
    }

    /// Writes the whole status, as this slice's own.
    pub async fn write_status(
        &self,
        environment: &Environment,
        status: &EnvironmentStatus,
    ) -> Result<(), Error> {
        let api =
            Api::<Environment>::namespaced(self.client.clone(), &environment.namespace().unwrap_or_default());
        let object = json!({
            "apiVersion": Environment::api_version(&()),
            "kind": Environment::kind(&()),
            // Fences: against a namesake made meanwhile, and against a look that saw an older status.
            "metadata": {
                "name": environment.name_any(),
                "uid": environment.uid(),
                "resourceVersion": environment.resource_version(),
            },
            "status": status,
        });
        let params = PatchParams::apply(marks::MANAGER).force();
        api.patch_status(&environment.name_any(), &params, &Patch::Apply(&object)).await?;
        Ok(())
    }
}

/// The API server quotes whole objects in its refusals; the beginning says what is wrong.
fn shortened(message: &str) -> String {
    const LENGTH: usize = 500;
    match message.char_indices().nth(LENGTH) {
        Some((end, _)) => format!("{}…", &message[..end]),
        None => message.to_owned(),
    }
}
