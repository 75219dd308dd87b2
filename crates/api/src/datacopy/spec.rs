//! What is asked of a copy. All but its limits, and whether it goes on, stays as it was written.

use std::collections::BTreeMap;

use kube::{CustomResource, KubeSchema};
use serde::{Deserialize, Serialize};

use super::{
    CopyEnd, CopyKeys, CopyLimits, CopyStore, DataCopyStatus, DeniedChoice, MaskChoice, SnapshotChoice,
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
