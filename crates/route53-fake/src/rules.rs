//! What the fake of Route 53 refuses, and a batch done to a zone.

use std::collections::{BTreeMap, BTreeSet};
use std::net::{Ipv4Addr, Ipv6Addr};

use super::names::Labels;
use super::{Change, Key, Refusal, Set, Stored, Zone, refusal};

const ELEMENTS: usize = 1000;
const CHARACTERS: usize = 32_000;
const VALUES: usize = 400;
const WEIGHTED: usize = 100;

pub fn key(set: &Set) -> Key {
    (Labels::of(&set.name), set.kind.clone(), set.identifier.clone())
}

fn described(set: &Set) -> String {
    let identifier = set.identifier.as_ref().map(|text| format!(", set-identifier='{text}'"));
    let name = Labels::of(&set.name).text();
    format!("[name='{name}', type='{}'{}]", set.kind, identifier.unwrap_or_default())
}

fn invalid(messages: &[String]) -> Refusal {
    refusal(400, "InvalidChangeBatch", format!("[{}]", messages.join(", ")))
}

/// The zone after all changes, or what is wrong with them.
pub fn apply(zone: &Zone, caller: &str, changes: &[Change]) -> Result<BTreeMap<Key, Stored>, Refusal> {
    if changes.is_empty() {
        return Err(refusal(400, "InvalidInput", "Invalid request: Missing field 'Changes'"));
    }
    limits(changes)?;
    let mut messages: Vec<String> = vec![];
    for change in changes {
        shape(change)?;
        messages.extend(values(zone, change));
    }
    messages.extend(twice(changes));
    if !messages.is_empty() {
        return Err(invalid(&messages));
    }
    let mut sets = zone.sets.clone();
    for change in changes {
        messages.extend(step(&mut sets, &zone.sets, caller, change));
    }
    if messages.is_empty() {
        messages.extend(together(zone, &sets, changes));
    }
    if messages.is_empty() { Ok(sets) } else { Err(invalid(&messages)) }
}

fn limits(changes: &[Change]) -> Result<(), Refusal> {
    let times = |change: &Change| if change.action == "UPSERT" { 2 } else { 1 };
    let elements: usize = changes.iter().map(|change| times(change) * change.set.values.len().max(1)).sum();
    if elements > ELEMENTS {
        return Err(invalid(&[format!("Number of records limit of {ELEMENTS} exceeded.")]));
    }
    let length = |set: &Set| set.values.iter().map(|value| value.chars().count()).sum::<usize>();
    let characters: usize = changes.iter().map(|change| times(change) * length(&change.set)).sum();
    if characters > CHARACTERS {
        // The words are not published.
        return Err(invalid(&[format!("Number of characters limit of {CHARACTERS} exceeded.")]));
    }
    Ok(())
}

/// What is wrong with one change whatever the zone holds, told as InvalidInput.
fn shape(change: &Change) -> Result<(), Refusal> {
    let set = &change.set;
    let wrong = |words: String| Err(refusal(400, "InvalidInput", format!("Invalid request: {words}")));
    if !matches!(change.action.as_str(), "CREATE" | "DELETE" | "UPSERT") {
        return wrong(format!("Action {} is not one of [CREATE, DELETE, UPSERT]", change.action));
    }
    let records = set.ttl.is_some() && !set.values.is_empty();
    let half = set.ttl.is_some() == set.values.is_empty();
    let found = match (set.alias.is_some(), records) {
        _ if half => Some("more than one"),
        (true, true) => Some("more than one"),
        (false, false) => Some("none"),
        _ => None,
    };
    if let Some(found) = found {
        return wrong(format!(
            "Expected exactly one of [AliasTarget, all of [TTL, and ResourceRecords], or TrafficPolicyInstanceId], but \
             found {found} in Change with [Action={}, Name={}, Type={}, SetIdentifier={}]",
            change.action,
            set.name,
            set.kind,
            set.identifier.as_deref().unwrap_or("null")
        ));
    }
    let routed = set.weight.is_some() || set.other.is_some();
    match &set.identifier {
        Some(text) if !routed || text.is_empty() || text.len() > 128 => {
            wrong(format!("SetIdentifier '{text}' needs a routing, and 1 to 128 characters"))
        }
        None if routed => wrong(format!("Missing field 'SetIdentifier' in {}", described(set))),
        _ if set.weight.is_some_and(|weight| !(0..=255).contains(&weight)) => {
            wrong("Weight is not between 0 and 255".to_owned())
        }
        _ if set.ttl.is_some_and(|ttl| !(0..=i64::from(i32::MAX)).contains(&ttl)) => {
            wrong("TTL is not between 0 and 2147483647".to_owned())
        }
        _ => Ok(()),
    }
}

/// The same told as InvalidChangeBatch.
fn values(zone: &Zone, change: &Change) -> Vec<String> {
    let set = &change.set;
    let (labels, apex) = (Labels::of(&set.name), Labels::of(&zone.name));
    let name = labels.text();
    let mut found = vec![];
    if !labels.is_within(&apex) {
        found.push(format!("RRSet with DNS name {name} is not permitted in zone {}", apex.text()));
    }
    let octets: usize = labels.0.iter().map(|label| label.len() + 1).sum::<usize>() + 1;
    if labels.0.iter().any(|label| label.len() > 63) || octets > 255 {
        found.push(format!(
            "FATAL problem: DomainLabelTooLong (Domain label is too long) encountered with '{name}'"
        ));
    }
    if labels == apex && set.kind == "CNAME" {
        found.push(format!(
            "RRSet of type CNAME with DNS name {name} is not permitted at apex in zone {name}"
        ));
    }
    if labels == apex && change.action == "DELETE" && matches!(set.kind.as_str(), "NS" | "SOA") {
        found
            .push(format!("A HostedZone must contain at least one {} record for the zone itself.", set.kind));
    }
    if set.values.len() > VALUES {
        // The words are not published.
        found.push(format!("Number of values limit of {VALUES} exceeded for {}", described(set)));
    }
    let different: BTreeSet<&String> = set.values.iter().collect();
    if different.len() != set.values.len() {
        found.push(format!("Duplicate Resource Record: '{}'", set.values.join("', '")));
    }
    if set.kind == "CNAME" && set.values.len() > 1 {
        found.push(format!("RRSet of type CNAME with DNS name {name} can have one value only"));
    }
    found.extend(set.values.iter().filter_map(|value| {
        let problem = match set.kind.as_str() {
            "A" if value.parse::<Ipv4Addr>().is_err() => "ARRDATAIllegalIPv4Address",
            "AAAA" if value.parse::<Ipv6Addr>().is_err() => "AAAARRDATAIllegalIPv6Address",
            "TXT" => text_problem(value)?,
            "CNAME" if Labels::of(value).0.is_empty() => "UnparseableName",
            _ => return None,
        };
        Some(format!("Invalid Resource Record: FATAL problem: {problem} encountered with '{value}'"))
    }));
    if let Some(alias) = &set.alias {
        let known =
            alias.zone.starts_with('Z') && alias.zone.bytes().all(|byte| byte.is_ascii_alphanumeric());
        if !known {
            found.push(format!(
                "Tried to create an alias that targets {}, type {} in zone {}, but that target was not found",
                alias.target, set.kind, alias.zone
            ));
        }
    }
    found
}

fn text_problem(value: &str) -> Option<&'static str> {
    let inner = value.strip_prefix('"').and_then(|rest| rest.strip_suffix('"'));
    let Some(inner) = inner else {
        return Some("InvalidCharacterString (Value should be enclosed in quotation marks)");
    };
    inner.split("\" \"").any(|text| text.len() > 255).then_some("CharacterStringTooLong (Value is too long)")
}

/// A set may be in a batch once, or be deleted and then created.
fn twice(changes: &[Change]) -> Vec<String> {
    let mut by_key: BTreeMap<Key, Vec<&str>> = BTreeMap::new();
    for change in changes {
        by_key.entry(key(&change.set)).or_default().push(&change.action);
    }
    let bad = by_key.iter().filter(|(_, actions)| actions.len() > 1 && actions[..] != ["DELETE", "CREATE"]);
    bad.map(|((name, kind, _), _)| {
        let name = name.text();
        format!("The request contains an invalid set of changes for a resource record set '{kind} {name}'")
    })
    .collect()
}

fn same(one: &Set, other: &Set) -> bool {
    let values = |set: &Set| set.values.iter().cloned().collect::<BTreeSet<_>>();
    let alias = |set: &Set| {
        set.alias.as_ref().map(|alias| (alias.zone.clone(), Labels::of(&alias.target), alias.evaluate))
    };
    key(one) == key(other)
        && (one.weight, &one.other, one.ttl, &one.health_check)
            == (other.weight, &other.other, other.ttl, &other.health_check)
        && values(one) == values(other)
        && alias(one) == alias(other)
}

fn step(
    sets: &mut BTreeMap<Key, Stored>,
    before: &BTreeMap<Key, Stored>,
    caller: &str,
    change: &Change,
) -> Option<String> {
    let (set, key) = (&change.set, key(&change.set));
    let there = sets.get(&key);
    match (change.action.as_str(), there) {
        ("DELETE", None) => {
            return Some(format!(
                "Tried to delete resource record set {} but it was not found",
                described(set)
            ));
        }
        ("DELETE", Some(there)) if !same(&there.set, set) => {
            return Some(format!(
                "Tried to delete resource record set {} but the values provided do not match the current values",
                described(set)
            ));
        }
        ("DELETE", Some(_)) => {
            sets.remove(&key);
        }
        ("CREATE", Some(_)) => {
            return Some(format!(
                "Tried to create resource record set {} but it already exists",
                described(set)
            ));
        }
        _ => {
            let mut set = set.clone();
            set.name = key.0.text();
            // What comes back as it was is still its author's.
            let kept = before.get(&key).filter(|before| same(&before.set, &set));
            let author = kept.map_or(caller, |before| &before.author).to_owned();
            let stored = kept.map_or(set, |before| before.set.clone());
            sets.insert(key, Stored { set: stored, author });
        }
    }
    None
}

/// What can't stand beside each other.
fn together(zone: &Zone, sets: &BTreeMap<Key, Stored>, changes: &[Change]) -> Vec<String> {
    let names: BTreeSet<Labels> = changes.iter().map(|change| Labels::of(&change.set.name)).collect();
    let mut found = vec![];
    for labels in names {
        let name = labels.text();
        let here: Vec<&Set> =
            sets.iter().filter(|((at, ..), _)| *at == labels).map(|(_, stored)| &stored.set).collect();
        let kinds: BTreeSet<&str> = here.iter().map(|set| set.kind.as_str()).collect();
        if kinds.contains("CNAME") && kinds.len() > 1 {
            found.push(format!(
                "RRSet of type CNAME with DNS name {name} is not permitted as it conflicts with other records with the \
                 same DNS name in zone {}",
                Labels::of(&zone.name).text()
            ));
        }
        for kind in kinds {
            let group: Vec<&&Set> = here.iter().filter(|set| set.kind == kind).collect();
            let routing =
                |set: &Set| (set.weight.is_some(), set.other.as_ref().map(|(element, _)| element.clone()));
            let routings: BTreeSet<_> = group.iter().map(|set| routing(set)).collect();
            if routings.len() > 1 {
                found.push(format!(
                    "RRSet with DNS name {name}, type {kind} cannot be created as other RRSets exist with the same name \
                     and type."
                ));
            }
            let times: BTreeSet<i64> = group.iter().filter_map(|set| set.ttl).collect();
            if times.len() > 1 {
                // Documented; the words are not.
                found.push(format!(
                    "RRSet with DNS name {name}, type {kind} must have the same TTL as the others of its group."
                ));
            }
            if group.len() > WEIGHTED {
                // The words are not published.
                found.push(format!(
                    "RRSet with DNS name {name}, type {kind} exceeds {WEIGHTED} weighted records."
                ));
            }
        }
    }
    found
}
