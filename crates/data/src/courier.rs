//! A copy in its pod: writes down how far it has come, about once a second, and follows the limits that stand beside that.
//! A cluster that does not answer for a while holds nothing up.

use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use k8s_openapi::api::core::v1::ConfigMap;
use k8s_openapi::jiff::Timestamp;
use kube::Client;
use kube::api::{Api, Patch, PatchParams};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::json;

use crate::backup::{self, Gently};
use crate::error::{Error, Result};
use crate::job::{self, Store};
use crate::plan::between::render::{LIMITS, says};
use crate::plan::between::word::{Task, Word};
use crate::share::Share;
use crate::{Halt, Say, Steer, copy, redis, s3, stores};

const OFTEN: Duration = Duration::from_secs(1);
/// So long it is tried to deliver the last word: without it, who looks on knows only that it ended.
const LAST: Duration = Duration::from_secs(120);

/// Where a pod reports.
#[derive(Clone, Debug)]
pub struct Desk {
    /// A ConfigMap of the pod's own namespace, named after the service.
    pub name: String,
    /// Which start of the service this is.
    pub number: u32,
    /// Others of that start copy the rest of it, and report beside it.
    pub share: Option<Share>,
    /// What is copied comes out of a backup, which is fetched first.
    pub restores: bool,
}

struct Courier {
    reports: Api<ConfigMap>,
    desk: Desk,
    word: Mutex<Word>,
    /// As they stand beside its report.
    limits: Mutex<Option<String>>,
}

/// Does what a job's file says; tells `say` too.
pub async fn run(file: &Path, task: Task, desk: Desk, halt: &Halt, say: &Say) -> Result<()> {
    let client = Client::try_default().await.map_err(|error| Error::Internal(error.to_string()))?;
    let word = Mutex::new(Word::begin(&desk.name, desk.number));
    let reports = Api::default_namespaced(client);
    let courier = Arc::new(Courier { reports, desk, word, limits: Mutex::new(None) });
    let hear: Say = {
        let (courier, say) = (courier.clone(), say.clone());
        Arc::new(move |event| {
            lock(&courier.word).hear(&event, task);
            say(event);
        })
    };
    let outcome = tokio::select! {
        outcome = work(file, task, &courier, halt, &hear) => outcome,
        () = courier.go() => Err(Error::Internal("who reports has ended".into())),
    };
    match &outcome {
        // Whoever asked for that knows.
        Err(Error::Stopped) => return outcome,
        Ok(()) => lock(&courier.word).done(task, Timestamp::now()),
        Err(error) => lock(&courier.word).failed(error),
    }
    let begun = Instant::now();
    while let Err(error) = courier.deliver().await {
        if begun.elapsed() > LAST {
            tracing::warn!("its last word could not be delivered: {error}");
            break;
        }
        tokio::time::sleep(OFTEN).await;
    }
    outcome
}

async fn work(file: &Path, task: Task, courier: &Arc<Courier>, halt: &Halt, say: &Say) -> Result<()> {
    let (store, share) = (job::store(file), courier.desk.share.as_ref());
    stores::alone(store, share)?;
    if task == Task::Backup {
        let gently = Gently { bytes: rate(courier), objects: steer(courier) };
        return Box::pin(backup::make(file, &gently, halt, say)).await;
    }
    let piece = match courier.desk.restores {
        true => Some(Box::pin(backup::bring(file, halt, say)).await?),
        false => None,
    };
    Box::pin(copied(file, (task, store), courier, halt, say)).await?;
    let rows = lock(&courier.word).service.rows;
    piece.map_or(Ok(()), |piece| backup::verify(&piece, rows))
}

async fn copied(
    file: &Path,
    (task, store): (Task, Store),
    courier: &Arc<Courier>,
    halt: &Halt,
    say: &Say,
) -> Result<()> {
    let share = courier.desk.share.as_ref();
    match (task, store) {
        (Task::Copy, Store::MariaDb) => {
            Box::pin(halt.unless(copy::copy_steered(file, &steer(courier), say))).await.map(drop)
        }
        (Task::Copy, Store::Redis) => {
            Box::pin(halt.unless(redis::copy_steered(file, &steer(courier), say))).await.map(drop)
        }
        (Task::Copy, Store::S3) => {
            Box::pin(s3::copy_steered(file, share, &steer(courier), halt, say)).await.map(drop)
        }
        (Task::Plan, _) => halt.unless(stores::plan(file, say)).await,
        (Task::Backup, _) => Err(Error::Internal("a backup is no copy".into())),
        (Task::Scan, _) => halt.unless(stores::scan(file, say)).await,
    }
}

/// How many bytes a second may be read, as was said last.
fn rate(courier: &Arc<Courier>) -> Steer<Option<u64>> {
    #[derive(Deserialize)]
    #[serde(rename_all = "camelCase")]
    struct Said {
        bytes_per_second: Option<u64>,
    }
    let said: Steer<Said> = steer(courier);
    Arc::new(move || said().map(|said| said.bytes_per_second))
}

/// What was said last, as an engine reads it; none: nothing, or nothing that it can read.
fn steer<Limits: DeserializeOwned + 'static>(courier: &Arc<Courier>) -> Steer<Limits> {
    let courier = courier.clone();
    Arc::new(move || serde_json::from_str(lock(&courier.limits).as_deref()?).ok())
}

impl Courier {
    async fn go(&self) {
        let mut reachable = true;
        loop {
            // Answered late or not at all, the next word is as good.
            let told = tokio::time::timeout(Duration::from_secs(10), self.deliver()).await;
            let failed = match told {
                Ok(Ok(())) => None,
                Ok(Err(error)) => Some(error.to_string()),
                Err(_) => Some("no answer".to_owned()),
            };
            if let Some(error) = failed.as_ref().filter(|_| reachable) {
                tracing::warn!("cannot tell how far it has come: {error}; it goes on");
            }
            reachable = failed.is_none();
            tokio::time::sleep(OFTEN).await;
        }
    }

    /// Its answer brings the limits.
    async fn deliver(&self) -> kube::Result<()> {
        let text = serde_json::to_string(&*lock(&self.word)).map_err(kube::Error::SerdeError)?;
        let patch = json!({"data": {says(self.desk.share.as_ref().map_or(0, |share| share.index)): text}});
        let report =
            self.reports.patch(&self.desk.name, &PatchParams::default(), &Patch::Merge(&patch)).await?;
        if let Some(limits) = report.data.and_then(|mut data| data.remove(LIMITS)) {
            *lock(&self.limits) = Some(limits);
        }
        Ok(())
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
