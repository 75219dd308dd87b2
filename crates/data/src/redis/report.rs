//! What a copy of Redis says while it runs and when it has ended, and what is counted for it.

use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};

use serde::Serialize;

#[derive(Clone, Debug, Serialize)]
#[serde(tag = "event", rename_all = "camelCase", rename_all_fields = "camelCase")]
pub enum Event {
    Plan(PlanSummary),
    /// An earlier run of this job was found: what it did is compared, not done again.
    Resumed {
        job: String,
    },
    /// Everything is looked at, for the so-manieth time.
    Pass {
        pass: u32,
        of_at_most: u32,
    },
    Progress(Progress),
    Report(Box<Report>),
}

#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct PlanSummary {
    pub source: String,
    pub target: String,
    /// As the source says, before any filter.
    pub keys: u64,
    pub databases: Vec<u32>,
    pub path: Path,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub notes: Vec<String>,
}

/// How values get from one server to the other.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub enum Path {
    /// As they stand in a snapshot that the source makes as for a replica: all as of one moment.
    Snapshot,
    /// As the source stores them: DUMP and RESTORE.
    Payloads,
    /// The target does not read what the source writes: by what they mean, command by command.
    Commands,
}

#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Progress {
    pub pass: u32,
    pub keys: u64,
    /// As the source said before any filter.
    pub of_keys: u64,
    pub bytes: u64,
    pub bytes_per_second: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub seconds_left: Option<u64>,
    /// The source has enough to do: it is asked less.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub held: bool,
}

#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Report {
    pub seconds: f64,
    /// Who was read.
    pub source: String,
    pub from_replica: bool,
    pub path: Path,
    /// That of the snapshot, as the source's clock has it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub moment: Option<String>,
    pub databases: Vec<u32>,
    pub passes: u32,
    /// Keys that were looked at in the first pass.
    pub keys: u64,
    pub copied: u64,
    /// Found as they should be: not written.
    pub equal: u64,
    /// There already, and left as the job wants it.
    pub skipped: u64,
    /// Gone from the source, or at their end, before their turn was over.
    pub expired: u64,
    /// Taken in a later pass: changed on the source after they were copied, new there, or lost by the target.
    pub changed: u64,
    /// Were not what was sent, and were sent again.
    pub repaired: u64,
    /// Removed from the target: the source does not have them.
    pub removed: u64,
    /// Read and written in slices.
    pub large: u64,
    pub masked: u64,
    /// Left out, since no rule names them and the job says `deny`.
    pub left_out: u64,
    /// Of modules: compared as bytes, since nothing else can be known of them.
    pub opaque: u64,
    pub functions: u64,
    pub bytes: u64,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub not_copied: Vec<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub mask_key: Option<String>,
    /// Values that are masked, and were looked for in everything else that was sent.
    pub values_looked_for: usize,
    pub source_asked: Asked,
    pub target_asked: Asked,
    pub throttled_seconds: f64,
    pub source_ping_p99_millis: f64,
    /// Of the source's main thread while the copy ran, everybody's commands counted.
    pub source_cpu_seconds: f64,
    pub peak_memory_bytes: u64,
    /// What is certain of this copy, in one sentence.
    pub guarantee: String,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub notes: Vec<String>,
}

#[derive(Clone, Copy, Debug, Default, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Asked {
    pub commands: u64,
    pub round_trips: u64,
    /// Commands that change a key of the copy.
    pub writes: u64,
}

/// Counted on all connections to one end.
#[derive(Debug, Default)]
pub struct Counter {
    pub commands: AtomicU64,
    pub round_trips: AtomicU64,
    pub writes: AtomicU64,
}

impl Counter {
    pub fn asked(&self) -> Asked {
        let read = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        Asked {
            commands: read(&self.commands),
            round_trips: read(&self.round_trips),
            writes: read(&self.writes),
        }
    }
}

/// What one batch of keys came to.
#[derive(Clone, Debug, Default)]
pub struct Counts {
    pub copied: u64,
    pub equal: u64,
    pub skipped: u64,
    pub expired: u64,
    pub changed: u64,
    pub repaired: u64,
    pub removed: u64,
    pub large: u64,
    pub masked: u64,
    pub opaque: u64,
    /// Cannot be copied, and why, by database and name.
    pub not_copied: Vec<String>,
    /// Were not, at the end, what was sent.
    pub differing: Vec<String>,
}

impl Counts {
    pub fn add(&mut self, other: Self) {
        self.copied += other.copied;
        self.equal += other.equal;
        self.skipped += other.skipped;
        self.expired += other.expired;
        self.changed += other.changed;
        self.repaired += other.repaired;
        self.removed += other.removed;
        self.large += other.large;
        self.masked += other.masked;
        self.opaque += other.opaque;
        self.not_copied.extend(other.not_copied);
        self.differing.extend(other.differing);
    }
}

/// Counted by all workers.
#[derive(Debug, Default)]
pub struct Tally {
    /// Of the pass that runs.
    pub keys: AtomicU64,
    pub bytes: AtomicU64,
    pub pass: AtomicU64,
    pub left_out: AtomicU64,
    /// Moves whenever anything was done: whoever starts again sees whether it got anywhere.
    pub done: AtomicU64,
    pub counts: Mutex<Counts>,
}

impl Tally {
    pub fn add(&self, counts: Counts) {
        self.counts.lock().unwrap_or_else(std::sync::PoisonError::into_inner).add(counts);
    }

    pub fn counts(&self) -> Counts {
        self.counts.lock().unwrap_or_else(std::sync::PoisonError::into_inner).clone()
    }
}
