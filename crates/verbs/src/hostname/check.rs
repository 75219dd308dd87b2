//! `hostname check`: whether the world is led to the zones, before anything is spent on them: the name servers that the
//! zone above names have to be the zone's own.

use std::collections::BTreeSet;
use std::fs;
use std::net::{IpAddr, SocketAddr};

use ::hostnames::{Kind, Name, RecordSet, Span, Zone, address, ask, read};
use serde::Serialize;

use super::ground::Ground;
use crate::{Cluster, Result};

const RESOLVERS: &str = "/etc/resolv.conf";
const PORT: u16 = 53;

#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase", tag = "state", rename_all_fields = "camelCase")]
pub enum Delegation {
    /// The zone above names exactly the zone's own name servers.
    Right { above: String },
    /// It names others, or some of its own are missing.
    Wrong { above: String, names: Vec<String> },
    /// Nobody is led there.
    None { above: String },
    /// It answers in networks of its owner alone.
    Private,
    /// Why that can't be said from here.
    Unknown { why: String },
}

#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Checked {
    pub zone: Zone,
    pub name_servers: Vec<String>,
    pub delegation: Delegation,
    /// Whether the cluster's domain lies in it.
    pub holds_domain: bool,
}

impl Checked {
    pub fn is_right(&self) -> bool {
        matches!(self.delegation, Delegation::Right { .. } | Delegation::Private)
    }
}

/// Every zone that the operator keeps records in.
pub async fn check(cluster: &Cluster) -> Result<Vec<Checked>> {
    let ground = Ground::gather(cluster).await?;
    let mut all = vec![];
    for zone in &ground.zones {
        let apex = [Span::Only(zone.name.clone())];
        let present = read(&ground.route53, &ground.scheduler, &zone.id, &apex).await?;
        let ns = Kind::Other("NS".to_owned());
        let servers: BTreeSet<String> = present
            .at(&zone.name)
            .filter(|set| set.kind == ns)
            .flat_map(RecordSet::values)
            .map(str::to_lowercase)
            .collect();
        let delegation = match zone.private {
            true => Delegation::Private,
            false => delegation(&zone.name, &servers).await.unwrap_or_else(|why| Delegation::Unknown { why }),
        };
        let domain = Name::host(&ground.settings.domain);
        all.push(Checked {
            zone: zone.clone(),
            name_servers: servers.into_iter().collect(),
            delegation,
            holds_domain: domain.is_ok_and(|domain| domain.is_within(&zone.name)),
        });
    }
    Ok(all)
}

/// Whether the zone above leads to these name servers.
pub async fn delegation(zone: &Name, own: &BTreeSet<String>) -> Result<Delegation, String> {
    let resolver = resolver()?;
    let ns = Kind::Other("NS".to_owned());
    let mut above = zone.clone();
    loop {
        let rest = above.split().1.map(str::to_owned).ok_or("no zone above it was found")?;
        above = Name::host(&rest).map_err(|error| error.to_string())?;
        let servers = ask(resolver, &above, &ns).await?.values;
        if servers.is_empty() {
            continue;
        }
        let mut why = String::new();
        for server in servers {
            let told = match address(&server).await {
                Ok(at) => ask(at, zone, &ns).await,
                Err(error) => Err(error),
            };
            match told {
                Ok(said) => {
                    return Ok(judge(&above, own, said.values.union(&said.delegated).cloned().collect()));
                }
                Err(error) => why = format!("{server}: {error}"),
            }
        }
        return Err(why);
    }
}

fn judge(above: &Name, own: &BTreeSet<String>, named: BTreeSet<String>) -> Delegation {
    let above = above.to_string();
    if named.is_empty() {
        return Delegation::None { above };
    }
    if named == *own {
        return Delegation::Right { above };
    }
    Delegation::Wrong { above, names: named.into_iter().collect() }
}

/// This machine's own.
fn resolver() -> Result<SocketAddr, String> {
    let text = fs::read_to_string(RESOLVERS).map_err(|error| format!("{RESOLVERS}: {error}"))?;
    first_of(&text).ok_or_else(|| format!("{RESOLVERS} names no resolver"))
}

fn first_of(text: &str) -> Option<SocketAddr> {
    let mut words = text.lines().filter_map(|line| line.trim().strip_prefix("nameserver"));
    words.find_map(|word| word.trim().parse::<IpAddr>().ok()).map(|address| SocketAddr::from((address, PORT)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_zone_above_has_to_name_the_same_servers() {
        let set = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect::<BTreeSet<_>>();
        let own = set(&["ns-1.example.net.", "ns-2.example.org."]);
        let above = Name::host("example.com").unwrap();
        assert!(matches!(judge(&above, &own, own.clone()), Delegation::Right { .. }));
        let some = judge(&above, &own, set(&["ns-1.example.net."]));
        assert!(matches!(some, Delegation::Wrong { names, .. } if names.len() == 1));
        assert!(matches!(judge(&above, &own, set(&[])), Delegation::None { .. }));
    }

    #[test]
    fn the_first_resolver_that_is_an_address_is_asked() {
        let text = "search svc.local\n# nameserver 9.9.9.9\nnameserver nonsense\nnameserver 10.96.0.10\n";
        assert_eq!(first_of(text), Some(SocketAddr::from(([10, 96, 0, 10], 53))));
        assert_eq!(first_of("search svc.local\n"), None);
    }
}
