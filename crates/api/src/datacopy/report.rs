//! What a copy says of a service once it is done. Small: lists are cut, never a value of a row in them.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// How the moment was fixed as of which everything was read.
#[derive(Clone, Debug, Default, Deserialize, Eq, JsonSchema, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Snapshot {
    pub kind: SnapshotKind,
    pub readers: u32,
    /// How long writes to the source had to wait for it.
    pub held_millis: u64,
    pub opened_millis: u64,
    /// Place in the source's binary log, where it has one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub position: Option<String>,
}

#[derive(Clone, Copy, Debug, Default, Deserialize, Eq, JsonSchema, PartialEq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum SnapshotKind {
    // Several readers, opened again until their positions were the same; nothing was held.
    Aligned,
    // Several readers, opened while writes were held for a moment.
    Locked,
    // One reader.
    #[default]
    Single,
}

/// What was copied of a service, and how.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ServiceReport {
    /// Of the pod's last start.
    pub seconds: f64,
    /// Snapshots that were opened in that time.
    pub snapshots: u32,
    pub tables: u64,
    pub rows: u64,
    pub chunks: u64,
    /// Chunks whose checksum, as the target computed it itself, is that of what was sent.
    pub verified_chunks: u64,
    /// Chunks that were not, and were loaded again.
    pub repaired_chunks: u64,
    /// Chunks of earlier starts that were still what the source has.
    pub resumed_chunks: u64,
    pub masked_columns: u64,
    /// Stands for the key of the masks, and tells nothing about it: equal keys give equal masks.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mask_key: Option<String>,
    /// Values of masked columns that were looked for in everything else that was sent, and not found.
    pub values_looked_for: u64,
    pub throttled_seconds: f64,
    pub peak_memory_bytes: u64,
    /// Rows whose foreign key points nowhere, by constraint: so they are on the source too. The first 50.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub orphans: BTreeMap<String, u64>,
    /// The first 20.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub notes: Vec<String>,
}

/// A mask that a scan proposes.
#[derive(Clone, Debug, Default, Deserialize, Eq, JsonSchema, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Proposal {
    /// `DATABASE.TABLE.COLUMN`.
    pub column: String,
    /// As `masks` has it: `email`, `null`, `dateShift: 30`.
    pub mask: String,
    pub because: String,
}
