//! What a copy of S3 says while it runs and when it has ended, and what is counted for it.

use std::collections::BTreeMap;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};

use serde::Serialize;

use super::census::Census;

#[derive(Clone, Debug, Serialize)]
#[serde(tag = "event", rename_all = "camelCase", rename_all_fields = "camelCase")]
pub enum Event {
    Plan(PlanSummary),
    /// An earlier run of this job was found, with so many stretches of its ledger.
    Resumed {
        job: String,
        segments: usize,
    },
    /// The first object is on the target.
    First {
        seconds: f64,
    },
    Progress(Progress),
    Report(Box<Report>),
}

#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct PlanSummary {
    pub source: String,
    pub target: String,
    pub way: Way,
    /// Objects that were seen at once: all of them, or at least so many.
    pub objects_at_least: u64,
    pub bytes_at_least: u64,
    /// There are more than that.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub more: bool,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub notes: Vec<String>,
}

/// How objects get from one bucket to the other.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub enum Way {
    /// The server copies them by itself.
    ByItself,
    /// They pass through this copy.
    Through,
}

#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Progress {
    /// Looked at.
    pub objects: u64,
    /// As far as they are listed or counted.
    pub of_objects: u64,
    pub copied: u64,
    pub bytes: u64,
    /// Zero: nobody counts them.
    #[serde(skip_serializing_if = "is_zero")]
    pub of_bytes: u64,
    pub bytes_per_second: u64,
    pub objects_per_second: u64,
    /// The whole source is listed or counted: there are no more than these.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub listed: bool,
    pub under_way: usize,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub seconds_left: Option<u64>,
    /// A store says that it is asked too much.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub held: bool,
}

#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Report {
    pub seconds: f64,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub seconds_to_first: Option<f64>,
    pub source: String,
    pub target: String,
    pub way: Way,
    #[serde(flatten)]
    pub counts: Counts,
    pub bytes: u64,
    pub ranges: u64,
    pub source_asked: Asked,
    pub target_asked: Asked,
    pub slow_downs: u64,
    pub throttled_seconds: f64,
    pub most_under_way: usize,
    pub peak_memory_bytes: u64,
    /// What is certain of this copy, in one sentence.
    pub guarantee: String,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub notes: Vec<String>,
}

/// Requests of one end, of every kind, those that were tried again too.
#[derive(Clone, Copy, Debug, Default, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Asked {
    pub requests: u64,
    pub listings: u64,
    /// That change an object of the copy.
    pub writes: u64,
    /// That change the ledger.
    pub ledger_writes: u64,
}

/// What a request is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    Read,
    List,
    Write,
    Ledger,
}

#[derive(Debug, Default)]
pub struct Counter {
    requests: AtomicU64,
    listings: AtomicU64,
    writes: AtomicU64,
    ledger: AtomicU64,
}

impl Counter {
    pub fn count(&self, kind: Kind) {
        self.requests.fetch_add(1, Ordering::Relaxed);
        let counter = match kind {
            Kind::Read => return,
            Kind::List => &self.listings,
            Kind::Write => &self.writes,
            Kind::Ledger => &self.ledger,
        };
        counter.fetch_add(1, Ordering::Relaxed);
    }

    pub fn asked(&self) -> Asked {
        let read = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        Asked {
            requests: read(&self.requests),
            listings: read(&self.listings),
            writes: read(&self.writes),
            ledger_writes: read(&self.ledger),
        }
    }
}

#[derive(Clone, Debug, Default, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Counts {
    /// Of the source, that the job wants copied or masked.
    pub objects: u64,
    pub copied: u64,
    /// Found as they should be: not written.
    pub equal: u64,
    /// There already, and left as the job wants it.
    pub skipped: u64,
    /// Changed between being listed and being read: taken as they were then.
    pub changed: u64,
    /// Gone before their turn.
    pub gone: u64,
    /// In parts.
    pub large: u64,
    pub tagged: u64,
    /// Something stands in for them.
    pub placeholders: u64,
    /// Left out since what they begin with is masked.
    pub dropped: u64,
    /// Was not what was read, and was sent again.
    pub repaired: u64,
    /// Equal by a digest of the content that both stores computed.
    pub proved: u64,
    /// No digest of both could be compared: of the right size, and received as it was sent.
    pub received: u64,
    /// On the target alone.
    pub extraneous: u64,
    pub removed: u64,
    /// Objects that could not be copied, and why.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub not_copied: BTreeMap<String, String>,
    pub not_copied_count: u64,
    /// On the target, although what they begin with is masked.
    #[serde(skip)]
    pub forbidden: Vec<String>,
    #[serde(skip)]
    pub forbidden_count: u64,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde passes it so")]
fn is_zero(number: &u64) -> bool {
    *number == 0
}

/// Names that are told.
pub const NAMED: usize = 20;

/// Counted by all walkers.
#[derive(Debug, Default)]
pub struct Tally {
    pub bytes: AtomicU64,
    pub objects: AtomicU64,
    pub copied: AtomicU64,
    pub listed: AtomicU64,
    pub census: Census,
    pub counts: Mutex<Counts>,
}

impl Tally {
    pub fn count(&self, change: impl FnOnce(&mut Counts)) {
        change(&mut self.counts.lock().unwrap_or_else(std::sync::PoisonError::into_inner));
    }

    pub fn counts(&self) -> Counts {
        self.counts.lock().unwrap_or_else(std::sync::PoisonError::into_inner).clone()
    }

    pub fn not_copied(&self, key: &[u8], why: &str) {
        self.count(|counts| {
            counts.not_copied_count += 1;
            if counts.not_copied.len() < NAMED {
                counts.not_copied.insert(String::from_utf8_lossy(key).into_owned(), why.to_owned());
            }
        });
    }
}
