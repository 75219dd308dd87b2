//! Makes a cluster as its file says, and writes down what was applied.

use aws::OwnParameters;
use serde::Serialize;

use crate::applying::carry_out;
use crate::plan::contract::{self, Contract};
use crate::plan::spec::Topology;
use crate::planning::{Applied, PROVIDER_LOCK, Planned, applied_key, provider_lock_key};
use crate::stored::stored;
use crate::work::Work;
use crate::{Error, Event, Result, Sink, destroy, pki};

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
    // A destruction that was begun is taken back by this.
    let failed = |failure| Error::Aws { doing: "strike off a destruction that was begun", failure };
    work.bucket.delete(&destroy::key(&work.identity)).await.map_err(failed)?;
    Ok(Created {
        name: work.identity.name.clone(),
        id: work.identity.id.clone(),
        changes: planned.summary.changes.len(),
        resources: stored.count(),
        seconds,
        contract,
    })
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
