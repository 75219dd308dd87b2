//! Zones, owners and wishes that tests are made of.

use std::sync::{Arc, Mutex};

use proptest::prelude::*;

use route53_fake::{Fake, Set, Shared};

use super::direct::Direct;
use crate::plan::*;
use crate::route53::Zone;

pub const ZONE: &str = "Z1EXAMPLE";

pub fn name(text: &str) -> Name {
    Name::from_route53(text)
}

pub fn zone() -> Zone {
    Zone { id: ZONE.to_owned(), name: name("example.com"), private: false }
}

pub fn fake() -> Shared {
    Arc::new(Mutex::new(Fake::with_zone(ZONE, "example.com.")))
}

pub fn direct(fake: &Shared, caller: &str) -> Direct {
    Direct { fake: fake.clone(), caller: caller.to_owned(), page: 300 }
}

/// Everything but what every zone has.
pub fn held(fake: &Shared) -> Vec<Set> {
    let fake = fake.lock().unwrap();
    let sets = fake.zones[ZONE].sets.values().map(|stored| stored.set.clone());
    sets.filter(|set| !matches!(set.kind.as_str(), "NS" | "SOA")).collect()
}

/// Changes that somebody makes whom no trouble meets; whether Route 53 takes them.
pub fn by_hand(fake: &Shared, changes: &[(&str, Set)]) -> bool {
    let mut fake = fake.lock().unwrap();
    let trouble = std::mem::take(&mut fake.trouble);
    let changes: Vec<_> = changes
        .iter()
        .map(|(action, set)| route53_fake::Change { action: (*action).to_owned(), set: set.clone() })
        .collect();
    let taken = fake.change("hand", ZONE, &changes).is_ok();
    fake.trouble = trouble;
    taken
}

pub fn set(at: &str, kind: &str, value: &str) -> Set {
    Set {
        name: format!("{at}."),
        kind: kind.to_owned(),
        ttl: Some(if kind == "TXT" { 300 } else { 60 }),
        values: vec![value.to_owned()],
        ..Set::default()
    }
}

pub fn weighted(set: Set, identifier: &str, weight: i64) -> Set {
    Set { identifier: Some(identifier.to_owned()), weight: Some(weight), ..set }
}

pub fn host(at: &str, share: Share, address: u8) -> WantedHost {
    let v4 = [format!("10.0.0.{address}").parse().unwrap()].into();
    let target = Target::Addresses { v4, v6: [].into(), ttl: 60 };
    WantedHost {
        name: name(at),
        share,
        target,
        resource: "environment/team/qa".to_owned(),
        health_check: None,
    }
}

/// Names that lie in each other's way.
pub const NAMES: [&str; 7] = [
    "example.com",
    "www.example.com",
    "a-www.example.com",
    "api.example.com",
    "*.apps.example.com",
    "web.apps.example.com",
    "x.web.apps.example.com",
];

/// Sets that may stand in a zone, of ours and of anybody.
pub fn any_set() -> impl Strategy<Value = Set> {
    let texts = prop::sample::select(vec![
        Owner::new("main", "c1").unwrap().text("environment/team/qa"),
        Owner::new("main", "c2").unwrap().text("environment/team/qa"),
        "\"heritage=external-dns,external-dns/owner=default,external-dns/resource=ingress/a/b\"".to_owned(),
        "\"*octodns*\"".to_owned(),
        "\"v=spf1 -all\"".to_owned(),
    ]);
    let prefixes = prop::sample::select(vec!["", "a-", "aaaa-", "cname-", "_owner.a."]);
    let content = (0..4_u8, texts, 1..4_u8);
    let routing = prop::option::weighted(0.5, (prop::sample::select(vec!["c1", "c2", "blue"]), 0..3_i64));
    (prop::sample::select(&NAMES[..]), prefixes, content, routing).prop_map(
        |(at, prefix, (kind, text, last), routing)| {
            let prefix = match prefix.strip_suffix('-') {
                // Where the TXT of the zone's own name stands.
                Some(kind) if at == "example.com" => format!("{kind}-_apex."),
                _ => prefix.to_owned(),
            };
            let identifier = routing.map(|(cluster, weight)| {
                (if cluster == "blue" { cluster.to_owned() } else { format!("{cluster}/{at}") }, weight)
            });
            let made = match kind {
                0 => set(at, "A", &format!("10.0.0.{last}")),
                1 => set(at, "AAAA", &format!("fd00::{last}")),
                2 => set(at, "CNAME", "lb.example.org."),
                _ => {
                    let at = at.replace('*', if last == 1 { "*" } else { "_wildcard" });
                    set(&format!("{prefix}{at}"), "TXT", &text)
                }
            };
            match identifier {
                Some((identifier, weight)) => weighted(made, &identifier, weight),
                None => made,
            }
        },
    )
}

pub fn any_wanted() -> impl Strategy<Value = Wanted> {
    let share = prop_oneof![Just(Share::All), (0..3_u8).prop_map(Share::Weight)];
    let target = (0..3_u8, 1..4_u8, any::<bool>()).prop_map(|(kind, last, dual)| match kind {
        0 => Target::Addresses {
            v4: [format!("10.0.0.{last}").parse().unwrap()].into(),
            v6: if dual { [format!("fd00::{last}").parse().unwrap()].into() } else { [].into() },
            ttl: 60,
        },
        1 => Target::Hostname { name: name("lb.example.org"), ttl: 60 },
        _ => Target::LoadBalancer {
            hostname: name("web-1.elb.eu-west-1.amazonaws.com"),
            zone: None,
            dual_stack: dual,
            evaluate_health: true,
        },
    });
    let host = (prop::sample::select(&NAMES[..]), share, target).prop_map(|(at, share, target)| WantedHost {
        name: name(at),
        share,
        target,
        resource: "environment/team/qa".to_owned(),
        health_check: None,
    });
    let served = ServedHost { name: name("web.apps.example.com"), domain: name("apps.example.com") };
    (prop::collection::vec(host, 0..4), any::<bool>()).prop_map(move |(mut hosts, serves)| {
        hosts.sort_by(|one, other| one.name.cmp(&other.name));
        hosts.dedup_by(|one, other| one.name == other.name);
        Wanted { hosts, served: if serves { vec![served.clone()] } else { vec![] } }
    })
}
