//! `Environment`: one running copy of one project revision, and what the operator says about it.

use std::collections::BTreeMap;

use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
use kube::{CustomResource, KubeSchema};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::overlay::Overlay;
use crate::overrides::Overrides;
use crate::plan::FieldChange;
use crate::rotation::Rotation;
use crate::{Condition, Verdict};

/// One running copy of one project revision, in a namespace of its own.
#[derive(Clone, CustomResource, Debug, Default, Deserialize, KubeSchema, PartialEq, Serialize)]
#[kube(
    group = "outboard.dev",
    version = "v1alpha1",
    kind = "Environment",
    namespaced,
    status = "EnvironmentStatus",
    derive = "PartialEq",
    shortname = "env",
    category = "outboard",
    printcolumn = r#"{"name":"Project","type":"string","jsonPath":".spec.project"}"#,
    printcolumn = r#"{"name":"Class","type":"string","jsonPath":".spec.class"}"#,
    printcolumn = r#"{"name":"Revision","type":"integer","jsonPath":".status.revision"}"#,
    printcolumn = r#"{"name":"Ready","type":"string","jsonPath":".status.conditions[?(@.type==\"Ready\")].status"}"#,
    printcolumn = r#"{"name":"Why","type":"string","jsonPath":".status.conditions[?(@.type==\"Ready\")].message"}"#,
    printcolumn = r#"{"name":"Owner","type":"string","jsonPath":".spec.owner","priority":1}"#,
    printcolumn = r#"{"name":"Age","type":"date","jsonPath":".metadata.creationTimestamp"}"#,
    validation = Rule::new("self.metadata.name.size() <= 38 && self.metadata.name.matches('^[a-z]([a-z0-9-]*[a-z0-9])?$')")
        .message("an environment name has at most 38 lower-case letters, digits and hyphens, and starts with a letter"),
    validation = Rule::new("(has(self.spec.restoresVolumes) ? self.spec.restoresVolumes : '') == (has(oldSelf.spec.restoresVolumes) ? oldSelf.spec.restoresVolumes : '')")
        .message("an environment starts with kept volumes or it does not: that cannot be changed later")
)]
#[serde(rename_all = "camelCase")]
pub struct EnvironmentSpec {
    /// The Project, in the same namespace.
    #[schemars(length(min = 1, max = 24))]
    #[x_kube(validation = Rule::new("self == oldSelf").message("an environment stays with its project: create another one"))]
    pub project: String,
    /// The project revision it runs: `p-…`.
    #[schemars(regex(pattern = r"^p-[0-9a-f]{10}$"))]
    pub project_revision: String,
    /// The class (stage) it belongs to.
    #[schemars(length(min = 1, max = 30))]
    #[x_kube(validation = Rule::new("self == oldSelf").message("an environment stays in its class: create another one"))]
    pub class: String,
    /// Who asked for it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub owner: Option<String>,
    /// Versions that differ from the project's own, by component.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub versions: BTreeMap<String, String>,
    /// Settings that differ from what the project says, by component; a protected class has none.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub overrides: Overrides,
    /// Index digests by image reference (`repository:tag`), of a plan or of the set that was tested. What is not
    /// listed keeps the digest of the revision before, or is looked up once.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub digests: BTreeMap<String, String>,
    /// Number of the revision of this environment to run again exactly as it was, but for its jobs.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1))]
    pub restores: Option<i64>,
    /// Number of the revision of this environment that others changed by hand: it goes on with those changes, as they
    /// stand when this is taken up.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1))]
    pub keeps: Option<i64>,
    /// What was kept of a destroyed environment of this name: it starts with those volumes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 63))]
    pub restores_volumes: Option<String>,
    /// By component, when somebody last asked for new pods: another entry is a restart.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub restarts: BTreeMap<String, String>,
    /// By service, when somebody last asked for another password of it: another entry is another rotation.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    #[schemars(extend("maxProperties" = 64, "additionalProperties" = {"type": "string", "minLength": 1, "maxLength": 64}))]
    pub rotations: BTreeMap<String, String>,
    /// Until when nothing is healed and no change is made.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub freeze: Option<Freeze>,
    /// What is different for a time, because something else needs it so; each is written by whom it names.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 32), extend("x-kubernetes-list-type" = "map", "x-kubernetes-list-map-keys" = ["by"]))]
    pub overlays: Vec<Overlay>,
    /// The change that led to these settings.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub change: Option<Change>,
}

impl EnvironmentSpec {
    /// Whether people would say that both are the same: what others need for a time is no change of theirs, nor are other
    /// passwords.
    pub fn same_settings(&self, other: &Self) -> bool {
        let (overlays, rotations) = (self.overlays.clone(), self.rotations.clone());
        *self == Self { overlays, rotations, ..other.clone() }
    }
}

/// A stated time without healing, for somebody who has to work by hand.
#[derive(Clone, Debug, Deserialize, JsonSchema, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Freeze {
    pub until: Time,
    #[schemars(length(min = 1, max = 256))]
    pub reason: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 256))]
    pub by: Option<String>,
}

/// What others did to an object of an environment.
#[derive(Clone, Debug, Deserialize, JsonSchema, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Drift {
    /// `Deployment web`.
    pub object: String,
    /// Somebody deleted it.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub deleted: bool,
    /// Field managers, by Kubernetes' own record: `kubectl-edit`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub by: Vec<String>,
    /// From what it is to be to what was found.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub fields: Vec<FieldChange>,
    /// Whether it was put back; else it stands as it was found.
    pub reverted: bool,
    /// It is changed again and again: then it is put back.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub heals_at: Option<Time>,
    /// When it was seen.
    pub at: Time,
}

/// What is done about drift.
#[derive(Clone, Copy, Debug, Default, Deserialize, Eq, JsonSchema, PartialEq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum DriftPolicy {
    /// It is put back.
    #[default]
    Heal,
    /// It is told and left alone.
    Report,
}

/// Who changed an environment, and how.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Change {
    /// The user, as Kubernetes knows them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 256))]
    pub by: Option<String>,
    /// What was typed, such as `promote qa-42 r7`.
    #[schemars(length(max = 256))]
    pub action: String,
    /// Hash of the plan that was shown. What would be applied must still have it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 64))]
    pub plan: Option<String>,
}

/// By what an environment is protected.
#[derive(Clone, Debug, Default, Deserialize, Eq, JsonSchema, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Protection {
    /// Its class when that was found.
    pub class: String,
    /// UID of the Project that protects that class. None once it does not know the class any more, or is gone: who makes either anew
    /// may be somebody else, so that protects until a project says again that the class is protected.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub by: Option<String>,
}

/// What the operator says about an environment.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct EnvironmentStatus {
    /// The generation of the spec that everything below is about.
    #[serde(default)]
    pub observed_generation: i64,
    /// The namespace it runs in.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub namespace: Option<String>,
    /// The UID of that namespace: what was true of an earlier one of this name is not true of this one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub namespace_uid: Option<String>,
    /// Its class is protected: Kubernetes lets only those change or delete it who may release.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub protection: Option<Protection>,
    /// The environment revision that is being applied or runs.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub revision: Option<i64>,
    /// The newest revision that has been Ready: what is healed without waiting for stages.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub settled_revision: Option<i64>,
    /// URL by route host.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub urls: BTreeMap<String, String>,
    /// Services, jobs, components and routes in the order in which they start.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub parts: Vec<PartStatus>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(extend("x-kubernetes-list-type" = "map", "x-kubernetes-list-map-keys" = ["type"]))]
    pub conditions: Vec<Condition>,
    /// Why it is not ready, as soon as that is known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub verdict: Option<Verdict>,
    /// What others changed: what stands so now, and what was put back last.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub drift: Vec<Drift>,
    /// By service: the change of its password that runs, or was made last.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub rotations: BTreeMap<String, Rotation>,
    /// Present while it is being destroyed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub teardown: Option<Teardown>,
}

/// What a part of an environment does.
#[derive(Clone, Copy, Debug, Deserialize, Eq, JsonSchema, Ord, PartialEq, PartialOrd, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Role {
    /// Objects that the project has in Kubernetes' own words.
    Manifest,
    Service,
    /// A job that runs before components change.
    Job,
    Component,
    /// A job that runs again and again.
    Schedule,
    Route,
    /// A job that runs once all else is ready.
    After,
}

impl Role {
    /// Every role, in the order in which parts start.
    pub const ORDER: [Self; 7] =
        [Self::Manifest, Self::Service, Self::Job, Self::Component, Self::Schedule, Self::Route, Self::After];

    /// Whether such a part runs once and then never again.
    pub fn completes(self) -> bool {
        matches!(self, Self::Job | Self::After)
    }

    pub fn as_str(self) -> &'static str {
        match self {
            Self::Manifest => "manifest",
            Self::Service => "service",
            Self::Job | Self::After => "job",
            Self::Component => "component",
            Self::Schedule => "schedule",
            Self::Route => "route",
        }
    }
}

/// How far a part has come.
#[derive(Clone, Copy, Debug, Deserialize, Eq, JsonSchema, PartialEq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum PartState {
    /// An earlier stage is not ready yet.
    Waiting,
    /// Applied, on its way.
    Progressing,
    /// Serving, or for a job: completed.
    Ready,
    /// Can't become ready by waiting; the verdict says why.
    Failed,
}

impl PartState {
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Waiting => "waiting",
            Self::Progressing => "progressing",
            Self::Ready => "ready",
            Self::Failed => "failed",
        }
    }
}

/// One part of an environment.
#[derive(Clone, Debug, Deserialize, JsonSchema, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct PartStatus {
    pub name: String,
    pub role: Role,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub version: Option<String>,
    /// Index digest of that version's image.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub digest: Option<String>,
    pub state: PartState,
    /// Ready replicas of wanted ones, for what has replicas.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub replicas: Option<String>,
    /// What it is doing, for people.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub message: String,
}

/// How far destroying has come.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Teardown {
    /// What is being waited for now, for people.
    pub step: String,
    /// Volumes that go with the environment, as `claim (size)`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub volumes: Vec<String>,
    /// Volumes that outlive it for a stated time.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub kept: Vec<KeptVolume>,
}

/// A volume that outlives its environment for a stated time.
#[derive(Clone, Debug, Deserialize, JsonSchema, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct KeptVolume {
    pub claim: String,
    /// The service that had it.
    pub service: String,
    pub size: String,
    /// Name of the PersistentVolume.
    pub volume: String,
    pub until: Time,
}
