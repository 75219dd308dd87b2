//! `hostname gc`: records of this installation and cluster that nothing asks for and nobody gave back, or all of a cluster that
//! is no more, found and, once somebody says so, deleted. Stops when it knows too little.

use std::collections::BTreeSet;
use std::time::Duration;

use ::hostnames::{
    Done, Gone, Host, Limits, Memory, Name, Outcome, Owner, Policy, Waited, Wanted, Who, Withheld, Zone,
    carry_out, in_sync,
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

/// What would go, in every zone. `of`: everything of that cluster, which is no more.
pub async fn orphans(cluster: &Cluster, of: Option<&str>) -> Result<Vec<Swept>> {
    let ground = ground(cluster, of).await?;
    let mut all = vec![];
    for zone in &ground.zones {
        all.push(found(cluster, &ground, zone, of.is_some()).await?);
    }
    Ok(all)
}

/// Deletes them, and waits until name servers have it.
pub async fn gc(cluster: &Cluster, of: Option<&str>) -> Result<Vec<Swept>> {
    let ground = ground(cluster, of).await?;
    let by = cluster.user().await.unwrap_or_else(|| "somebody".to_owned());
    let mut all = vec![];
    for zone in &ground.zones {
        let mut swept = found(cluster, &ground, zone, of.is_some()).await?;
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
async fn ground(cluster: &Cluster, of: Option<&str>) -> Result<Ground> {
    let mut ground = Ground::gather(cluster).await?;
    if let Some(gone) = of {
        if gone == ground.settings.cluster {
            return Err(Error::ThisCluster { cluster: gone.to_owned() });
        }
        ground.owner = Owner::new(&ground.settings.install, gone)
            .map_err(|error| Error::DnsSettings { reason: error.to_string() })?;
        return Ok(ground);
    }
    match &ground.target {
        Ok(_) => Ok(ground),
        Err(why) => Err(Error::DnsSettings { reason: why.clone() }),
    }
}

async fn found(cluster: &Cluster, ground: &Ground, zone: &Zone, all: bool) -> Result<Swept> {
    let (present, memory) = ground.read(cluster, zone).await?;
    let limits = (Policy::Sync, Limits { share: 100, ..Limits::default() });
    if all {
        // What was last seen here to be ours is not that cluster's.
        let seen = (&present, &Memory::default());
        let plan = ground.plan(zone, &Wanted::default(), seen, limits, Gone::All);
        return Ok(swept(zone, plan.hosts));
    }
    let (wanted, going) = ground.wanted(zone);
    let seen = (&present, &memory);
    let first = ground.plan(zone, &wanted, seen, limits, Gone::Only(&going));
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
    let second = ground.plan(zone, &wanted, seen, limits, Gone::Only(&orphans));
    let mut hosts = second.hosts;
    hosts.retain(|host| orphans.contains(&host.name));
    Ok(swept(zone, hosts))
}

/// What goes of them, and what may not.
fn swept(zone: &Zone, mut hosts: Vec<Host>) -> Swept {
    let left = hosts.iter().filter_map(|host| match &host.outcome {
        Outcome::Conflict(conflicts) => Some((host.name.to_string(), conflicts.first()?.to_string())),
        _ => None,
    });
    let left = left.collect();
    hosts.retain(|host| host.outcome == Outcome::Delete);
    Swept { zone: zone.clone(), orphans: hosts, changes: vec![], in_sync: false, left }
}
