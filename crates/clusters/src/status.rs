//! How clusters are, from what is stored of them; needs no engine and changes nothing.

use serde::Serialize;

use crate::adopt::{self, Adopted};
use crate::destroy;
use crate::plan::contract::{self, Contract};
use crate::plan::giving_back::Step;
use crate::plan::lock::Lock;
use crate::plan::names::{CLUSTERS, Identity};
use crate::planning::{Applied, applied};
use crate::recover::read_lock;
use crate::stored::stored_at;
use crate::work::{Places, Wanted};
use crate::{Error, Result};

#[derive(Clone, Copy, Debug, Eq, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub enum Phase {
    /// There is nothing of it.
    Absent,
    /// Somebody works on it.
    Locked,
    /// A change did not come to its end.
    Incomplete,
    /// It is as it was last applied.
    Applied,
    /// Others made it and look after it.
    Adopted,
}

#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Status {
    pub name: String,
    pub id: String,
    pub phase: Phase,
    pub bucket: String,
    pub resources: usize,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub unfinished: Vec<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub lock: Option<Lock>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub applied: Option<Applied>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub contract: Option<Contract>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub adopted: Option<Adopted>,
    /// How far its destruction is, if it was begun.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub destruction: Vec<Step>,
}

pub async fn status(wanted: &Wanted) -> Result<Status> {
    let places = Places::of_file(&wanted.file).await?;
    of(&places.bucket, places.identity).await
}

/// Every cluster of the account and region in a bucket.
pub async fn list(region: &str, bucket: Option<&str>) -> Result<Vec<Status>> {
    let places = Places::of("any", region, None, bucket).await?;
    let failed = |failure| Error::Aws { doing: "list clusters", failure };
    let (account, bucket) = (places.identity.account, bucket);
    let mut all = Vec::new();
    for key in places.bucket.keys(CLUSTERS).await.map_err(failed)? {
        let known = |ending: &str| key.strip_prefix(CLUSTERS)?.strip_suffix(ending);
        let id = known("/terraform.tfstate").or_else(|| known("/adopted.json"));
        if let Some(identity) = id.and_then(|id| Identity::listed(id, &account, region, bucket)) {
            all.push(of(&places.bucket, identity).await?);
        }
    }
    Ok(all)
}

pub async fn of(bucket: &aws::OwnBucket, identity: Identity) -> Result<Status> {
    let stored = stored_at(bucket, &identity.state_key()).await?;
    let lock = read_lock(bucket, &identity.lock_key()).await?.map(|(lock, _)| lock);
    let applied = applied(bucket, &identity).await?;
    let found = stored.clone().unwrap_or_default();
    let contract = contract::read(found.output.as_ref()).ok();
    let adopted = adopt::read(bucket, &identity).await?;
    let destruction = destroy::steps(bucket, &identity).await?;
    let phase = match (&stored, &lock) {
        (None, _) if adopted.is_some() => Phase::Adopted,
        (_, Some(_)) => Phase::Locked,
        (None, None) => Phase::Absent,
        (Some(_), None) if !destruction.is_empty() => Phase::Incomplete,
        // Applied is written last; an output without it is of a run that did not end well.
        (Some(_), None) if applied.is_none() || contract.is_none() || !found.tainted.is_empty() => {
            Phase::Incomplete
        }
        (Some(_), None) => Phase::Applied,
    };
    Ok(Status {
        name: identity.name,
        id: identity.id,
        phase,
        bucket: identity.bucket,
        resources: found.count(),
        unfinished: found.tainted,
        lock,
        applied,
        contract,
        adopted,
        destruction,
    })
}
