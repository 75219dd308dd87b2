//! Which records a zone needs, worked out from what is wanted and what is there. Asks nobody and changes nothing.
//!
//! A host is *ours* if the TXT record of ownership beside it names this installation and cluster. What becomes of a
//! host, row by row (the tests have the same rows):
//!
//! | wanted | there | outcome |
//! |---|---|---|
//! | yes | nothing | create: records and TXTs |
//! | yes | our TXT, no record | create: the TXT is used again |
//! | yes | ours, as wanted | nothing |
//! | yes | ours, different | change: all of ours deleted as it was read, all that is wanted created, in one batch |
//! | yes | ours, of another kind or routing | change, the same way |
//! | yes | ours, TXT names another resource | change of the TXT; the record is deleted and created as it is |
//! | yes | our record, its TXT gone, as it was last seen to be ours | change: the TXT is made again |
//! | yes | our record, its TXT gone, different or not remembered | conflict `MadeByHand` |
//! | yes | a TXT of somebody else, with or without a record | conflict `ForeignOwner` (external-dns in any form it ever wrote, also encrypted; octoDNS; another outboard) |
//! | yes | a record, no TXT | conflict `MadeByHand` |
//! | yes | something else where our TXT belongs | conflict `OwnershipTaken` |
//! | weighted | a simple record of others | conflict `SimpleBesideWeighted` |
//! | weighted | weighted records of others, same TTL | create or change; theirs stay |
//! | weighted | weighted records of others, other TTL | conflict `TtlDiffers` |
//! | weighted | records of others by place, latency, failover | conflict `OtherRouting` |
//! | weighted at 0 | a record of others above 0 | create or change, asserting theirs: deleted and created as it is |
//! | weighted at 0 | none above 0 | conflict `AllAtZero` |
//! | simple | weighted records of others | conflict `WeightedBesideSimple` |
//! | CNAME | anything else of others at the name | conflict `CnameBesideOthers` |
//! | A, AAAA | a CNAME of others | conflict `CnameBesideOthers` |
//! | yes | ours, changed by hand into what is not understood | conflict `NotUnderstood` |
//! | by wildcard | nothing at or below the name | nothing: the wildcard answers |
//! | by wildcard | something at or below the name that stays | conflict `Hidden` |
//! | by wildcard | the wildcard is in conflict, or nobody wants it | conflict `NoWildcard` |
//! | no | ours | delete: records and TXTs; withheld as `Orphan` where nobody gave it back |
//! | no | our TXT, no record | delete of the TXT |
//! | no | our record, its TXT gone, as it was last seen to be ours | delete |
//! | no | ours above 0, of others only some at 0 | conflict `AllAtZero` |
//! | no | of others, or by hand | nothing, and not even mentioned |
//!
//! What is wanted wrongly whatever the zone holds (`OutsideZone`, `CnameAtApex`, `WantedTwice` …) is a conflict of that
//! host as well. Policies and limits hold back what would be done (`Withheld`). Every conflict leaves that host as it
//! is; the other hosts go on.

mod batches;
pub(crate) mod certificates;
mod claims;
mod conflict;
mod default_host;
mod host;
mod limits;
mod load_balancers;
mod name;
mod ownership;
mod present;
mod record;
mod route;
mod shown;
#[cfg(test)]
mod tests;
mod told;
mod wanted;

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

pub use batches::{Unit, batches};
pub use claims::{Claimed, Ground, Stands, is_let_go, wanted, zone_of};
pub use conflict::Conflict;
pub use default_host::{DefaultHost, default_host};
use host::Case;
pub use limits::{Limits, Policy, Withheld};
pub use load_balancers::canonical_zone;
pub use name::{BadName, Name};
pub use ownership::{BadOwner, Format, Holder, Owner};
pub use present::{Present, Span, spans};
pub use record::{Content, Kind, RecordSet, Routing};
pub use route::render as render_route;
pub use shown::{Certificate, Issued, Shown, certificate};
pub use told::{Answers, Followed, Told, told, verdict};
pub use wanted::{ServedHost, Share, Target, Wanted, WantedHost};

/// All that a plan is made of.
#[derive(Clone, Copy, Debug)]
pub struct Question<'a> {
    /// The zone's own name.
    pub zone: &'a Name,
    pub owner: &'a Owner,
    /// How external-dns is configured that shares the zone, beside its defaults.
    pub formats: &'a [Format],
    pub wanted: &'a Wanted,
    /// What was read of `spans`, or of the whole zone.
    pub present: &'a Present,
    pub memory: &'a Memory,
    pub policy: Policy,
    pub limits: Limits,
    pub gone: Gone<'a>,
}

/// Which hosts go that are ours and wanted no more.
#[derive(Clone, Copy, Debug)]
pub enum Gone<'a> {
    All,
    /// Those that somebody gave back. Who knows less than everything takes no other host for an orphan.
    Only(&'a BTreeSet<Name>),
}

impl Gone<'_> {
    fn holds(self, host: &Name) -> bool {
        match self {
            Self::All => true,
            Self::Only(released) => released.contains(host),
        }
    }
}

#[derive(Clone, Debug, Eq, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Plan {
    pub hosts: Vec<Host>,
    pub served: Vec<Served>,
    /// To be given to the next plan.
    #[serde(skip)]
    pub memory: Memory,
}

#[derive(Clone, Debug, Eq, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Host {
    pub name: Name,
    pub outcome: Outcome,
    /// For what, or why it goes.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub why: String,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub changes: Vec<Change>,
}

#[derive(Clone, Debug, Eq, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub enum Outcome {
    Nothing,
    Create,
    Change,
    Delete,
    Conflict(Vec<Conflict>),
    Withheld(Withheld),
}

/// A host for which a wildcard answers, unless there are conflicts.
#[derive(Clone, Debug, Eq, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Served {
    pub name: Name,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub conflicts: Vec<Conflict>,
}

#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub enum Action {
    Create,
    Delete,
}

#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Change {
    pub action: Action,
    pub set: RecordSet,
    pub role: Role,
}

/// Why a record set is part of a batch.
#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub enum Role {
    /// It is written.
    Written,
    /// It is ours, deleted and created as it is: it must not have changed.
    Kept,
    /// The same with a record of others, so that it cannot go to 0 while ours does.
    Guard,
}

/// Our records as they were last seen beside our TXT, or accepted by Route 53: known again should somebody delete the TXT.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Memory(BTreeMap<Name, BTreeSet<RecordSet>>);

impl Memory {
    pub fn hosts(&self) -> impl Iterator<Item = &Name> {
        self.0.keys()
    }

    /// Of every host.
    pub fn records(&self) -> impl Iterator<Item = &RecordSet> {
        self.0.values().flatten()
    }

    fn knows(&self, host: &Name, set: &RecordSet) -> bool {
        self.0.get(host).is_some_and(|sets| sets.contains(set))
    }

    fn insert(&mut self, host: &Name, set: RecordSet) {
        self.0.entry(host.clone()).or_default().insert(set);
    }

    /// What Route 53 has accepted.
    pub fn accepted(&mut self, unit: &Unit) {
        self.0.remove(&unit.host);
        for change in &unit.changes {
            let ours = change.role != Role::Guard && change.set.kind != Kind::Txt;
            if ours && change.action == Action::Create {
                self.insert(&unit.host, change.set.clone());
            }
        }
    }
}

impl FromIterator<RecordSet> for Memory {
    fn from_iter<I: IntoIterator<Item = RecordSet>>(sets: I) -> Self {
        let mut memory = Self::default();
        for set in sets {
            memory.insert(&set.name.clone(), set);
        }
        memory
    }
}

impl Host {
    /// What goes for good, or comes back different.
    fn deletes(&self) -> impl Iterator<Item = &RecordSet> {
        let gone = |change: &&Change| change.action == Action::Delete && change.role == Role::Written;
        self.changes.iter().filter(gone).map(|change| &change.set)
    }

    fn withhold(&mut self, why: Withheld) {
        self.outcome = Outcome::Withheld(why);
        self.changes.clear();
    }
}

impl Plan {
    /// Whether nothing would be written.
    pub fn is_idle(&self) -> bool {
        self.hosts.iter().all(|host| host.changes.is_empty())
    }

    pub fn host(&self, name: &Name) -> Option<&Host> {
        self.hosts.iter().find(|host| host.name == *name)
    }
}

/// What a host is decided by, beside itself.
struct Site<'a> {
    zone: &'a Name,
    owner: &'a Owner,
    formats: &'a [Format],
}

impl<'a> Site<'a> {
    fn who(&self) -> (&'a Owner, &'a Name) {
        (self.owner, self.zone)
    }
}

pub fn plan(question: &Question<'_>) -> Plan {
    let Question { zone, owner, formats, wanted, present, memory, policy, limits, gone } = *question;
    let site = Site { zone, owner, formats };
    let mut wrong = wanted.check(zone);
    let by_name: BTreeMap<&Name, &WantedHost> = wanted.hosts.iter().map(|host| (&host.name, host)).collect();
    let ours: BTreeSet<Name> =
        present.all().filter_map(|set| ownership::ours(set, owner)).map(|(host, _)| host).collect();
    let mut names: BTreeSet<&Name> = by_name.keys().copied().collect();
    names.extend(memory.hosts());
    names.extend(&ours);

    let mut hosts = vec![];
    let mut own: BTreeSet<&RecordSet> = BTreeSet::new();
    let mut owned = 0;
    let mut seen = Memory::default();
    let cases: Vec<Case<'_>> = names.iter().map(|name| Case::new(&site, present, memory, name)).collect();
    for case in &cases {
        let mut decided = match wrong.remove(case.name) {
            Some(conflicts) => case.host(Outcome::Conflict(conflicts), vec![]),
            None => case.decide(by_name.get(case.name).copied()),
        };
        if decided.outcome == Outcome::Delete && !gone.holds(case.name) {
            decided.withhold(Withheld::Orphan);
        }
        for set in case.own.iter().filter(|set| set.kind != Kind::Txt) {
            seen.insert(case.name, (*set).clone());
        }
        owned += usize::from(!case.own.is_empty());
        own.extend(&case.own);
        // A host that is remembered and is not there any more is no news.
        if by_name.contains_key(case.name) || decided.outcome != Outcome::Nothing {
            hosts.push(decided);
        }
    }
    limits.hold(&mut hosts, policy, &own, owned);
    let served = served(wanted, present, &hosts, &mut wrong);
    Plan { hosts, served, memory: seen }
}

/// Which hosts their wildcard answers for, once the plan is carried out.
fn served(
    wanted: &Wanted,
    present: &Present,
    hosts: &[Host],
    wrong: &mut BTreeMap<Name, Vec<Conflict>>,
) -> Vec<Served> {
    let going: BTreeSet<&RecordSet> =
        hosts.iter().filter(|host| host.outcome == Outcome::Delete).flat_map(Host::deletes).collect();
    let has_wildcard = |domain: &Name| {
        let name = domain.below("*");
        let host = hosts.iter().find(|host| host.name == name);
        host.is_some_and(|host| {
            matches!(host.outcome, Outcome::Nothing | Outcome::Create | Outcome::Change)
                || matches!(host.outcome, Outcome::Withheld(_)) && present.at(&name).next().is_some()
        })
    };
    let answers: BTreeMap<&Name, bool> =
        wanted.served.iter().map(|host| (&host.domain, has_wildcard(&host.domain))).collect();
    let one = |host: &ServedHost| {
        let mut conflicts = wrong.remove(&host.name).unwrap_or_default();
        let hides = present.below(&host.name).find(|set| !going.contains(set));
        conflicts.extend(hides.map(|set| Conflict::Hidden { by: set.to_string() }));
        if answers.get(&host.domain) == Some(&false) {
            conflicts.push(Conflict::NoWildcard { domain: host.domain.clone() });
        }
        Served { name: host.name.clone(), conflicts }
    };
    wanted.served.iter().map(one).collect()
}
