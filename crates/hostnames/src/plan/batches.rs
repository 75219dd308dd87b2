//! Changes as Route 53 takes them: as many hosts in a request as its limits allow, and never a host torn apart.

use super::{Change, Host, Name};

/// Of one request: each alias counts as one element, each value of any other set.
const ELEMENTS: usize = 1000;
/// Of one request: all values together. Route 53 counts what an UPSERT carries twice; here there are only CREATE and
/// DELETE.
const CHARACTERS: usize = 32_000;

/// All changes of one host. Done together or not at all.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Unit {
    pub host: Name,
    pub why: String,
    pub changes: Vec<Change>,
}

#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
struct Size {
    elements: usize,
    characters: usize,
}

impl Size {
    fn of(changes: &[Change]) -> Self {
        changes.iter().fold(Self::default(), |size, change| Self {
            elements: size.elements + change.set.values().count().max(1),
            characters: size.characters
                + change.set.values().map(|value| value.chars().count()).sum::<usize>(),
        })
    }

    fn with(self, more: Self) -> Self {
        Self { elements: self.elements + more.elements, characters: self.characters + more.characters }
    }

    fn fits(self) -> bool {
        self.elements <= ELEMENTS && self.characters <= CHARACTERS
    }
}

/// Whether all of one host fits into a request.
pub(super) fn fits(changes: &[Change]) -> bool {
    Size::of(changes).fits()
}

/// Requests, in the order of hosts.
pub fn batches(hosts: &[Host]) -> Vec<Vec<Unit>> {
    let mut batches: Vec<Vec<Unit>> = vec![];
    let mut size = Size::default();
    for host in hosts.iter().filter(|host| !host.changes.is_empty()) {
        let more = Size::of(&host.changes);
        let unit = Unit { host: host.name.clone(), why: host.why.clone(), changes: host.changes.clone() };
        match batches.last_mut() {
            Some(last) if size.with(more).fits() => {
                size = size.with(more);
                last.push(unit);
            }
            _ => {
                size = more;
                batches.push(vec![unit]);
            }
        }
    }
    batches
}
