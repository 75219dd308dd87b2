//! Destroys a cluster, and proves that nothing of it is left.

use std::time::{Duration, Instant};

use aws::OwnParameters;
use serde::Serialize;

use crate::create::{carry_out, stored};
use crate::plan::root::TAG;
use crate::plan::sweep::{Count, lingers};
use crate::planning::Planned;
use crate::work::Work;
use crate::{Error, Event, Result, Sink, pki, sweep};

#[derive(Clone, Debug, Eq, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Receipt {
    pub name: String,
    pub id: String,
    /// Resources that were destroyed by this command.
    pub destroyed: usize,
    /// What its Kubernetes had made, and was deleted by this command.
    pub swept: Count,
    pub seconds: u64,
    /// What is left; a receipt is only given when it is nothing.
    pub left: usize,
    /// What stays on purpose, and how long.
    pub kept: Vec<String>,
}

/// AWS' index of tags is some minutes late.
const LATE: Duration = Duration::from_secs(240);
const PAUSE: Duration = Duration::from_secs(5);

/// What carries the cluster's tag, also after a while.
async fn still_tagged(work: &Work) -> Result<Vec<String>> {
    let begun = Instant::now();
    loop {
        let tagged = work.account.tagged(TAG, &work.identity.id).await;
        let tagged = tagged.map_err(|failure| Error::Aws { doing: "look for what is left", failure })?;
        let left: Vec<String> = tagged.into_iter().map(|one| one.arn).filter(|arn| !lingers(arn)).collect();
        if left.is_empty() || begun.elapsed() > LATE {
            return Ok(left);
        }
        tokio::time::sleep(PAUSE).await;
    }
}

/// First what Kubernetes made in the network, which cannot be deleted around it; then Terraform; then what nodes held.
pub async fn destroy(
    work: &Work,
    planned: &Planned,
    keep_volumes: bool,
    interrupted: &mut (impl Future<Output = ()> + Unpin),
    sink: Sink<'_>,
) -> Result<Receipt> {
    let begun = Instant::now();
    let mut swept = sweep::look(work).await?;
    if keep_volumes {
        swept.kept.extend(swept.after.drain(..).map(|part| sweep::name(&part).to_owned()));
    }
    let count = swept.count();
    if !count.is_nothing() {
        sink(Event::Doing { what: "deleting what Kubernetes has made".to_owned() });
    }
    sweep::delete(work, &swept.balancers(), sink).await?;
    sweep::try_once(work, &swept.rest(), sink).await?;
    if !planned.summary.is_empty() {
        carry_out(work, planned, "destroy", interrupted, sink).await?;
    }
    // Its controllers lived until its nodes went: what they made meanwhile goes, too.
    let late = sweep::look(work).await?;
    sweep::delete(work, &late.before, sink).await?;
    if keep_volumes {
        swept.kept.extend(late.after.iter().map(|part| sweep::name(part).to_owned()));
        swept.kept.sort();
        swept.kept.dedup();
    } else {
        sweep::delete(work, &late.after, sink).await?;
    }
    // Nodes are gone: nobody asks for them any more.
    let keys = OwnParameters::reach(&work.file.spec.region).await;
    let failed = |failure| Error::Aws { doing: "delete the cluster's parameters", failure };
    keys.map_err(failed)?.delete_under(&pki::path(&work.identity)).await.map_err(failed)?;
    let mut left = Vec::new();
    if let Some(stored) = stored(work).await?.filter(|stored| stored.count() > 0) {
        left.extend(stored.resources.keys().map(|kind| format!("{kind} in the state")));
    }
    sink(Event::Doing { what: format!("looking for what still carries {TAG}={}", work.identity.id) });
    left.extend(still_tagged(work).await?);
    if !left.is_empty() {
        return Err(Error::Left(left));
    }
    // Only now: until here they are what a second attempt needs.
    let failed = |failure| Error::Aws { doing: "empty the cluster's folder in the bucket", failure };
    for key in work.bucket.keys(&format!("{}/", work.identity.prefix())).await.map_err(failed)? {
        work.bucket.delete(&key).await.map_err(failed)?;
    }
    work.folder.clear()?;
    swept.kept.push(format!("old versions of its state in bucket {}, 90 days", work.identity.bucket));
    Ok(Receipt {
        name: work.identity.name.clone(),
        id: work.identity.id.clone(),
        destroyed: planned.summary.delete,
        swept: count,
        seconds: begun.elapsed().as_secs(),
        left: 0,
        kept: swept.kept,
    })
}
