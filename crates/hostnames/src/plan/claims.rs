//! From what environments and people claim to what a zone is to hold.

use std::collections::BTreeSet;

use super::wanted::{ServedHost, Share, Target, Wanted, WantedHost};
use super::{Name, Withheld};

/// A host that somebody claimed.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Claimed {
    pub host: Name,
    /// Control namespace and name of the environment that serves it.
    pub namespace: String,
    pub environment: String,
    pub weight: u8,
    /// A health check of Route 53, by its id.
    pub health_check: Option<String>,
    pub stands: Stands,
}

#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Stands {
    /// It is to be answered.
    Wanted,
    /// It was given back.
    Going,
    /// Something has to be there first. Records that it has stay as they are.
    Waits,
}

/// What all claims of a zone have in common.
#[derive(Clone, Copy, Debug)]
pub struct Ground<'a> {
    pub cluster: &'a str,
    /// The cluster's own domain, where it lies in this zone.
    pub domain: Option<&'a Name>,
    /// Where hosts lead to; none: that is not known yet, and whatever there is stays as it is.
    pub target: Option<&'a Target>,
    /// Hosts of environments, for which the wildcard of the domain answers.
    pub served: &'a [Name],
}

/// What the zone is to hold, and which hosts are to go.
pub fn wanted(ground: &Ground<'_>, claims: &[Claimed]) -> (Wanted, BTreeSet<Name>) {
    let going = claims.iter().filter(|claim| claim.stands == Stands::Going).map(|claim| claim.host.clone());
    let going = going.collect();
    let mut wanted = Wanted::default();
    let Some(target) = ground.target else { return (wanted, going) };
    if let Some(domain) = ground.domain {
        wanted.hosts.push(WantedHost {
            name: domain.below("*"),
            share: Share::All,
            target: target.clone(),
            resource: format!("cluster/{}", ground.cluster),
            health_check: None,
        });
        let served = ground.served.iter().filter(|host| host.is_within(domain));
        wanted.served =
            served.map(|host| ServedHost { name: host.clone(), domain: domain.clone() }).collect();
    }
    for claim in claims.iter().filter(|claim| claim.stands == Stands::Wanted) {
        wanted.hosts.push(WantedHost {
            name: claim.host.clone(),
            share: Share::Weight(claim.weight),
            target: target.clone(),
            resource: format!("environment/{}/{}", claim.namespace, claim.environment),
            health_check: claim.health_check.clone(),
        });
    }
    (wanted, going)
}

/// The zone that a host lies in: of several that hold it the lowest.
pub fn zone_of<'a>(host: &Name, zones: impl IntoIterator<Item = &'a Name>) -> Option<&'a Name> {
    zones.into_iter().filter(|zone| host.is_within(zone)).max_by_key(|zone| zone.len())
}

/// Whether nothing of a host that was given back is there any more, or what is there may not go.
pub fn is_let_go(host: Option<&super::Host>) -> bool {
    match host.map(|host| &host.outcome) {
        None | Some(super::Outcome::Nothing | super::Outcome::Withheld(Withheld::NoDelete)) => true,
        Some(_) => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn name(text: &str) -> Name {
        Name::host(text).unwrap()
    }

    fn claim(host: &str, stands: Stands) -> Claimed {
        Claimed {
            host: name(host),
            namespace: "team".into(),
            environment: "production".into(),
            weight: 7,
            health_check: (stands == Stands::Wanted).then(|| "check-1".to_owned()),
            stands,
        }
    }

    fn target() -> Target {
        Target::Addresses { v4: ["192.0.2.1".parse().unwrap()].into(), v6: [].into(), ttl: 60 }
    }

    #[test]
    fn one_wildcard_serves_every_environment_and_named_hosts_have_weights() {
        let (domain, target) = (name("apps.example.com"), target());
        let served = [name("web-qa-shop.apps.example.com"), name("web-qa-shop.localhost")];
        let ground =
            Ground { cluster: "eu-1", domain: Some(&domain), target: Some(&target), served: &served };
        let claims = [
            claim("www.example.com", Stands::Wanted),
            claim("old.example.com", Stands::Going),
            claim("late.example.com", Stands::Waits),
        ];
        let (wanted, going) = wanted(&ground, &claims);
        let hosts: Vec<_> = wanted
            .hosts
            .iter()
            .map(|host| (host.name.as_str(), host.share, host.resource.as_str()))
            .collect();
        assert_eq!(
            hosts,
            [
                ("*.apps.example.com", Share::All, "cluster/eu-1"),
                ("www.example.com", Share::Weight(7), "environment/team/production"),
            ]
        );
        let checks: Vec<_> = wanted.hosts.iter().map(|host| host.health_check.as_deref()).collect();
        assert_eq!(checks, [None, Some("check-1")]);
        assert_eq!(wanted.served.len(), 1);
        assert_eq!(going, [name("old.example.com")].into());
    }

    #[test]
    fn without_an_address_nothing_is_wanted_and_what_was_given_back_goes_all_the_same() {
        let domain = name("apps.example.com");
        let ground = Ground { cluster: "eu-1", domain: Some(&domain), target: None, served: &[] };
        let claims = [claim("www.example.com", Stands::Wanted), claim("old.example.com", Stands::Going)];
        let (wanted, going) = wanted(&ground, &claims);
        assert_eq!((wanted, going.len()), (Wanted::default(), 1));
    }

    #[test]
    fn a_host_lies_in_the_lowest_zone_that_holds_it() {
        let zones = [name("example.com"), name("shop.example.com")];
        assert_eq!(zone_of(&name("www.shop.example.com"), &zones), Some(&zones[1]));
        assert_eq!(zone_of(&name("www.example.com"), &zones), Some(&zones[0]));
        assert_eq!(zone_of(&name("www.example.org"), &zones), None);
    }
}
