//! How clusters are, from what is stored of them; needs no engine and changes nothing.

use aws::OwnParameters;
use serde::Serialize;
use serde_json::{Value, json};

use crate::adopt::{self, Adopted};
use crate::create::stored_at;
use crate::plan::contract::{self, Contract};
use crate::plan::lock::{Holder, Lock};
use crate::plan::names::{CLUSTERS, Identity};
use crate::planning::{Applied, applied};
use crate::recover::read_lock;
use crate::work::{Places, Wanted, Work};
use crate::{Error, Result, Sink, pki, recover};

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
}

pub async fn status(wanted: &Wanted) -> Result<Status> {
    let places = Places::of_file(&wanted.file).await?;
    of(&places.bucket, places.identity).await
}

/// Every cluster of a region's bucket.
pub async fn list(region: &str, bucket: Option<&str>) -> Result<Vec<Status>> {
    let places = Places::of("any", region, None, bucket).await?;
    let failed = |failure| Error::Aws { doing: "list clusters", failure };
    let (account, bucket) = (places.identity.account, bucket);
    let mut all = Vec::new();
    for key in places.bucket.keys(CLUSTERS).await.map_err(failed)? {
        let known = |ending: &str| key.strip_prefix(CLUSTERS)?.strip_suffix(ending);
        if let Some(name) = known("/terraform.tfstate").or_else(|| known("/adopted.json")) {
            all.push(of(&places.bucket, Identity::of(name, &account, region, bucket)).await?);
        }
    }
    Ok(all)
}

async fn of(bucket: &aws::OwnBucket, identity: Identity) -> Result<Status> {
    let stored = stored_at(bucket, &identity.state_key()).await?;
    let lock = read_lock(bucket, &identity.lock_key()).await?;
    let applied = applied(bucket, &identity).await?;
    let found = stored.clone().unwrap_or_default();
    let contract = contract::read(found.output.as_ref()).ok();
    let adopted = adopt::read(bucket, &identity).await?;
    let phase = match (&stored, &lock) {
        (None, _) if adopted.is_some() => Phase::Adopted,
        (_, Some(_)) => Phase::Locked,
        (None, None) => Phase::Absent,
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
    })
}

/// A kubeconfig of an administrator.
#[derive(Clone, Eq, PartialEq)]
pub enum Kubeconfig {
    /// Its credentials end after so many hours, or are drawn anew for each call.
    Drawn(Value),
    /// As others keep it, where a module of one's own says.
    Kept { place: String, text: String },
}

pub async fn kubeconfig(wanted: &Wanted, hours: u32) -> Result<Kubeconfig> {
    let places = Places::of_file(&wanted.file).await?;
    let region = &wanted.file.spec.region;
    let status = of(&places.bucket, places.identity.clone()).await?;
    let none = || Error::NoCluster { name: status.name.clone(), bucket: status.bucket.clone() };
    let contract = status.contract.as_ref().ok_or_else(none)?;
    let text = |key: &str| contract.auth.get(key).and_then(Value::as_str).unwrap_or_default();
    let reach = || async {
        let store = OwnParameters::reach(region).await;
        store.map_err(|failure| Error::Aws { doing: "reach Parameter Store", failure })
    };
    match text("kind") {
        "ssm" if text("parameter") == format!("{}/pki/ca", pki::path(&places.identity)) => {
            pki::kubeconfig(&reach().await?, &places.identity, &contract.endpoint, hours)
                .await
                .map(Kubeconfig::Drawn)
        }
        "eks" => {
            let (name, cluster) = (&status.name, text("cluster"));
            let get_token =
                ["eks", "get-token", "--region", region, "--cluster-name", cluster, "--output", "json"];
            Ok(Kubeconfig::Drawn(json!({
                "apiVersion": "v1",
                "kind": "Config",
                "current-context": name,
                "clusters": [{"name": name, "cluster": {
                    "server": contract.endpoint, "certificate-authority-data": contract.certificate_authority}}],
                "users": [{"name": name, "user": {"exec": {
                    "apiVersion": "client.authentication.k8s.io/v1", "interactiveMode": "Never",
                    "command": "aws", "args": get_token}}}],
                "contexts": [{"name": name, "context": {"cluster": name, "user": name}}],
            })))
        }
        "ssm" => {
            let name = text("parameter");
            let found = reach().await?.get(name).await;
            kept(format!("parameter {name}"), found)
        }
        _ => {
            let arn = text("arn");
            kept(format!("secret {arn}"), places.account.secret(arn).await)
        }
    }
}

fn kept(place: String, found: Result<Option<String>, aws::Failure>) -> Result<Kubeconfig> {
    let failed = |failure| Error::Aws { doing: "read the kubeconfig where the module says it is", failure };
    match found.map_err(failed)? {
        Some(text) => Ok(Kubeconfig::Kept { place, text }),
        None => Err(Error::NoKubeconfig { place }),
    }
}

/// Releases a lock by its id, unless its holder is known to live.
pub async fn unlock(wanted: &Wanted, id: &str, sink: Sink<'_>) -> Result<Lock> {
    let work = Work::open(wanted, sink).await?;
    let lock = recover::lock_of(&work).await?.ok_or(Error::NotLocked)?;
    if lock.id != id {
        return Err(Error::OtherLock { wanted: id.to_owned(), found: lock.id });
    }
    if recover::holder(&work, &lock) == Holder::Alive {
        return Err(Error::Locked { lock: Box::new(lock), holder: Holder::Alive });
    }
    recover::release(&work).await?;
    Ok(lock)
}
