//! `hostname plan`: what would be done to the zones, before anybody does it.

use ::hostnames::{Claimed, Gone, Host, Name, Served, Stands, Zone};
use serde::Serialize;

use super::ground::Ground;
use crate::{Cluster, Error, Result};

/// What would be done to a zone.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ZonePlan {
    pub zone: Zone,
    /// Record sets that it holds, of whomever.
    pub holds: usize,
    pub hosts: Vec<Host>,
    /// Hosts for which the wildcard answers.
    pub served: Vec<Served>,
}

/// Of every zone, with one more claim if one is given: host, control namespace, environment, weight.
pub async fn plan(cluster: &Cluster, claim: Option<(&str, &str, &str, u8)>) -> Result<Vec<ZonePlan>> {
    let mut ground = Ground::gather(cluster).await?;
    if let Some((host, namespace, environment, weight)) = claim {
        let host = Name::host(host).map_err(Error::Hostname)?;
        let (before, others): (Vec<Claimed>, Vec<Claimed>) =
            std::mem::take(&mut ground.claims).into_iter().partition(|claim| claim.host == host);
        ground.claims = others;
        ground.claims.push(Claimed {
            host,
            namespace: namespace.to_owned(),
            environment: environment.to_owned(),
            weight,
            health_check: before.into_iter().next().and_then(|claim| claim.health_check),
            stands: Stands::Wanted,
        });
    }
    if let Err(why) = &ground.target {
        return Err(Error::DnsSettings { reason: why.clone() });
    }
    let mut plans = vec![];
    for zone in &ground.zones {
        let (wanted, going) = ground.wanted(zone);
        let (present, memory) = ground.read(cluster, zone).await?;
        let as_installed = (ground.settings.policy, ground.settings.limits());
        let plan = ground.plan(zone, &wanted, (&present, &memory), as_installed, Gone::Only(&going));
        plans.push(ZonePlan {
            zone: zone.clone(),
            holds: present.all().count(),
            hosts: plan.hosts,
            served: plan.served,
        });
    }
    Ok(plans)
}
