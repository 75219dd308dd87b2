//! What a copy says while it runs and when it has ended: events, for a person's screen or another program.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};

use serde::Serialize;

use crate::mysql::snapshot::Held;
use crate::plan::personal::Proposal;

#[derive(Clone, Debug, Serialize)]
#[serde(tag = "event", rename_all = "camelCase", rename_all_fields = "camelCase")]
pub enum Event {
    Plan(PlanSummary),
    Snapshot(Held),
    /// An earlier run's work: chunks that still hold, and chunks that have to be loaded again.
    Resumed {
        kept: u64,
        again: u64,
    },
    Progress(Progress),
    /// All rows are there, and what needs all of them is made.
    Finishing,
    /// Something passed by itself, or is tried again.
    Note {
        message: String,
    },
    Proposal(Proposal),
    Report(Box<Report>),
    /// A service is in the backup.
    Stored(Box<Stored>),
    /// Of a copy of Redis: the same words, about keys.
    #[serde(untagged)]
    Redis(crate::redis::report::Event),
    /// Of a copy of S3: the same words, about objects.
    #[serde(untagged)]
    S3(crate::s3::report::Event),
}

#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct PlanSummary {
    pub databases: usize,
    pub tables: usize,
    /// As the source guesses.
    pub rows: u64,
    pub bytes: u64,
    pub masked_columns: usize,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub emptied_columns: Vec<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub notes: Vec<String>,
}

#[derive(Clone, Debug, Default, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Progress {
    /// Loaded by this run.
    pub rows: u64,
    pub bytes: u64,
    /// Rows of chunks that are whole on the target, by whichever run.
    pub standing: u64,
    /// Everything was sent; the target is still asked whether it has it.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub verifying: bool,
    /// Chunks that were not what was sent, and were loaded again.
    pub recopied: u64,
    pub of_rows: u64,
    pub bytes_per_second: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub seconds_left: Option<u64>,
    pub tables_done: u64,
    /// Nothing is read for a while: the source has enough to do.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub held: bool,
}

#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Report {
    pub seconds: f64,
    pub snapshot: Held,
    pub snapshots: u32,
    pub tables: usize,
    /// Loaded by this run.
    pub rows: u64,
    /// On the target, by whichever run.
    pub standing_rows: u64,
    pub bytes: u64,
    pub chunks: u64,
    /// Every chunk was compared with what was sent, by the target's own checksum.
    pub verified_chunks: u64,
    pub repaired_chunks: u64,
    pub resumed_chunks: u64,
    pub masked_columns: usize,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub mask_key: Option<String>,
    /// Values of masked columns that were looked for in everything else that was sent.
    pub values_looked_for: usize,
    pub throttled_seconds: f64,
    pub peak_memory_bytes: u64,
    /// Rows whose foreign key points nowhere, by constraint: so they are on the source too.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub orphans: BTreeMap<String, u64>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub notes: Vec<String>,
}

/// What a backup has of a service.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Stored {
    pub seconds: f64,
    /// Rows, keys or objects.
    pub rows: u64,
    pub tables: u64,
    pub path: String,
    pub bytes: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sha256: Option<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub notes: Vec<String>,
}

/// Counted by all workers.
#[derive(Debug, Default)]
pub struct Tally {
    pub rows: AtomicU64,
    pub bytes: AtomicU64,
    pub tables: AtomicU64,
    pub chunks: AtomicU64,
    pub verified: AtomicU64,
    pub repaired: AtomicU64,
    pub resumed: AtomicU64,
}

impl Tally {
    pub fn add(counter: &AtomicU64, by: u64) {
        counter.fetch_add(by, Ordering::Relaxed);
    }

    pub fn read(counter: &AtomicU64) -> u64 {
        counter.load(Ordering::Relaxed)
    }
}

/// The most memory this process has had.
pub fn peak_memory() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    let kibibytes: u64 = line.and_then(|line| line.split_whitespace().next()?.parse().ok()).unwrap_or(0);
    kibibytes * 1024
}
