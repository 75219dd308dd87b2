//! `DataCopy`: data of one environment's services, brought into another's, and what became of it.

use std::collections::BTreeMap;

use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
use kube::{CustomResource, KubeSchema};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{Condition, Verdict};

mod backup;
mod report;

pub use backup::BackupPlace;
pub use report::{
    BackupReport, KeysReport, ObjectWay, ObjectsReport, Proposal, ServiceReport, Snapshot, SnapshotKind,
    ValuePath,
};

/// The data of services of one environment, brought into those of another.
#[derive(Clone, CustomResource, Debug, Deserialize, KubeSchema, PartialEq, Serialize)]
#[kube(
    group = "outboard.dev",
    version = "v1alpha1",
    kind = "DataCopy",
    plural = "datacopies",
    singular = "datacopy",
    namespaced,
    status = "DataCopyStatus",
    derive = "PartialEq",
    shortname = "copy",
    category = "outboard",
    printcolumn = r#"{"name":"From","type":"string","jsonPath":".spec.from.environment"}"#,
    printcolumn = r#"{"name":"To","type":"string","jsonPath":".spec.to.environment"}"#,
    printcolumn = r#"{"name":"Phase","type":"string","jsonPath":".status.phase"}"#,
    printcolumn = r#"{"name":"Rows","type":"integer","jsonPath":".status.rows"}"#,
    printcolumn = r#"{"name":"Of","type":"integer","jsonPath":".status.rowsTotal"}"#,
    printcolumn = r#"{"name":"Why","type":"string","jsonPath":".status.verdict.message"}"#,
    printcolumn = r#"{"name":"Age","type":"date","jsonPath":".metadata.creationTimestamp"}"#,
    validation = Rule::new("self.metadata.name.size() <= 40 && self.metadata.name.matches('^[a-z]([a-z0-9-]*[a-z0-9])?$')")
        .message("a copy's name has at most 40 lower-case letters, digits and hyphens, and starts with a letter"),
    validation = Rule::new("self.spec.scan || self.spec.backup || has(self.spec.from.backup) || self.spec.from.environment != self.spec.to.environment")
        .message("a copy goes from one environment to another"),
    validation = Rule::new("!(self.spec.scan && self.spec.dryRun)").message("say scan or dryRun"),
    validation = Rule::new("!self.spec.backup || self.spec.from.environment == self.spec.to.environment")
        .message("a backup is of one environment: from and to are the same"),
    validation = Rule::new("!(self.spec.backup || has(self.spec.from.backup)) || !(self.spec.scan || self.spec.dryRun)")
        .message("of a backup there is no scan and no dryRun"),
    validation = Rule::new("!(self.spec.backup && has(self.spec.from.backup)) && !has(self.spec.to.backup)")
        .message("a backup is made of an environment (backup), or brought back (from.backup)"),
    validation = Rule::new(
        "!(self.spec.backup || has(self.spec.from.backup)) || self.spec.keys.size() == 0 && self.spec.databases.size() == 0 \
         && self.spec.denied == 'fail' && !has(self.spec.workers) && !has(self.spec.deleteUpTo)"
    ).message("a backup is of whole services, and is brought back whole: leave keys, databases, denied, workers and deleteUpTo out"),
    validation = Rule::new(
        "self.spec.from == oldSelf.spec.from && self.spec.to == oldSelf.spec.to && self.spec.services == oldSelf.spec.services \
         && self.spec.databases == oldSelf.spec.databases && self.spec.masks == oldSelf.spec.masks \
         && self.spec.keys == oldSelf.spec.keys && self.spec.denied == oldSelf.spec.denied \
         && self.spec.snapshot == oldSelf.spec.snapshot \
         && has(self.spec.workers) == has(oldSelf.spec.workers) \
         && (!has(self.spec.workers) || self.spec.workers == oldSelf.spec.workers) \
         && has(self.spec.deleteUpTo) == has(oldSelf.spec.deleteUpTo) \
         && (!has(self.spec.deleteUpTo) || self.spec.deleteUpTo == oldSelf.spec.deleteUpTo) \
         && self.spec.dryRun == oldSelf.spec.dryRun && self.spec.scan == oldSelf.spec.scan \
         && self.spec.backup == oldSelf.spec.backup \
         && self.spec.quiesce == oldSelf.spec.quiesce && self.spec.protected == oldSelf.spec.protected \
         && has(self.spec.requestedBy) == has(oldSelf.spec.requestedBy) \
         && (!has(self.spec.requestedBy) || self.spec.requestedBy == oldSelf.spec.requestedBy)"
    ).message("of a copy only limits, paused, cancelled and forget change: make another copy"),
    validation = Rule::new("!oldSelf.spec.cancelled || self.spec.cancelled")
        .message("a copy that was cancelled stays so: make another copy"),
    validation = Rule::new("!self.spec.forget || self.spec.backup").message("only a backup is forgotten"),
    validation = Rule::new("!oldSelf.spec.forget || self.spec.forget").message("what is being removed cannot be had back")
)]
#[serde(rename_all = "camelCase")]
pub struct DataCopySpec {
    pub from: CopyEnd,
    /// Its data is replaced.
    pub to: CopyEnd,
    /// Services that are copied (default: every MariaDB, Redis and S3 that both have).
    #[serde(default)]
    #[schemars(length(max = 16), inner(length(min = 1, max = 40)))]
    pub services: Vec<String>,
    /// Databases that are copied, by service (default: the one that the service gives its components; of Redis, where
    /// they are numbers, every one that holds keys).
    #[serde(default)]
    #[schemars(extend("maxProperties" = 16))]
    pub databases: BTreeMap<String, Vec<String>>,
    /// Which keys of a Redis, and which objects of an S3, by service (default: all of them).
    #[serde(default)]
    #[schemars(extend("maxProperties" = 16))]
    pub keys: BTreeMap<String, CopyKeys>,
    /// Of S3: what the source does not have is removed from the target, if it is no more than this; 0 leaves it there
    /// (default: 100000 in a bucket of an environment's own, 0 in one that others run).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(max = 100_000))]
    pub delete_up_to: Option<u32>,
    /// Of S3: what becomes of the copy if objects may not be read or written.
    #[serde(default)]
    pub denied: DeniedChoice,
    /// Of Redis: whether all keys are copied as of one moment, out of a snapshot of the source.
    #[serde(default)]
    pub snapshot: SnapshotChoice,
    /// Of S3: pods that copy the objects together, each its own ranges of keys, on nodes of their own where there are
    /// some (default: 1).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1, max = 16))]
    pub workers: Option<u32>,
    #[serde(default)]
    pub masks: MaskChoice,
    /// May change while it runs.
    #[serde(default)]
    pub limits: CopyLimits,
    /// It stops, with nothing held on either side, until this is taken back. May change while it runs.
    #[serde(default)]
    pub paused: bool,
    /// It ends. May change while it runs, once.
    #[serde(default)]
    pub cancelled: bool,
    /// Only say what would be copied and whether it can be.
    #[serde(default)]
    pub dry_run: bool,
    /// Only propose masks for columns of `from` that look like personal data; `to` may be the same environment.
    #[serde(default)]
    pub scan: bool,
    /// A backup: services of `from` are stored where the project says (`backups`), under this copy's name; `to` is the
    /// same environment, and nothing of it is changed.
    #[serde(default)]
    pub backup: bool,
    /// Of a backup that has ended: what it stored is removed from its bucket, then this goes. May change once.
    #[serde(default)]
    pub forget: bool,
    /// Whether what writes to the target is stopped meanwhile.
    #[serde(default = "yes")]
    pub quiesce: bool,
    /// It goes into an environment of a protected class, or leaves one unmasked. Whoever says so needs the right to
    /// `release` environments.
    #[serde(default)]
    pub protected: bool,
    /// The user who asked for it, as Kubernetes knows them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 256))]
    pub requested_by: Option<String>,
}

fn yes() -> bool {
    true
}

impl DataCopySpec {
    /// A copy as it is when nothing else is said.
    pub fn between(from: &str, to: &str) -> Self {
        let end = |environment: &str| CopyEnd { environment: environment.to_owned(), backup: None };
        Self {
            from: end(from),
            to: end(to),
            services: vec![],
            databases: BTreeMap::new(),
            keys: BTreeMap::new(),
            delete_up_to: None,
            denied: DeniedChoice::Fail,
            snapshot: SnapshotChoice::Auto,
            workers: None,
            masks: MaskChoice::Project,
            limits: CopyLimits::default(),
            paused: false,
            cancelled: false,
            dry_run: false,
            scan: false,
            backup: false,
            forget: false,
            quiesce: true,
            protected: false,
            requested_by: None,
        }
    }
}

impl DataCopySpec {
    /// Pods that each start of a service with such a store has.
    pub fn workers_of(&self, store: CopyStore) -> u32 {
        let copies = !self.dry_run && !self.scan && !self.backup;
        self.workers.filter(|_| copies && store == CopyStore::S3).unwrap_or(1).max(1)
    }
}

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

/// How far a copy, or a service of it, has come.
#[derive(Clone, Copy, Debug, Default, Deserialize, Eq, JsonSchema, Ord, PartialEq, PartialOrd, Serialize)]
pub enum CopyPhase {
    // It waits for something that the verdict names, or has not been looked at.
    #[default]
    Pending,
    // Its pod is being started, opens its snapshot and reads what there is.
    Planning,
    // What writes to the target is being stopped.
    Quiescing,
    Copying,
    Paused,
    // All rows were sent; the target is still asked whether it has them.
    Verifying,
    // Foreign keys, views, routines, statistics; then what it needed is taken away.
    Finishing,
    Done,
    Failed,
    Cancelled,
}

impl CopyPhase {
    /// Whether nothing comes after it.
    pub fn is_final(self) -> bool {
        matches!(self, Self::Done | Self::Failed | Self::Cancelled)
    }

    pub fn as_str(self) -> &'static str {
        match self {
            Self::Pending => "pending",
            Self::Planning => "planning",
            Self::Quiescing => "quiescing",
            Self::Copying => "copying",
            Self::Paused => "paused",
            Self::Verifying => "verifying",
            Self::Finishing => "finishing",
            Self::Done => "done",
            Self::Failed => "failed",
            Self::Cancelled => "cancelled",
        }
    }
}

/// What is in the target's databases.
#[derive(Clone, Copy, Debug, Default, Deserialize, Eq, JsonSchema, PartialEq, Serialize)]
pub enum TargetState {
    // What was there before.
    #[default]
    Untouched,
    // Part of the copy: nothing to work with. Another copy takes it up, or begins anew.
    Incomplete,
    // Nothing: something leaked, and what was copied was dropped.
    Emptied,
    // The copy, whole and verified.
    Copied,
}

/// What a service keeps, and so what is counted of it.
#[derive(Clone, Copy, Debug, Default, Deserialize, Eq, JsonSchema, Ord, PartialEq, PartialOrd, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum CopyStore {
    // Tables of rows.
    #[default]
    Mariadb,
    // Keys.
    Redis,
    // Objects.
    S3,
}

impl CopyStore {
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Mariadb => "mariadb",
            Self::Redis => "redis",
            Self::S3 => "s3",
        }
    }

    /// What its `rows` are.
    pub fn rows(self) -> &'static str {
        match self {
            Self::Mariadb => "rows",
            Self::Redis => "keys",
            Self::S3 => "objects",
        }
    }
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
