//! Many things that happened into few: what is the same is one, counted. Pure.

use std::collections::BTreeMap;

use jiff::Timestamp;

use super::{Happening, Source};

/// Letters of which Kubernetes draws the ends of names.
const DRAWN: &str = "bcdfghjklmnpqrstvwxz2456789";

/// The newest first, each once.
pub fn folded(all: Vec<Happening>) -> Vec<Happening> {
    let mut rest = vec![];
    let mut events = BTreeMap::<(Option<String>, String, String), Happening>::new();
    for one in all {
        if one.source != Source::Event {
            rest.push(one);
            continue;
        }
        let stem = |text: &str| text.split(' ').map(stem).collect::<Vec<_>>().join(" ");
        let key = (one.about.as_deref().map(stem), one.what.clone(), stem(&one.message));
        match events.remove(&key) {
            None => events.insert(key, one),
            Some(other) => events.insert(key, merged(one, other)),
        };
    }
    rest.extend(events.into_values());
    rest.sort_by_key(|one| std::cmp::Reverse((at(one), one.source)));
    rest
}

fn at(one: &Happening) -> Option<Timestamp> {
    one.at.parse().ok()
}

fn merged(one: Happening, other: Happening) -> Happening {
    let (older, newer) = if at(&one) < at(&other) { (one, other) } else { (other, one) };
    let first = |happening: &Happening| happening.since.clone().unwrap_or_else(|| happening.at.clone());
    let earliest = [first(&older), first(&newer)];
    let since = earliest.into_iter().min_by_key(|text| text.parse::<Timestamp>().ok());
    Happening { count: older.count.saturating_add(newer.count), since, ..newer }
}

/// `web` of `web-5d9f7c6b84-x2x4z`: pods of one template are alike.
fn stem(word: &str) -> &str {
    let drawn = |text: &str, lengths: std::ops::RangeInclusive<usize>| {
        lengths.contains(&text.len()) && text.chars().all(|c| DRAWN.contains(c))
    };
    let Some((rest, _)) = word.rsplit_once('-').filter(|(_, end)| drawn(end, 5..=5)) else { return word };
    match rest.rsplit_once('-') {
        Some((name, hash)) if drawn(hash, 8..=10) => name,
        _ => rest,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_kubernetes_draws_is_no_part_of_a_name() {
        assert_eq!(
            ["web-5d9f7c6b84-x2x4z", "db-0", "migrate-x2x4z", "web", "outboard-image"].map(stem),
            ["web", "db-0", "migrate", "web", "outboard-image"]
        );
    }
}
