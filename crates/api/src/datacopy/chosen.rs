//! What may be chosen of a copy: its two sides, which keys, what becomes of personal data, and how gently it goes.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// One side of a copy.
#[derive(Clone, Debug, Default, Deserialize, Eq, JsonSchema, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct CopyEnd {
    /// An Environment in the same namespace; both are of one project. Of a backup it may be gone.
    #[schemars(length(min = 1, max = 38))]
    pub environment: String,
    /// Of `from`: the backup of that environment which is brought into `to`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 40))]
    pub backup: Option<String>,
}

/// Some keys of a service, by patterns of Redis, or by how keys of objects begin.
#[derive(Clone, Debug, Default, Deserialize, Eq, JsonSchema, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct CopyKeys {
    /// Those that are copied (default: every key).
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 100), inner(length(max = 1024)))]
    pub include: Vec<String>,
    /// Those of them that are not.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 100), inner(length(min = 1, max = 1024)))]
    pub exclude: Vec<String>,
    /// Beginnings of keys, and what stands there instead on the target.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    #[schemars(extend("maxProperties" = 100))]
    pub rename: BTreeMap<String, String>,
}

/// What becomes of a copy that may not read or write everything.
#[derive(Clone, Copy, Debug, Default, Deserialize, Eq, JsonSchema, PartialEq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum DeniedChoice {
    // It fails, once all else is copied. (No doc comments here: the schema would list each variant by itself.)
    #[default]
    Fail,
    // It goes well without them, and tells which they are.
    Skip,
}

/// Whether keys of a Redis are copied as of one moment.
#[derive(Clone, Copy, Debug, Default, Deserialize, Eq, JsonSchema, PartialEq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum SnapshotChoice {
    // If the source gives a snapshot; else key by key. (No doc comments here: the schema would list each variant by itself.)
    #[default]
    Auto,
    // Or the copy fails.
    Always,
    // Key by key: the source makes no process beside itself.
    Never,
}

/// What becomes of personal data.
#[derive(Clone, Copy, Debug, Default, Deserialize, Eq, JsonSchema, PartialEq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum MaskChoice {
    // It is masked as the project says. (No doc comments here: the schema would list each variant by itself.)
    #[default]
    Project,
    // It is copied as it is.
    None,
}

/// How gently a copy treats its source. What is not said is as `outboard data-copy` has it.
#[derive(Clone, Copy, Debug, Default, Deserialize, Eq, JsonSchema, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct CopyLimits {
    /// Readers of each source, and as many writers (default: 4). Counts from the next start of its pod on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1, max = 32))]
    pub connections: Option<u32>,
    /// Of each service (default: no limit).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1024))]
    pub bytes_per_second: Option<u64>,
    /// A MariaDB is left alone while it runs more statements than this besides the copy's (default: 50).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1, max = 100_000))]
    pub threads_running: Option<u64>,
    /// A source is left alone, or asked less, while it answers the simplest question later than this (default: 1000; of
    /// Redis 50).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1, max = 600_000))]
    pub latency_millis: Option<u64>,
    /// A Redis is asked less while its main thread is busier than this, of 100 (default: no limit).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1, max = 100))]
    pub cpu_percent: Option<u64>,
    /// Objects of S3 that are under way at once, at most; how many there are is found out (default: 256).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1, max = 1024))]
    pub transfers: Option<u32>,
    /// Of S3, on both sides together (default: no limit).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1, max = 1_000_000))]
    pub requests_per_second: Option<u64>,
}
