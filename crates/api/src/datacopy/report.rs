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
    /// Rows, keys or objects.
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
    /// Of a Redis.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub keys: Option<KeysReport>,
    /// Of an S3.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub objects: Option<ObjectsReport>,
    /// Of a backup.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub backup: Option<BackupReport>,
    /// Rows whose foreign key points nowhere, by constraint: so they are on the source too. The first 50.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub orphans: BTreeMap<String, u64>,
    /// The first 20.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub notes: Vec<String>,
}

/// What was stored of a service.
#[derive(Clone, Debug, Default, Deserialize, Eq, JsonSchema, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct BackupReport {
    /// Below the backup's folder: a file, or where its objects lie.
    pub path: String,
    /// As they are stored.
    pub bytes: u64,
    /// Of the file, as it is stored.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sha256: Option<String>,
}

/// What was done to keys of a Redis, by the pod's last start.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct KeysReport {
    pub path: ValuePath,
    /// That of the snapshot which all keys are out of, by the source's clock.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub moment: Option<String>,
    /// How often everything was looked at.
    pub passes: u32,
    /// Written, and read back from the target.
    pub copied: u64,
    /// Found as they should be: not written.
    pub equal: u64,
    /// Gone from the source, or at their end, before their turn was over.
    pub expired: u64,
    /// Taken in a later pass: changed on the source meanwhile.
    pub changed: u64,
    /// Were not what was sent, and were sent again.
    pub repaired: u64,
    /// Removed from the target: the source does not have them.
    pub removed: u64,
    /// Read and written in slices.
    pub large: u64,
    pub masked: u64,
    /// Left out, since no mask names them.
    pub left_out: u64,
    pub functions: u64,
    /// What could not be copied, and why. The first 10.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub not_copied: Vec<String>,
    pub source_commands: u64,
    /// Commands go many at a time.
    pub source_round_trips: u64,
    /// Commands that change a key of the copy.
    pub target_writes: u64,
    pub source_ping_p99_millis: f64,
    /// Of the source's main thread while the copy ran, everybody's commands counted.
    pub source_cpu_seconds: f64,
    /// What is certain of this copy, in one sentence.
    pub guarantee: String,
}

/// How values got from one Redis to the other.
#[derive(Clone, Copy, Debug, Default, Deserialize, Eq, JsonSchema, PartialEq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum ValuePath {
    // Out of a snapshot: all as of one moment.
    Snapshot,
    // As the source stores them, one by one.
    #[default]
    Payloads,
    // By what they mean: the target does not read what the source stores.
    Commands,
}

/// What was done to objects of an S3, by the pod's last start.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ObjectsReport {
    pub way: ObjectWay,
    pub copied: u64,
    /// Found as they should be: not written.
    pub equal: u64,
    /// Changed between being listed and being read: taken as they were then.
    pub changed: u64,
    /// Gone from the source before their turn.
    pub gone: u64,
    /// In parts.
    pub large: u64,
    pub tagged: u64,
    /// Something stands in for them, as masks say.
    pub placeholders: u64,
    /// Left out, as masks say.
    pub dropped: u64,
    /// Were not what was read, and were sent again.
    pub repaired: u64,
    /// Equal by a digest of the content that both stores computed.
    pub proved: u64,
    /// Without such a digest: of the right size, and received as they were sent.
    pub received: u64,
    /// On the target alone.
    pub extraneous: u64,
    /// Those of them that were removed.
    pub removed: u64,
    pub not_copied_count: u64,
    /// What could not be copied, and why. The first 20.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub not_copied: Vec<String>,
    pub source_requests: u64,
    pub target_requests: u64,
    /// Requests that change an object of the copy.
    pub target_writes: u64,
    /// Requests that change what the copy writes down for the next one.
    pub ledger_writes: u64,
    /// How often a store said that it was asked too much.
    pub slow_downs: u64,
    /// Objects that were under way at once, at most.
    pub most_under_way: u64,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub seconds_to_first: Option<f64>,
    /// What is certain of this copy, in one sentence.
    pub guarantee: String,
}

/// How objects got from one bucket to the other.
#[derive(Clone, Copy, Debug, Default, Deserialize, Eq, JsonSchema, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub enum ObjectWay {
    // Through the copy's pod.
    #[default]
    Through,
    // The server copied them by itself.
    ByItself,
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
