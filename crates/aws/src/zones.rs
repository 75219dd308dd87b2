//! Hosted zones of Route 53 by their name, with the networks that see them. What lies in them is the business of whoever keeps hostnames.

use std::collections::BTreeSet;

use aws_sdk_route53::Client;

use crate::failure::sort;
use crate::{Account, Failure};

#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct HostedZone {
    pub id: String,
    pub comment: String,
    /// Networks that see it, if it is private.
    pub networks: BTreeSet<String>,
}

impl Account {
    /// Every zone of exactly this name.
    pub async fn zones_named(&self, name: &str) -> Result<Vec<HostedZone>, Failure> {
        let client = Client::new(&self.config);
        let (wanted, mut found) = (format!("{}.", name.trim_end_matches('.')), Vec::new());
        let mut next = Some((wanted.clone(), None));
        while let Some((at, id)) = next.take() {
            let asked = client.list_hosted_zones_by_name().dns_name(at).set_hosted_zone_id(id);
            let told = asked.send().await.map_err(|error| sort(&error))?;
            // They come in the order of names, beginning with this one.
            let more = told.is_truncated && told.hosted_zones.iter().all(|zone| zone.name == wanted);
            for zone in told.hosted_zones.iter().filter(|zone| zone.name == wanted) {
                found.push(read(&client, zone.id.rsplit('/').next().unwrap_or(&zone.id)).await?);
            }
            if more {
                next = told.next_dns_name.map(|at| (at, told.next_hosted_zone_id));
            }
        }
        Ok(found)
    }
}

async fn read(client: &Client, id: &str) -> Result<HostedZone, Failure> {
    let told = client.get_hosted_zone().id(id).send().await.map_err(|error| sort(&error))?;
    let networks = told.vpcs.unwrap_or_default().into_iter().filter_map(|network| network.vpc_id);
    let config = told.hosted_zone.and_then(|zone| zone.config);
    Ok(HostedZone {
        id: id.to_owned(),
        comment: config.and_then(|config| config.comment).unwrap_or_default(),
        networks: networks.collect(),
    })
}
