//! What a question is answered with, as an authoritative server works it out: exact names, then the wildcard of what is
//! nearest above, CNAMEs followed within the zone, one of several by weight.

use std::collections::BTreeMap;

use hickory_proto::rr::rdata::{A, AAAA, CNAME, NS, SOA, TXT};
use hickory_proto::rr::{Name, RData, Record};

use crate::{Fake, Key, Labels, Set, Stored, Zone};

/// CNAMEs that are followed.
const MOST: usize = 8;

pub struct Answer {
    pub exists: bool,
    pub records: Vec<Record>,
    /// The zone's SOA, if there is no record.
    pub authority: Option<Record>,
}

/// None: it lies in no zone that is served.
pub fn find(fake: &Fake, name: &Labels, kind: &str) -> Option<Answer> {
    let zone = zone(fake, name)?;
    let sets = zone.published(fake.now);
    let mut answer = Answer { exists: false, records: vec![], authority: None };
    let mut at = name.clone();
    for _ in 0..MOST {
        let Some(owner) = owner(sets, &at, &Labels::of(&zone.name)) else { break };
        answer.exists = true;
        if let Some(set) = chosen(sets, &owner, kind) {
            answer.records.extend(records(set, &at));
            break;
        }
        let Some(cname) = chosen(sets, &owner, "CNAME") else { break };
        answer.records.extend(records(cname, &at));
        at = Labels::of(cname.values.first()?);
        if !at.is_within(&Labels::of(&zone.name)) {
            break;
        }
    }
    if answer.records.is_empty() {
        let apex = Labels::of(&zone.name);
        let soa = sets.get(&(apex.clone(), "SOA".to_owned(), None));
        answer.authority = soa.and_then(|stored| records(&stored.set, &apex).into_iter().next());
    }
    Some(answer)
}

/// The zone that a name lies in: of several that hold it the lowest.
fn zone<'a>(fake: &'a Fake, name: &Labels) -> Option<&'a Zone> {
    let holds = |zone: &&Zone| name.is_within(&Labels::of(&zone.name));
    fake.zones.values().filter(holds).max_by_key(|zone| (Labels::of(&zone.name).0.len(), !zone.private))
}

/// Where the records of a name stand: there, or at the wildcard of the nearest name above that is there.
fn owner(sets: &BTreeMap<Key, Stored>, name: &Labels, apex: &Labels) -> Option<Labels> {
    let is_there = |name: &Labels| sets.keys().any(|(at, ..)| at.is_within(name));
    if is_there(name) {
        return Some(name.clone());
    }
    let above = (1..=name.0.len()).map(|from| Labels(name.0[from..].to_vec()));
    let nearest = above.take_while(|name| name.is_within(apex)).find(is_there)?;
    let wildcard = Labels([vec![b"*".to_vec()], nearest.0].concat());
    is_there(&wildcard).then_some(wildcard)
}

/// Of several sets one by its weight; if all are at 0, any.
fn chosen<'a>(sets: &'a BTreeMap<Key, Stored>, name: &Labels, kind: &str) -> Option<&'a Set> {
    let all: Vec<&Set> = sets
        .iter()
        .filter(|((at, of, _), _)| at == name && of == kind)
        .map(|(_, stored)| &stored.set)
        .collect();
    let weight = |set: &Set| u64::try_from(set.weight.unwrap_or(1)).unwrap_or_default();
    let whole: u64 = all.iter().map(|set| weight(set)).sum();
    if whole == 0 {
        return all.get(rand::random_range(0..all.len().max(1))).copied();
    }
    let mut at = rand::random_range(0..whole);
    all.into_iter().find(|set| {
        let here = at < weight(set);
        at = at.saturating_sub(weight(set));
        here
    })
}

/// An alias has none: what it stands for lies at AWS.
fn records(set: &Set, name: &Labels) -> Vec<Record> {
    let Ok(name) = Name::from_labels(name.0.iter().map(Vec::as_slice)) else { return vec![] };
    let ttl = set.ttl.and_then(|ttl| u32::try_from(ttl).ok()).unwrap_or_default();
    let of = |value: &String| Some(Record::from_rdata(name.clone(), ttl, data(&set.kind, value)?));
    set.values.iter().filter_map(of).collect()
}

fn data(kind: &str, value: &str) -> Option<RData> {
    let name = |text: &str| Name::from_labels(Labels::of(text).0.iter().map(Vec::as_slice)).ok();
    Some(match kind {
        "A" => RData::A(A(value.parse().ok()?)),
        "AAAA" => RData::AAAA(AAAA(value.parse().ok()?)),
        "CNAME" => RData::CNAME(CNAME(name(value)?)),
        "NS" => RData::NS(NS(name(value)?)),
        "TXT" => {
            let strings = value.trim_matches('"').split("\" \"").map(str::to_owned);
            RData::TXT(TXT::new(strings.collect()))
        }
        "SOA" => {
            let words: Vec<&str> = value.split_whitespace().collect();
            let [server, person, serial, refresh, retry, expire, minimum] = words[..] else { return None };
            let seconds = |text: &str| text.parse::<i32>().ok();
            RData::SOA(SOA::new(
                name(server)?,
                name(person)?,
                serial.parse().ok()?,
                seconds(refresh)?,
                seconds(retry)?,
                seconds(expire)?,
                minimum.parse().ok()?,
            ))
        }
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Change;

    fn set(name: &str, kind: &str, value: &str) -> Set {
        Set {
            name: format!("{name}.example.com."),
            kind: kind.to_owned(),
            ttl: Some(60),
            values: vec![value.to_owned()],
            ..Set::default()
        }
    }

    fn weighted(set: Set, identifier: &str, weight: i64) -> Set {
        Set { identifier: Some(identifier.to_owned()), weight: Some(weight), ..set }
    }

    fn fake(sets: &[Set]) -> Fake {
        let mut fake = Fake::with_zone("Z1", "example.com.");
        let create = |set: &Set| Change { action: "CREATE".to_owned(), set: set.clone() };
        fake.change("test", "Z1", &sets.iter().map(create).collect::<Vec<_>>()).unwrap();
        fake.now = 60;
        fake
    }

    /// What A records are answered; `-`: there are none; `?`: there is no such name.
    fn told(fake: &Fake, name: &str) -> String {
        let answer = find(fake, &Labels::of(&format!("{name}.example.com")), "A").unwrap();
        let addresses: Vec<String> = answer.records.iter().map(|record| record.data.to_string()).collect();
        match (answer.exists, addresses.join(" ")) {
            (false, _) => "?".to_owned(),
            (true, none) if none.is_empty() => "-".to_owned(),
            (true, some) => some,
        }
    }

    #[test]
    fn a_wildcard_answers_for_what_nothing_else_hides() {
        let fake = fake(&[
            set("*.apps", "A", "10.0.0.1"),
            set("web.apps", "TXT", "\"x\""),
            set("deep.other.apps", "A", "10.0.0.2"),
            set("www", "CNAME", "any.apps.example.com."),
        ]);
        assert_eq!(told(&fake, "qa.apps"), "10.0.0.1");
        assert_eq!(told(&fake, "x.y.apps"), "10.0.0.1");
        assert_eq!(told(&fake, "web.apps"), "-");
        assert_eq!(told(&fake, "other.apps"), "-");
        assert_eq!(told(&fake, "x.other.apps"), "?");
        assert_eq!(told(&fake, "nothing"), "?");
        assert!(told(&fake, "www").ends_with("10.0.0.1"), "{}", told(&fake, "www"));
        assert!(find(&fake, &Labels::of("www.example.org"), "A").is_none());
    }

    #[test]
    fn of_several_one_is_chosen_by_weight_and_any_if_all_are_at_0() {
        let sets = |weight| {
            [
                weighted(set("www", "A", "10.0.0.1"), "one", weight),
                weighted(set("www", "A", "10.0.0.2"), "other", 0),
            ]
        };
        let of = |fake: &Fake| (0..64).map(|_| told(fake, "www")).collect::<std::collections::BTreeSet<_>>();
        assert_eq!(of(&fake(&sets(1))).len(), 1);
        assert_eq!(of(&fake(&sets(0))).len(), 2);
    }

    #[test]
    fn what_is_not_in_sync_yet_is_not_answered() {
        let mut fake = fake(&[set("www", "A", "10.0.0.1")]);
        let change = Change { action: "UPSERT".to_owned(), set: set("www", "A", "10.0.0.2") };
        fake.change("test", "Z1", &[change]).unwrap();
        assert_eq!(told(&fake, "www"), "10.0.0.1");
        fake.now = 120;
        assert_eq!(told(&fake, "www"), "10.0.0.2");
    }
}
