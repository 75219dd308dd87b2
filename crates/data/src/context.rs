//! What every look at a copy shares: the cluster, what the operator was told, and who counts.

use std::collections::BTreeMap;
use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::{Duration, Instant};

use api::marks;
use api::{DataCopy, DataCopyStatus};
use aws::Aws;
use futures::FutureExt;
use kube::api::{Api, Patch, PatchParams};
use kube::runtime::controller::Action;
use kube::runtime::events::{Event, EventType, Recorder, Reporter};
use kube::runtime::reflector::Store;
use kube::{Client, Resource, ResourceExt};
use serde_json::json;
use thiserror::Error;
use tokio::sync::{Mutex, OwnedMutexGuard};
use tracing::{debug, warn};

use crate::plan::backup::told::Standing;

/// Somebody else wrote first: what they wrote is looked at this soon.
const MOVED: Duration = Duration::from_millis(500);
const FAILED: Duration = Duration::from_secs(5);

/// What the slice is told about the cluster it runs in.
#[derive(Clone, Debug)]
pub struct Settings {
    /// Name of this installation; it marks everything that is made.
    pub install: String,
    /// Outboard's own image, which copies run.
    pub image: String,
    /// The operator's own namespace, in which keys of masks are kept.
    pub home: String,
    /// How long a copy is kept once it has ended.
    pub retention: Duration,
    /// How many copies are looked at at once.
    pub concurrency: u16,
}

/// Told of what the slice does, for whoever counts.
pub trait Observer: Send + Sync + 'static {
    /// A look: how long it took, and whether it failed.
    fn looked(&self, took: Duration, failed: bool);

    /// Where all copies are found, as they are at any time. Said once.
    fn copies(&self, copies: Store<DataCopy>);

    /// How backups stand that schedules make, of every environment that has them.
    fn backups(&self, standing: Vec<Standing>);
}

/// What stops a look; the next one goes on.
#[derive(Debug, Error)]
pub enum Stop {
    #[error(transparent)]
    Kube(#[from] kube::Error),
    #[error(transparent)]
    Apply(#[from] apply::Error),
    #[error("a bug in outboard: {0}")]
    Bug(String),
}

pub struct Context {
    pub client: Client,
    pub aws: Aws,
    pub settings: Settings,
    pub observer: Arc<dyn Observer>,
    /// Held by whoever begins, by control namespace.
    beginning: Mutex<BTreeMap<String, Arc<Mutex<()>>>>,
    recorder: Recorder,
}

impl Context {
    pub fn new(client: Client, settings: Settings, observer: Arc<dyn Observer>) -> Self {
        let reporter = Reporter { controller: "outboard".to_owned(), instance: None };
        let recorder = Recorder::new(client.clone(), reporter);
        Self { client, aws: Aws::default(), settings, observer, beginning: Mutex::default(), recorder }
    }

    /// Copies of different control namespaces never meet; of those of one, one begins at a time.
    pub async fn begins(&self, control: &str) -> OwnedMutexGuard<()> {
        let one = self.beginning.lock().await.entry(control.to_owned()).or_default().clone();
        one.lock_owned().await
    }

    /// Tells of trouble as an Event. That it cannot be told is no reason to stop.
    pub async fn warn<K: Resource<DynamicType = ()>>(&self, about: &K, reason: &str, note: &str) {
        let event = Event {
            type_: EventType::Warning,
            reason: reason.to_owned(),
            note: Some(shortened(note)),
            action: "Explain".to_owned(),
            secondary: None,
        };
        if let Err(error) = self.recorder.publish(&event, &about.object_ref(&())).await {
            debug!(%error, "cannot write an event on {}", about.meta().name.as_deref().unwrap_or_default());
        }
    }

    /// One look, observed. A panic in it is an error of this copy alone.
    pub async fn look(&self, look: impl Future<Output = Result<Action, Stop>>) -> Result<Action, Stop> {
        let begun = Instant::now();
        let outcome = AssertUnwindSafe(look).catch_unwind().await.unwrap_or_else(|panic| {
            let said = panic.downcast_ref::<String>().cloned();
            let said = said.or_else(|| panic.downcast_ref::<&str>().map(|text| (*text).to_owned()));
            Err(Stop::Bug(said.unwrap_or_else(|| "a panic without words".to_owned())))
        });
        self.observer.looked(begun.elapsed(), outcome.is_err());
        outcome
    }

    /// When to look again at what could not be looked at.
    pub fn failed(&self, copy: &DataCopy, stop: &Stop) -> Action {
        let name = copy.name_any();
        match stop {
            Stop::Kube(kube::Error::Api(status))
            | Stop::Apply(apply::Error::Kube(kube::Error::Api(status)))
                if status.code == 409 || status.code == 404 =>
            {
                debug!(%name, error = %stop, "copy {name} moved while it was looked at");
                Action::requeue(MOVED)
            }
            _ => {
                warn!(%name, "cannot look after copy {name}, trying again: {stop}");
                Action::requeue(FAILED)
            }
        }
    }

    /// Writes the whole status, as this slice's own.
    pub async fn write_status(&self, copy: &DataCopy, status: &DataCopyStatus) -> Result<(), Stop> {
        let api = Api::<DataCopy>::namespaced(self.client.clone(), &copy.namespace().unwrap_or_default());
        let object = json!({
            "apiVersion": DataCopy::api_version(&()),
            "kind": DataCopy::kind(&()),
            // Fences: against a namesake made meanwhile, and against a look that saw an older status.
            "metadata": {
                "name": copy.name_any(),
                "uid": copy.uid(),
                "resourceVersion": copy.resource_version(),
            },
            "status": status,
        });
        let params = PatchParams::apply(marks::MANAGER_DATA).force();
        api.patch_status(&copy.name_any(), &params, &Patch::Apply(&object)).await?;
        Ok(())
    }
}

/// As much as an Event takes.
fn shortened(note: &str) -> String {
    const MOST: usize = 1000;
    match note.char_indices().find(|(at, c)| at + c.len_utf8() > MOST) {
        Some((end, _)) => format!("{}…", &note[..end]),
        None => note.to_owned(),
    }
}
