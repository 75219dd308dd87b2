//! `hostname gc`: records of this installation and cluster that nothing asks for and nobody gave back, found and, once
//! somebody says so, deleted. Stops when it knows too little.

use std::collections::BTreeSet;
use std::time::Duration;

use ::hostnames::{
    Done, Host, Limits, Name, Outcome, Policy, Waited, Who, Withheld, Zone, carry_out, in_sync,
};
use serde::Serialize;

use super::ground::Ground;
use crate::{Cluster, Error, Result};

/// Changes may take long in a busy zone; they go on without us.
const PATIENCE: Duration = Duration::from_secs(600);

/// What was done about orphans of a zone.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Swept {
    pub zone: Zone,
    /// With the records that go, or went.
    pub orphans: Vec<Host>,
    /// Ids of Route 53's changes; none: nothing was deleted.
    pub changes: Vec<String>,
    /// Whether every name server has them.
    pub in_sync: bool,
    /// What was left, and why.
    pub left: Vec<(String, String)>,
}

/// What would go, in every zone.
pub async fn orphans(cluster: &Cluster) -> Result<Vec<Swept>> {
    let ground = ground(cluster).await?;
    let mut all = vec![];
    for zone in &ground.zones {
        all.push(found(cluster, &ground, zone).await?);
    }
    Ok(all)
}

/// Deletes them, and waits until name servers have it.
pub async fn gc(cluster: &Cluster) -> Result<Vec<Swept>> {
    let ground = ground(cluster).await?;
    let by = cluster.user().await.unwrap_or_else(|| "somebody".to_owned());
    let mut all = vec![];
    for zone in &ground.zones {
        let mut swept = found(cluster, &ground, zone).await?;
        let who = Who { owner: ground.owner.id(), by: &by };
        let mut journal = ground.kept.clone();
        let done =
            carry_out(&ground.route53, &ground.scheduler, zone, who, &swept.orphans, &mut journal).await;
        let mut changes = BTreeSet::new();
        for done in done {
            match done {
                Done::Accepted { change, .. } => {
                    changes.insert(change);
                }
                Done::Refused { host, words } => swept.left.push((host.to_string(), words)),
                Done::Unknown { host, failure } => swept.left.push((host.to_string(), failure.to_string())),
                Done::NotSent { host, why } => swept.left.push((host.to_string(), why.to_string())),
            }
        }
        swept.in_sync = true;
        for change in &changes {
            let waited = in_sync(&ground.route53, &ground.scheduler, change, PATIENCE).await?;
            swept.in_sync &= matches!(waited, Waited::InSync { .. });
        }
        swept.changes = changes.into_iter().collect();
        all.push(swept);
    }
    Ok(all)
}

/// Without the gateway's address it would not be known that the wildcard is wanted.
async fn ground(cluster: &Cluster) -> Result<Ground> {
    let ground = Ground::gather(cluster).await?;
    match &ground.target {
        Ok(_) => Ok(ground),
        Err(why) => Err(Error::DnsSettings { reason: why.clone() }),
    }
}

async fn found(cluster: &Cluster, ground: &Ground, zone: &Zone) -> Result<Swept> {
    let (wanted, going) = ground.wanted(zone);
    let (present, memory) = ground.read(cluster, zone).await?;
    let seen = (&present, &memory);
    let limits = (Policy::Sync, Limits { share: 100, ..Limits::default() });
    let first = ground.plan(zone, &wanted, seen, limits, &going);
    let is_orphan = |host: &&Host| host.outcome == Outcome::Withheld(Withheld::Orphan);
    let claimed = |host: &Host| ground.claims.iter().any(|claim| claim.host == host.name);
    let orphans: BTreeSet<Name> = first
        .hosts
        .iter()
        .filter(is_orphan)
        // One that waits for something keeps what it has.
        .filter(|host| !claimed(host))
        .map(|host| host.name.clone())
        .collect();
    let second = ground.plan(zone, &wanted, seen, limits, &orphans);
    let mut hosts = second.hosts;
    hosts.retain(|host| orphans.contains(&host.name));
    let left = hosts.iter().filter_map(|host| match &host.outcome {
        Outcome::Conflict(conflicts) => Some((host.name.to_string(), conflicts.first()?.to_string())),
        _ => None,
    });
    let left = left.collect();
    hosts.retain(|host| host.outcome == Outcome::Delete);
    Ok(Swept { zone: zone.clone(), orphans: hosts, changes: vec![], in_sync: false, left })
}
