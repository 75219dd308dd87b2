//! `Plan`: what a change would do to an environment, worked out by the operator before anything changes.
//!
//! Short-lived: the CLI writes one, reads its status and deletes it; the operator sweeps what was left behind.

use std::collections::BTreeMap;

use kube::{CustomResource, KubeSchema};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::environment::Role;
use crate::{EnvironmentSpec, Verdict};

/// What a change would do to an environment.
#[derive(Clone, CustomResource, Debug, Default, Deserialize, KubeSchema, PartialEq, Serialize)]
#[kube(
    group = "outboard.dev",
    version = "v1alpha1",
    kind = "Plan",
    namespaced,
    status = "PlanStatus",
    derive = "PartialEq",
    category = "outboard",
    printcolumn = r#"{"name":"Environment","type":"string","jsonPath":".spec.environment"}"#,
    printcolumn = r#"{"name":"Hash","type":"string","jsonPath":".status.hash"}"#,
    printcolumn = r#"{"name":"Verdict","type":"string","jsonPath":".status.verdict.message"}"#,
    printcolumn = r#"{"name":"Age","type":"date","jsonPath":".metadata.creationTimestamp"}"#,
    validation = Rule::new("self.spec == oldSelf.spec").message("a plan is about one change: make another plan")
)]
#[serde(rename_all = "camelCase")]
pub struct PlanSpec {
    /// The environment, whether it exists yet or not.
    #[schemars(length(min = 1, max = 38))]
    pub environment: String,
    /// Its settings after the change.
    pub wanted: EnvironmentSpec,
    /// Parts whose image is looked up anew, though its reference stays the same.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub refresh: Vec<String>,
    /// The environment whose newest revision this one is to have: refused unless that has been ready.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub promotes: Option<String>,
}

/// The answer of the operator; absent until it has looked.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct PlanStatus {
    /// Stands for all that would be applied; absent when the change is refused.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hash: Option<String>,
    /// The revision that the change starts from; 0: none.
    #[serde(default)]
    pub from_revision: i64,
    /// Index digests by image reference.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub digests: BTreeMap<String, String>,
    /// In the order in which they would be made.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub changes: Vec<ObjectChange>,
    /// What else is worth knowing before, one sentence each.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub notes: Vec<String>,
    /// What all pods and volumes ask for.
    #[serde(default)]
    pub demand: DemandChange,
    /// What that means for the quotas of the environment's namespace, one entry a limit.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub quotas: Vec<QuotaEffect>,
    /// What the change waits for and in which order it is made, one sentence each.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub waits: Vec<String>,
    /// Why the change is refused, or what it would wait for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub verdict: Option<Verdict>,
}

/// What happens to an object.
#[derive(Clone, Copy, Debug, Deserialize, Eq, JsonSchema, PartialEq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Action {
    Create,
    Change,
    Delete,
}

/// What happens to one object.
#[derive(Clone, Debug, Deserialize, JsonSchema, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ObjectChange {
    pub part: String,
    pub role: Role,
    /// `Deployment web`.
    pub object: String,
    pub action: Action,
    /// What that does to what runs, for people.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub effect: String,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub fields: Vec<FieldChange>,
}

/// What happens to one field.
#[derive(Clone, Debug, Deserialize, JsonSchema, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct FieldChange {
    /// `spec.template.spec.containers[web].image`.
    pub path: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub from: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub to: Option<String>,
}

/// What a change does to one limit of a ResourceQuota. Quantities are written as Kubernetes writes them.
#[derive(Clone, Debug, Deserialize, JsonSchema, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct QuotaEffect {
    /// Name of the ResourceQuota.
    pub quota: String,
    /// What is limited: `requests.cpu`.
    pub resource: String,
    pub hard: String,
    /// What is used now, by everything in the namespace.
    pub used: String,
    /// What the change adds once it is made; negative where it gives back.
    pub adds: String,
    /// What is used on top of that while it is made: pods of jobs, new pods beside old ones.
    pub meanwhile: String,
    pub exceeds: Exceeds,
}

/// Whether a limit is exceeded.
#[derive(Clone, Copy, Debug, Deserialize, Eq, JsonSchema, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub enum Exceeds {
    Never,
    /// While the change is made: it takes longer, pod by pod.
    Meanwhile,
    /// Once it is made: some pods or volumes are never made.
    Afterwards,
}

/// What pods and volumes ask for, before and after.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema, PartialEq, Serialize)]
pub struct DemandChange {
    pub from: Demand,
    pub to: Demand,
}

/// What pods and volumes ask for.
#[derive(Clone, Copy, Debug, Default, Deserialize, JsonSchema, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Demand {
    pub pods: i64,
    /// Thousandths of a core.
    pub cpu_millis: i64,
    pub memory_bytes: i64,
    pub storage_bytes: i64,
}
