//! The hosted zone that a cluster's API is to be named in, before anything is spent: whether it is there, whether that name lies in
//! it and is free, and whether the world is led to it.

use std::collections::BTreeSet;

use ::clusters::plan::spec::ApiAccess;
use ::hostnames::{Aws, Failure, Kind, Name, NoZone, RecordSet, Scheduler, Span, Which, Zone, find, read};
use api::Problem;
use aws::Access;

use super::{Event, Sink};
use crate::hostname::Delegation;
use crate::hostname::delegation;

const ZONE: &str = "/spec/api/zoneId";
const HOST: &str = "/spec/api/host";

/// What stands against it. What cannot be looked at is told and not judged.
pub async fn look(api: &ApiAccess, sink: Sink<'_>) -> Vec<Problem> {
    let (Some(host), Some(id)) = (&api.host, &api.zone_id) else { return Vec::new() };
    let host = match Name::host(host) {
        Ok(host) => host,
        Err(error) => return vec![Problem::new(HOST, error.to_string())],
    };
    match seen(&host, id).await {
        Ok(seen) => {
            let found = problems(&host, &seen);
            let unknown = match &seen.delegation {
                Some(Delegation::Unknown { why }) => Some(why),
                _ => None,
            };
            if let Some(why) = unknown {
                let text =
                    format!("not looked at beforehand: whether {} is delegated ({why})", seen.zone.name);
                sink(Event::Note { text });
            } else if found.is_empty() {
                sink(Event::Checked { what: "hosted zone", found: format!("{} is led to", seen.zone.name) });
            }
            found
        }
        Err(Failure::NoSuchZone(id)) => {
            let problem = Problem::new(ZONE, format!("there is no hosted zone {id} in this account"));
            vec![problem.hint("look at its id; without `zoneId` a private zone of the cluster's own is made")]
        }
        Err(failure) => {
            sink(Event::Note { text: format!("not looked at beforehand: hosted zone {id} ({failure})") });
            Vec::new()
        }
    }
}

struct Seen {
    zone: Zone,
    /// Kinds of records that the host has.
    taken: Vec<Kind>,
    /// None of a private zone.
    delegation: Option<Delegation>,
}

async fn seen(host: &Name, id: &str) -> Result<Seen, Failure> {
    let (route53, scheduler) = (Aws::reach(&Access::default()).await?, Scheduler::default());
    let zone = match find(&route53, &scheduler, &Which::Id(id)).await {
        Ok(zone) => zone,
        Err(NoZone::Failed(failure)) => return Err(failure),
        Err(other) => return Err(Failure::Refused(other.to_string())),
    };
    let spans = [Span::Only(host.clone()), Span::Only(zone.name.clone())];
    let present = read(&route53, &scheduler, &zone.id, &spans).await?;
    let leads = |set: &&RecordSet| matches!(set.kind, Kind::A | Kind::Aaaa | Kind::Cname);
    let taken = present.at(host).filter(leads).map(|set| set.kind.clone()).collect();
    let ns = Kind::Other("NS".to_owned());
    let own = present.at(&zone.name).filter(|set| set.kind == ns).flat_map(RecordSet::values);
    let own: BTreeSet<String> = own.map(str::to_lowercase).collect();
    let delegation = match zone.private {
        true => None,
        false => Some(delegation(&zone.name, &own).await.unwrap_or_else(|why| Delegation::Unknown { why })),
    };
    Ok(Seen { zone, taken, delegation })
}

fn problems(host: &Name, seen: &Seen) -> Vec<Problem> {
    let Seen { zone, taken, delegation } = seen;
    let mut found = Vec::new();
    if !host.is_within(&zone.name) {
        let message = format!("{host} does not lie in hosted zone {} ({})", zone.id, zone.name);
        found.push(Problem::new(HOST, message));
    }
    if !taken.is_empty() {
        let kinds: Vec<String> = taken.iter().map(ToString::to_string).collect();
        let message = format!("{host} is taken in zone {}: it has {}", zone.name, kinds.join(", "));
        found.push(Problem::new(HOST, message).hint("take another name, or delete what is there"));
    }
    match delegation {
        None => {
            let message = format!(
                "zone {} is private, and the cluster's network, which is still to be made, does not see it",
                zone.name
            );
            let problem = Problem::new(ZONE, message);
            found.push(
                problem.hint("leave `zoneId` out: a private zone of the cluster's own is made for `host`"),
            );
        }
        Some(Delegation::None { above }) => {
            let message = format!("nobody is led to zone {}: {above} names no name servers of it", zone.name);
            found.push(
                Problem::new(ZONE, message)
                    .hint(format!("put NS records of the zone's own servers into {above}")),
            );
        }
        Some(Delegation::Wrong { above, names }) => {
            let message =
                format!("zone {} is not the one that {above} leads to: {}", zone.name, names.join(", "));
            found.push(Problem::new(ZONE, message).hint("is it the right zone of that name?"));
        }
        Some(Delegation::Right { .. } | Delegation::Private | Delegation::Unknown { .. }) => {}
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(host: &str, seen: &Seen) -> Vec<String> {
        let host = Name::host(host).unwrap();
        problems(&host, seen).into_iter().map(|one| format!("{}: {}", one.pointer, one.message)).collect()
    }

    fn zone(private: bool) -> Zone {
        Zone { id: "Z1".into(), name: Name::host("example.com").unwrap(), private }
    }

    #[test]
    fn a_zone_that_leads_nobody_to_the_api_is_told_before_anything_is_made() {
        let above = "com".to_owned();
        let right = Delegation::Right { above: above.clone() };
        let seen = |delegation| Seen { zone: zone(false), taken: vec![], delegation };
        assert_eq!(told("api.example.com", &seen(Some(right.clone()))), [""; 0]);
        assert_eq!(
            told("api.example.net", &seen(Some(right))),
            ["/spec/api/host: api.example.net does not lie in hosted zone Z1 (example.com)"]
        );
        assert_eq!(
            told("api.example.com", &seen(Some(Delegation::None { above }))),
            ["/spec/api/zoneId: nobody is led to zone example.com: com names no name servers of it"]
        );
        let taken = Seen { zone: zone(true), taken: vec![Kind::A, Kind::Aaaa], delegation: None };
        let all = told("api.example.com", &taken);
        assert_eq!(all[0], "/spec/api/host: api.example.com is taken in zone example.com: it has A, AAAA");
        assert!(all[1].starts_with("/spec/api/zoneId: zone example.com is private"), "{all:?}");
    }
}
