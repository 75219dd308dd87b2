//! What is wanted, checked: hosts with records of their own, and hosts that a wildcard serves.
//!
//! After `Wanted::check` what one host needs can be computed without failing.

use std::collections::{BTreeMap, BTreeSet};
use std::net::{Ipv4Addr, Ipv6Addr};

use super::Conflict;
use super::load_balancers::canonical_zone;
use super::name::Name;
use super::ownership::{LONGEST_OWN, Owner, name_of_ours};
use super::record::{Content, Kind, OF_HOSTS, RecordSet, Routing};

/// Values of one set that Route 53 takes.
const MOST_VALUES: usize = 400;
/// What Route 53 takes: 0 to 2^31 − 1 seconds.
const LONGEST_TTL: u32 = i32::MAX.unsigned_abs();

/// Where traffic of a host goes.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Target {
    /// The load balancer's own records answer. `zone`: its canonical zone, where its hostname doesn't tell.
    LoadBalancer {
        hostname: Name,
        zone: Option<String>,
        dual_stack: bool,
        evaluate_health: bool,
    },
    Addresses {
        v4: BTreeSet<Ipv4Addr>,
        v6: BTreeSet<Ipv6Addr>,
        ttl: u32,
    },
    Hostname {
        name: Name,
        ttl: u32,
    },
}

/// Whether others answer for the same name.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Share {
    /// This cluster alone: the wildcard of its domain.
    All,
    /// Each cluster that has this host has a record of its own.
    Weight(u8),
}

/// A host that has records.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct WantedHost {
    pub name: Name,
    pub share: Share,
    pub target: Target,
    /// For whom, as `environment/<namespace>/<name>` or `cluster/<name>`.
    pub resource: String,
    pub health_check: Option<String>,
}

/// A host for which a wildcard answers.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct ServedHost {
    pub name: Name,
    /// The domain whose wildcard it is.
    pub domain: Name,
}

#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Wanted {
    pub hosts: Vec<WantedHost>,
    pub served: Vec<ServedHost>,
}

impl Wanted {
    /// What is wrong with it whatever the zone holds, by host.
    pub(super) fn check(&self, zone: &Name) -> BTreeMap<Name, Vec<Conflict>> {
        let mut wrong: BTreeMap<Name, Vec<Conflict>> = BTreeMap::new();
        let mut seen: BTreeMap<&Name, &str> = BTreeMap::new();
        for host in &self.hosts {
            if let Some(other) = seen.insert(&host.name, &host.resource) {
                let by = vec![other.to_owned(), host.resource.clone()];
                wrong.entry(host.name.clone()).or_default().push(Conflict::WantedTwice { by });
            }
            let found = host.check(zone);
            if !found.is_empty() {
                wrong.entry(host.name.clone()).or_default().extend(found);
            }
        }
        let is_cname = |host: &&WantedHost| matches!(host.target, Target::Hostname { .. });
        for cname in self.hosts.iter().filter(is_cname) {
            let below = |host: &&WantedHost| {
                OF_HOSTS.iter().any(|kind| name_of_ours(&host.name, kind, zone) == cname.name)
            };
            if let Some(other) = self.hosts.iter().find(below) {
                let conflict = Conflict::CnameOverOwnership { host: other.name.clone() };
                wrong.entry(cname.name.clone()).or_default().push(conflict);
            }
        }
        for served in &self.served {
            if !served.name.is_one_below(&served.domain) {
                let conflict = Conflict::OutsideWildcard { domain: served.domain.clone() };
                wrong.entry(served.name.clone()).or_default().push(conflict);
            }
        }
        wrong
    }
}

impl WantedHost {
    fn check(&self, zone: &Name) -> Vec<Conflict> {
        let mut found = vec![];
        if !self.name.is_within(zone) {
            found.push(Conflict::OutsideZone { zone: zone.clone() });
        }
        let first = self.name.split().0;
        if first.len() > LONGEST_OWN && self.name != *zone {
            found.push(Conflict::TooLong { label: first.to_owned(), most: LONGEST_OWN });
        }
        let ttl = match &self.target {
            Target::LoadBalancer { hostname, zone: None, .. } if canonical_zone(hostname).is_none() => {
                found.push(Conflict::NoCanonicalZone { hostname: hostname.clone() });
                0
            }
            Target::LoadBalancer { .. } => 0,
            Target::Addresses { v4, v6, ttl } => {
                if v4.is_empty() && v6.is_empty() {
                    found.push(Conflict::NoAddress);
                }
                let most = v4.len().max(v6.len());
                if most > MOST_VALUES {
                    found.push(Conflict::TooManyValues { values: most, most: MOST_VALUES });
                }
                *ttl
            }
            Target::Hostname { name, ttl } => {
                if self.name == *zone {
                    found.push(Conflict::CnameAtApex);
                }
                if self.name == *name {
                    found.push(Conflict::CnameOfItself);
                }
                *ttl
            }
        };
        if ttl > LONGEST_TTL {
            found.push(Conflict::BadTtl { ttl });
        }
        found
    }

    pub(super) fn routing(&self, owner: &Owner) -> Routing {
        match self.share {
            Share::All => Routing::Simple,
            Share::Weight(weight) => Routing::Weighted { identifier: self.identifier(owner), weight },
        }
    }

    fn identifier(&self, owner: &Owner) -> String {
        let whole = format!("{}/{}", owner.cluster(), self.name);
        // Route 53 takes 128 characters.
        super::default_host::shortened(&whole, &[&whole], 128)
    }

    /// Its records, without what says whose they are.
    pub(super) fn records(&self, owner: &Owner) -> Vec<RecordSet> {
        let set = |kind: Kind, content: Content| RecordSet {
            name: self.name.clone(),
            kind,
            routing: self.routing(owner),
            content,
            health_check: self.health_check.clone(),
        };
        match &self.target {
            Target::LoadBalancer { hostname, zone, dual_stack, evaluate_health } => {
                let known = canonical_zone(hostname).unwrap_or_default();
                let content = Content::Alias {
                    zone: zone.clone().unwrap_or_else(|| known.to_owned()),
                    target: hostname.clone(),
                    evaluate_health: *evaluate_health,
                };
                let kinds = if *dual_stack { vec![Kind::A, Kind::Aaaa] } else { vec![Kind::A] };
                kinds.into_iter().map(|kind| set(kind, content.clone())).collect()
            }
            Target::Addresses { v4, v6, ttl } => {
                let v4: BTreeSet<String> = v4.iter().map(ToString::to_string).collect();
                let v6: BTreeSet<String> = v6.iter().map(ToString::to_string).collect();
                [(Kind::A, v4), (Kind::Aaaa, v6)]
                    .into_iter()
                    .filter(|(_, values)| !values.is_empty())
                    .map(|(kind, values)| set(kind, Content::Records { ttl: *ttl, values }))
                    .collect()
            }
            Target::Hostname { name, ttl } => {
                let values = [format!("{name}.")].into();
                vec![set(Kind::Cname, Content::Records { ttl: *ttl, values })]
            }
        }
    }
}
