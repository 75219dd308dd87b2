//! Applies a saved plan, and writes down what was applied.

use aws::OwnParameters;
use serde::Serialize;

use crate::plan::contract::{self, Contract};
use crate::plan::spec::Topology;
use crate::plan::state;
use crate::planning::{Applied, PROVIDER_LOCK, Planned, applied_key, provider_lock_key};
use crate::run::{self, Ended};
use crate::work::Work;
use crate::{Error, Event, Result, Sink, pki};

/// A cluster that is as its file says.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Created {
    pub name: String,
    pub id: String,
    pub changes: usize,
    pub resources: usize,
    pub seconds: u64,
    #[serde(flatten)]
    pub contract: Contract,
}

pub async fn apply(
    work: &Work,
    planned: &Planned,
    interrupted: &mut (impl Future<Output = ()> + Unpin),
    sink: Sink<'_>,
) -> Result<Created> {
    if work.file.spec.topology == Topology::Kubeadm {
        // Before any machine asks for them.
        sink(Event::Doing { what: "keeping the cluster's keys in Parameter Store".to_owned() });
        let store = OwnParameters::reach(&work.file.spec.region).await;
        let store = store.map_err(|failure| Error::Aws { doing: "reach Parameter Store", failure })?;
        let has_nodes =
            stored(work).await?.is_some_and(|stored| stored.resources.contains_key("aws_autoscaling_group"));
        pki::keep(&store, &work.identity, work.file.spec.kms_key.as_deref(), has_nodes).await?;
    }
    let mut seconds = 0;
    if !planned.summary.is_empty() || !planned.unchanged {
        let ended = carry_out(work, planned, "create", interrupted, sink).await?;
        seconds = ended.look.elapsed;
    }
    let stored = stored(work).await?.unwrap_or_default();
    let contract = contract::read(stored.output.as_ref()).map_err(Error::Contract)?;
    write_down(work, planned).await?;
    Ok(Created {
        name: work.identity.name.clone(),
        id: work.identity.id.clone(),
        changes: planned.summary.changes.len(),
        resources: stored.count(),
        seconds,
        contract,
    })
}

/// Applies the plan to its end; anything but its whole success is an error.
pub async fn carry_out(
    work: &Work,
    planned: &Planned,
    what: &str,
    interrupted: &mut (impl Future<Output = ()> + Unpin),
    sink: Sink<'_>,
) -> Result<Ended> {
    sink(Event::Doing { what: format!("{} changes", planned.summary.changes.len()) });
    let (child, record) = run::begin(&work.engine, &work.folder, what, run::todo(&planned.summary))?;
    let ended = run::follow(&work.folder, &record, Some(child), interrupted, sink).await?;
    judge(ended)
}

/// Whether a run did all it had to do.
pub fn judge(ended: Ended) -> Result<Ended> {
    let (done, total) = (ended.look.done, ended.look.total);
    let whole = ended.success.unwrap_or(done == total && ended.said.is_empty());
    match (whole, ended.interrupted) {
        (true, _) => Ok(ended),
        (false, true) => Err(Error::Stopped { done, total }),
        (false, false) => Err(Error::Apply { done, total, said: ended.said }),
    }
}

pub async fn stored(work: &Work) -> Result<Option<state::Stored>> {
    stored_at(&work.bucket, &work.identity.state_key()).await
}

pub async fn stored_at(bucket: &aws::OwnBucket, key: &str) -> Result<Option<state::Stored>> {
    let found = bucket.get(key).await.map_err(|failure| Error::Aws { doing: "read the state", failure })?;
    let Some(found) = found else { return Ok(None) };
    state::read(&found.bytes)
        .map(Some)
        .map_err(|why| Error::Unreadable { what: format!("the state {key}"), why })
}

async fn write_down(work: &Work, planned: &Planned) -> Result<()> {
    let failed = |failure| Error::Aws { doing: "write down what was applied", failure };
    let mut spec = work.file.spec.clone();
    spec.inputs.clear();
    let applied = Applied {
        digest: planned.digest.clone(),
        at: jiff::Timestamp::now().to_string(),
        engine: format!("{} {}", work.engine.name, work.engine.version),
        outboard: env!("CARGO_PKG_VERSION").to_owned(),
        monthly: planned.cost.as_ref().map(|cost| cost.monthly),
        spec,
    };
    let text = serde_json::to_vec_pretty(&applied).unwrap_or_default();
    work.bucket.put(&applied_key(&work.identity), text).await.map_err(failed)?;
    if let Ok(lock) = std::fs::read(work.folder.file(PROVIDER_LOCK)) {
        work.bucket.put(&provider_lock_key(work), lock).await.map_err(failed)?;
    }
    Ok(())
}
