//! Makes a cluster as its file says, and writes down what was applied.

use aws::OwnParameters;
use serde::Serialize;

use crate::applying::carry_out;
use crate::plan::contract::{self, Contract};
use crate::plan::spec::Topology;
use crate::planning::{Applied, PROVIDER_LOCK, Planned, applied_key, provider_lock_key};
use crate::stop::unless;
use crate::stored::stored;
use crate::work::{Wanted, Work};
use crate::{Error, Event, Result, Sink, destroy, giving_back, own_lock, pki, reach};

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
    // Where nothing was to be changed nobody has asked yet whether somebody else works on it.
    own_lock::take(work, "outboard finishes what it has applied").await?;
    let finished = finished(work, planned, interrupted, sink).await;
    let released = own_lock::release(work).await;
    finished.and(released)?;
    Ok(Created {
        name: work.identity.name.clone(),
        id: work.identity.id.clone(),
        changes: planned.summary.changes.len(),
        resources: stored.count(),
        seconds,
        contract,
    })
}

/// Writes down what was applied, and takes back a destruction that was begun.
async fn finished(
    work: &Work,
    planned: &Planned,
    interrupted: &mut (impl Future<Output = ()> + Unpin),
    sink: Sink<'_>,
) -> Result<()> {
    write_down(work, planned).await?;
    let steps = destroy::steps(&work.bucket, &work.identity).await?;
    if steps.iter().any(|step| step.holds) {
        match stand_up(work, interrupted, sink).await {
            Ok(()) => {}
            Err(error @ Error::Stopped { .. }) => return Err(error),
            Err(error) => {
                // Noted down still, so the same command tries it again.
                sink(Event::note(format!(
                    "the destruction that was begun is not wholly taken back: {error}"
                )));
                return Ok(());
            }
        }
    }
    let failed = |failure| Error::Aws { doing: "strike off a destruction that was begun", failure };
    work.bucket.delete(&destroy::key(&work.identity)).await.map_err(failed)
}

/// Nodes that a destruction kept from taking pods take them again.
async fn stand_up(
    work: &Work,
    interrupted: &mut (impl Future<Output = ()> + Unpin),
    sink: Sink<'_>,
) -> Result<()> {
    let wanted = Wanted { file: work.file.clone(), beside: work.beside.clone() };
    let client = unless(interrupted, Box::pin(reach::answering(&wanted, sink))).await?;
    let count = unless(interrupted, Box::pin(giving_back::stand_up(&client))).await?;
    sink(Event::Checked { what: "nodes", found: format!("{count} take pods again") });
    Ok(())
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
        addons: planned.addons,
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
