//! Route 53 as far as hostnames need it, strict where it is: atomic batches, exact deletes, every limit, its order and
//! pages, its words; over its own wire, and by DNS once a change is in sync. For tests and the testbed alone: shares no code
//! with what it is there to check.
//!
//! Where Route 53's own words or rules are not published, the comment says so.

mod answers;
pub mod dns;
mod http;
mod names;
mod rules;

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

pub use http::{begin, serve};
pub use names::Labels;

#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Alias {
    pub zone: String,
    pub target: String,
    pub evaluate: bool,
}

/// A record set as it is sent.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Set {
    pub name: String,
    pub kind: String,
    pub identifier: Option<String>,
    pub weight: Option<i64>,
    /// Another routing, by the name of its element: `Region`, `Failover` …
    pub other: Option<(String, String)>,
    pub ttl: Option<i64>,
    pub values: Vec<String>,
    pub alias: Option<Alias>,
    pub health_check: Option<String>,
}

#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Change {
    pub action: String,
    pub set: Set,
}

/// An answer that is an error.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Refusal {
    pub status: u16,
    pub code: &'static str,
    pub message: String,
}

pub type Key = (Labels, String, Option<String>);

/// A set and who made it what it is.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Stored {
    pub set: Set,
    pub author: String,
}

/// One set that a batch changed.
#[derive(Clone, Debug)]
pub struct Event {
    pub caller: String,
    pub before: Option<Stored>,
    pub after: Option<Stored>,
    /// All that the zone held before.
    pub zone: Arc<BTreeMap<Key, Stored>>,
}

#[derive(Clone, Debug, Default)]
pub struct Zone {
    pub name: String,
    pub private: bool,
    pub sets: BTreeMap<Key, Stored>,
    /// What its name servers had before each change that they may not have yet, with the second at which they do.
    earlier: Vec<(u64, Arc<BTreeMap<Key, Stored>>)>,
}

impl Zone {
    /// What its name servers answer from.
    fn published(&self, now: u64) -> &BTreeMap<Key, Stored> {
        let late = self.earlier.iter().find(|(at, _)| *at > now);
        late.map_or(&self.sets, |(_, before)| before)
    }
}

#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Asked {
    GetZone,
    ListZones,
    List,
    Change,
    GetChange,
}

#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Trouble {
    Throttling,
    PriorRequestNotComplete,
    AccessDenied,
    /// It is done, and the answer is an error.
    LosesAnswer,
}

#[derive(Default)]
pub struct Fake {
    pub zones: BTreeMap<String, Zone>,
    /// By id: when it is in sync.
    changes: BTreeMap<String, u64>,
    /// Seconds. Moved by tests alone.
    pub now: u64,
    /// How long a change takes.
    pub takes: u64,
    /// The name server of every zone that is added.
    pub name_server: Option<String>,
    /// Ids of those that there are.
    pub health_checks: BTreeSet<String>,
    /// What the next requests meet, each the kind that it is for.
    pub trouble: VecDeque<(Asked, Trouble)>,
    pub asked: Vec<Asked>,
    pub events: Vec<Event>,
    /// One that runs for days need not know all that ever happened.
    pub records_events: bool,
}

pub type Shared = Arc<Mutex<Fake>>;

/// Somebody who panicked with it leaves it as it is: each change is whole.
pub fn lock(fake: &Shared) -> MutexGuard<'_, Fake> {
    fake.lock().unwrap_or_else(PoisonError::into_inner)
}

pub struct Listed {
    pub sets: Vec<Set>,
    pub next: Option<Set>,
}

fn refusal(status: u16, code: &'static str, message: impl Into<String>) -> Refusal {
    Refusal { status, code, message: message.into() }
}

impl Fake {
    pub fn with_zone(id: &str, name: &str) -> Self {
        let mut fake = Self { takes: 60, records_events: true, ..Self::default() };
        fake.add_zone(id, name, false);
        fake
    }

    /// With the records that every zone has.
    pub fn add_zone(&mut self, id: &str, name: &str, private: bool) {
        let mut zone = Zone { name: name.to_owned(), private, ..Zone::default() };
        let server = self.name_server.as_deref().unwrap_or("ns-1.awsdns-01.org.");
        let apex = |kind: &str, value: &str| Set {
            name: name.to_owned(),
            kind: kind.to_owned(),
            ttl: Some(900),
            values: vec![value.to_owned()],
            ..Set::default()
        };
        for set in [
            apex("NS", server),
            apex("SOA", &format!("{server} awsdns-hostmaster.amazon.com. 1 7200 900 1209600 86400")),
        ] {
            zone.sets.insert(rules::key(&set), Stored { set, author: "Route 53".to_owned() });
        }
        self.zones.insert(id.to_owned(), zone);
    }

    /// What comes before every request.
    fn begin(&mut self, asked: Asked) -> Result<bool, Refusal> {
        if self.records_events {
            self.asked.push(asked);
        }
        let at = self.trouble.iter().position(|(about, _)| *about == asked);
        match at.and_then(|at| self.trouble.remove(at)).map(|(_, trouble)| trouble) {
            None => Ok(false),
            Some(Trouble::LosesAnswer) => Ok(true),
            Some(Trouble::Throttling) => Err(refusal(400, "Throttling", "Rate exceeded")),
            Some(Trouble::PriorRequestNotComplete) => Err(refusal(
                400,
                "PriorRequestNotComplete",
                "The request was rejected because Route 53 was still processing a prior request.",
            )),
            Some(Trouble::AccessDenied) => Err(refusal(
                403,
                "AccessDenied",
                "User: arn:aws:iam::123456789012:user/outboard is not authorized to perform this action",
            )),
        }
    }

    pub fn zone(&mut self, id: &str) -> Result<(String, Zone), Refusal> {
        self.begin(Asked::GetZone)?;
        Ok((id.to_owned(), self.find(id)?.clone()))
    }

    fn find(&mut self, id: &str) -> Result<&mut Zone, Refusal> {
        let missing = || refusal(404, "NoSuchHostedZone", format!("No hosted zone found with ID: {id}"));
        self.zones.get_mut(id).ok_or_else(missing)
    }

    /// In the order of names and ids, from `name` on.
    pub fn zones_from(&mut self, name: &str) -> Result<Vec<(String, Zone)>, Refusal> {
        self.begin(Asked::ListZones)?;
        let from = Labels::of(name);
        let mut all: Vec<_> = self.zones.iter().map(|(id, zone)| (id.clone(), zone.clone())).collect();
        all.retain(|(_, zone)| Labels::of(&zone.name) >= from);
        all.sort_by_key(|(id, zone)| (Labels::of(&zone.name), id.clone()));
        Ok(all)
    }

    pub fn list(
        &mut self,
        zone: &str,
        (name, kind, identifier): (Option<&str>, Option<&str>, Option<&str>),
        most: usize,
    ) -> Result<Listed, Refusal> {
        self.begin(Asked::List)?;
        let zone = self.find(zone)?;
        if name.is_none() && kind.is_some() || kind.is_none() && identifier.is_some() {
            let words = "The input is not valid: a type needs a name to start from, and an identifier a type";
            return Err(refusal(400, "InvalidInput", words));
        }
        let start: Key = (
            name.map(Labels::of).unwrap_or_default(),
            kind.unwrap_or_default().to_owned(),
            identifier.map(str::to_owned),
        );
        let mut found = zone.sets.range(start..).map(|(_, stored)| stored.set.clone());
        let sets: Vec<Set> = found.by_ref().take(most.clamp(1, 300)).collect();
        Ok(Listed { sets, next: found.next() })
    }

    /// All or nothing. The change's id.
    pub fn change(&mut self, caller: &str, zone: &str, changes: &[Change]) -> Result<String, Refusal> {
        let loses_answer = self.begin(Asked::Change)?;
        let (now, takes, records_events) = (self.now, self.takes, self.records_events);
        let made = changes.iter().filter(|change| change.action != "DELETE");
        let mut asked = made.filter_map(|change| change.set.health_check.as_ref());
        if let Some(unknown) = asked.find(|check| !self.health_checks.contains(*check)) {
            let words = format!("No health check exists with the specified ID: {unknown}");
            return Err(refusal(404, "NoSuchHealthCheck", words));
        }
        let zone = self.find(zone)?;
        let after = rules::apply(zone, caller, changes)?;
        let before = Arc::new(std::mem::replace(&mut zone.sets, after));
        zone.earlier.retain(|(at, _)| *at > now);
        zone.earlier.push((now + takes, before.clone()));
        let events = if records_events { events(caller, &before, &zone.sets) } else { vec![] };
        self.events.extend(events);
        let id = format!("C{:012}", self.changes.len() + 1);
        self.changes.insert(id.clone(), self.now + self.takes);
        if loses_answer {
            return Err(refusal(500, "InternalFailure", "The request processing has failed."));
        }
        Ok(id)
    }

    pub fn is_in_sync(&mut self, change: &str) -> Result<bool, Refusal> {
        self.begin(Asked::GetChange)?;
        match self.changes.get(change) {
            Some(at) => Ok(self.now >= *at),
            None => Err(refusal(404, "NoSuchChange", format!("A change with id {change} does not exist"))),
        }
    }
}

fn events(caller: &str, zone: &Arc<BTreeMap<Key, Stored>>, after: &BTreeMap<Key, Stored>) -> Vec<Event> {
    let keys = zone.keys().chain(after.keys().filter(|key| !zone.contains_key(key)));
    keys.filter_map(|key| {
        let (before, after) = (zone.get(key), after.get(key));
        (before != after).then(|| Event {
            caller: caller.to_owned(),
            before: before.cloned(),
            after: after.cloned(),
            zone: zone.clone(),
        })
    })
    .collect()
}
