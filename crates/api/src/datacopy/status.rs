//! What the operator says about a copy and about each of its services.

use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{BackupPlace, CopyPhase, CopyStore, Proposal, ServiceReport, Snapshot, TargetState};
use crate::{Condition, Verdict};

/// What the operator says about a copy.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct DataCopyStatus {
    /// The generation of the spec that everything below is about.
    #[serde(default)]
    pub observed_generation: i64,
    #[serde(default)]
    pub phase: CopyPhase,
    /// The namespace that its pods run in, while there is one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub namespace: Option<String>,
    /// Rows, keys and objects that stand on the target, of all services.
    #[serde(default)]
    pub rows: u64,
    /// As the sources guess.
    #[serde(default)]
    pub rows_total: u64,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub services: Vec<CopiedService>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(extend("x-kubernetes-list-type" = "map", "x-kubernetes-list-map-keys" = ["type"]))]
    pub conditions: Vec<Condition>,
    /// Why it does not go on, as soon as that is known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub verdict: Option<Verdict>,
    /// Where it lies, if it is a backup, and of what it was made.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub backup: Option<BackupPlace>,
    /// How it left the target.
    #[serde(default)]
    pub target: TargetState,
    /// What is worth knowing besides, one sentence each.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub notes: Vec<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub started: Option<Time>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub finished: Option<Time>,
    /// Until when this object is kept, once it has finished.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub kept_until: Option<Time>,
}

/// One service of a copy.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct CopiedService {
    pub name: String,
    #[serde(default)]
    pub store: CopyStore,
    #[serde(default)]
    pub phase: CopyPhase,
    /// What is in its databases on the target.
    #[serde(default)]
    pub target: TargetState,
    /// Of a database.
    #[serde(default)]
    pub tables: u64,
    #[serde(default)]
    pub tables_done: u64,
    /// Rows, keys or objects that stand on the target.
    #[serde(default)]
    pub rows: u64,
    /// As the source guesses; of objects, as far as they are counted.
    #[serde(default)]
    pub rows_total: u64,
    /// Bytes that were sent, those of earlier tries included.
    #[serde(default)]
    pub bytes: u64,
    /// As the source guesses.
    #[serde(default)]
    pub bytes_total: u64,
    #[serde(default)]
    pub bytes_per_second: u64,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub eta_seconds: Option<u64>,
    /// Nothing is read for a while: the source has enough to do.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub held: bool,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub snapshot: Option<Snapshot>,
    /// Chunks that were loaded again: they had changed since an earlier run, or were not what was sent.
    #[serde(default)]
    pub recopied_chunks: u64,
    /// How often its pod was started.
    #[serde(default)]
    pub tries: u32,
    /// How often in a row that got nowhere.
    #[serde(default)]
    pub tries_in_vain: u32,
    #[serde(default)]
    pub masked_columns: u64,
    /// Columns that no mask names, which are emptied.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub emptied_columns: Vec<String>,
    /// What happened last, for people.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub message: String,
    /// Why it does not go on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub verdict: Option<Verdict>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub started: Option<Time>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub finished: Option<Time>,
    /// Once it is done.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub report: Option<ServiceReport>,
    /// What a scan proposes, the first 200.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub proposals: Vec<Proposal>,
}
