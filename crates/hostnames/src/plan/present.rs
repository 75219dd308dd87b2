//! What a zone holds, as far as it was read, and which part of a zone has to be read.

use std::collections::{BTreeMap, BTreeSet};

use super::ownership::{self, Format};
use super::record::OF_HOSTS;
use super::{Memory, Name, RecordSet, Wanted};

#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Present {
    sets: BTreeMap<Name, BTreeSet<RecordSet>>,
}

impl FromIterator<RecordSet> for Present {
    fn from_iter<I: IntoIterator<Item = RecordSet>>(all: I) -> Self {
        let mut present = Self::default();
        for set in all {
            present.sets.entry(set.name.clone()).or_default().insert(set);
        }
        present
    }
}

impl Present {
    pub fn at<'a>(&'a self, name: &Name) -> impl Iterator<Item = &'a RecordSet> + use<'a> {
        self.sets.get(name).into_iter().flatten()
    }

    pub fn below<'a>(&'a self, name: &'a Name) -> impl Iterator<Item = &'a RecordSet> {
        self.sets.range(name..).take_while(|(at, _)| at.is_within(name)).flat_map(|(_, sets)| sets)
    }

    pub fn all(&self) -> impl Iterator<Item = &RecordSet> {
        self.sets.values().flatten()
    }
}

/// A part of a zone.
#[derive(Clone, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub enum Span {
    /// A name and what lies below it.
    Below(Name),
    Only(Name),
}

impl Span {
    pub fn name(&self) -> &Name {
        match self {
            Self::Below(name) | Self::Only(name) => name,
        }
    }

    pub fn holds(&self, name: &Name) -> bool {
        match self {
            Self::Below(domain) => name.is_within(domain),
            Self::Only(only) => name == only,
        }
    }
}

/// What has to be read to plan: the domains of wildcards whole, of any other host what bears on it.
pub fn spans(wanted: &Wanted, memory: &Memory, formats: &[Format], zone: &Name) -> Vec<Span> {
    let mut spans: BTreeSet<Span> =
        wanted.served.iter().map(|host| Span::Below(host.domain.clone())).collect();
    for host in wanted.hosts.iter().map(|host| &host.name).chain(memory.hosts()) {
        // What is told below a host, as octoDNS does, comes with it; a zone's own name would bring all of it.
        spans.insert(if host == zone { Span::Only(host.clone()) } else { Span::Below(host.clone()) });
        let told = OF_HOSTS.iter().flat_map(|kind| ownership::names_to_read(host, kind, zone, formats));
        spans.extend(told.map(Span::Only));
    }
    let covers = |span: &Span| {
        spans.iter().any(|other| other != span && matches!(other, Span::Below(_)) && other.holds(span.name()))
    };
    let mut needed: Vec<Span> = spans.iter().filter(|span| !covers(span)).cloned().collect();
    needed.sort_by(|one, other| one.name().cmp(other.name()));
    needed
}
