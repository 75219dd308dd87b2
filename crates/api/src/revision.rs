//! Revisions: immutable records, kept as Kubernetes `ControllerRevision`s, whose data the API server
//! itself refuses to change.
//!
//! A project revision is a checked `outboard.yaml`. An environment revision is complete: what was
//! asked for **and** the rendered objects, secret values left out.

use std::collections::BTreeMap;

use k8s_openapi::api::apps::v1::ControllerRevision;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use k8s_openapi::apimachinery::pkg::runtime::RawExtension;
use kube::{Resource, ResourceExt};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use sha2::{Digest, Sha256};

use crate::environment::{Change, DriftPolicy, Role};
use crate::marks;
use crate::overrides::Overrides;
use crate::project::{PodSecurity, Project, ProjectSpec, SecretPlace};

/// The first `length` hex digits of the SHA-256 of `value`'s JSON.
pub fn short_hash(value: &impl Serialize, length: usize) -> String {
    // Serialising our own types cannot fail; an empty text would still be a stable hash.
    let text = serde_json::to_string(value).unwrap_or_default();
    let digest = Sha256::digest(text.as_bytes());
    let mut hex: String = digest.iter().map(|byte| format!("{byte:02x}")).collect();
    hex.truncate(length);
    hex
}

/// One immutable, checked `outboard.yaml`.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ProjectRevision {
    pub project: String,
    pub spec: ProjectSpec,
}

impl ProjectRevision {
    /// Its name, from its content: equal files are equal revisions.
    pub fn name(&self) -> String {
        format!("p-{}", short_hash(self, 10))
    }

    /// The object that stores it, owned by the project.
    pub fn to_object(&self, project: &Project, install: &str) -> ControllerRevision {
        let labels = [
            ("app.kubernetes.io/managed-by", "outboard"),
            (marks::INSTALL, install),
            (marks::PROJECT, &self.project),
            (marks::REVISION_OF, "project"),
        ];
        record(self.name(), &labels, project, self, project.meta().generation.unwrap_or(1))
    }

    pub fn from_object(object: &ControllerRevision) -> Option<Self> {
        serde_json::from_value(object.data.as_ref()?.0.clone()).ok()
    }
}

/// One complete, immutable state of an environment.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct EnvironmentRevision {
    pub project: String,
    pub project_revision: String,
    pub class: String,
    /// The versions the environment chose itself, as it wrote them.
    pub requested: BTreeMap<String, String>,
    /// The version of every component, chosen or by default.
    pub versions: BTreeMap<String, String>,
    /// Index digest of every image it runs, by reference.
    #[serde(default)]
    pub digests: BTreeMap<String, String>,
    /// The revision whose objects these are, if it is a rollback.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub restores: Option<i64>,
    /// The revision that others had changed by hand, if these are its objects with those changes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub keeps: Option<i64>,
    /// The settings in which it differs from what the project says.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub overrides: Overrides,
    /// Every change by hand that has been kept since the objects were last rendered.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub kept: Vec<Kept>,
    /// By component, when somebody last asked for new pods.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub restarts: BTreeMap<String, String>,
    /// The change that led to it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub change: Option<Change>,
    /// What is done about drift in its class.
    #[serde(default)]
    pub drift: DriftPolicy,
    /// Its class has environments ready only once their hosts are.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub await_hosts: bool,
    /// By which standard pods are judged in its class: a label of the namespace.
    #[serde(default, skip_serializing_if = "PodSecurity::is_baseline")]
    pub pod_security: PodSecurity,
    /// Seconds for which the volumes of its services are kept once it is destroyed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub keep_volumes: Option<u32>,
    /// The outboard version that rendered it.
    pub renderer: String,
    /// URL by route host.
    pub urls: BTreeMap<String, String>,
    /// In the order in which they start.
    pub parts: Vec<Part>,
    pub secrets: Vec<SecretRecipe>,
}

/// What somebody changed by hand on one object, and wanted to keep.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Kept {
    /// `Deployment web`.
    pub object: String,
    /// It was deleted, and stays so.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub deleted: bool,
    /// Paths of the fields.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub fields: Vec<String>,
}

/// One part and the objects that make it.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Part {
    pub name: String,
    pub role: Role,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub version: Option<String>,
    /// Index digest of that version's image.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub digest: Option<String>,
    /// Seconds after which not being ready is a verdict.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub start_seconds: Option<u32>,
    /// Replicas, written through `/scale` only.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub replicas: Option<u32>,
    /// What a route must answer before it is ready.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub probe: Option<RouteProbe>,
    /// Keys of it that the project says in Kubernetes' own words: `pod.nodeSelector`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub raw: Vec<String>,
    /// Its server can be told to take another password beside the one that it has, by its pod.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rotates: Option<Rotates>,
    /// What it needs: if that is not ready, neither is this.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub uses: Vec<String>,
    pub objects: Vec<Value>,
}

/// How a server is told that it takes another password.
#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub enum Rotates {
    Mariadb,
    Mysql,
    Redis,
}

/// A request through the gateway that proves a route.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct RouteProbe {
    pub host: String,
    pub path: String,
    /// The path is the component's health path: nothing but success counts.
    pub strict: bool,
}

/// How to make a Secret, without its values.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct SecretRecipe {
    pub name: String,
    /// The part it belongs to.
    pub part: String,
    pub keys: BTreeMap<String, Vec<SecretPiece>>,
    /// Where the service's data lies: values whose volume still exists are never generated anew.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub guards_claim: Option<String>,
    /// Its Kubernetes type, if that is not `Opaque`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub r#type: Option<String>,
}

/// A piece of a Secret's value.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub enum SecretPiece {
    Text(String),
    /// Drawn once, when the Secret is created.
    Generated,
    /// A key of another Secret of the environment.
    FromSecret {
        secret: String,
        key: String,
    },
    /// A key of what others keep: read again and again, so that a changed value arrives.
    FromSource {
        source: Source,
        key: String,
    },
}

/// Whose secret values a [`SecretPiece`] takes.
#[derive(Clone, Debug, Deserialize, Eq, Ord, PartialEq, PartialOrd, Serialize)]
#[serde(rename_all = "camelCase")]
pub enum Source {
    /// A Secret of the control namespace.
    Kubernetes(String),
    /// A secret of AWS Secrets Manager.
    SecretsManager(AwsPlace),
    /// Parameters of AWS Parameter Store.
    Ssm(AwsPlace),
    /// What was generated for a service of another environment of the project.
    Service { environment: String, service: String },
}

/// Where something lies in AWS.
#[derive(Clone, Debug, Deserialize, Eq, Ord, PartialEq, PartialOrd, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct AwsPlace {
    pub name: String,
    /// None: the operator's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub region: Option<String>,
}

impl From<&SecretPlace> for Source {
    fn from(place: &SecretPlace) -> Self {
        let region = place.region.as_deref().or_else(|| place.region_of_arn());
        let aws = |name: &str| AwsPlace { name: name.to_owned(), region: region.map(str::to_owned) };
        match (&place.secretsmanager, &place.ssm) {
            (Some(name), _) => Self::SecretsManager(aws(name)),
            (None, Some(name)) => Self::Ssm(aws(name)),
            // Checked: one of them is there.
            (None, None) => Self::Kubernetes(place.kubernetes.clone().unwrap_or_default()),
        }
    }
}

impl Part {
    /// What its pods are made from.
    pub fn pod_template(&self) -> Option<&Value> {
        let pointers = ["/spec/template", "/spec/jobTemplate/spec/template"];
        self.objects.iter().find_map(|object| pointers.iter().find_map(|pointer| object.pointer(pointer)))
    }

    /// The mark of the pod template that this part runs now.
    pub fn template(&self) -> Option<&str> {
        self.pod_template()?.pointer("/metadata/labels")?[marks::TEMPLATE].as_str()
    }

    /// One of its containers.
    fn container(&self, name: &str) -> Option<&Value> {
        let spec = &self.pod_template()?["spec"];
        let of = |key: &str| spec[key].as_array().into_iter().flatten();
        of("containers").chain(of("initContainers")).find(|container| container["name"] == name)
    }

    /// The image that one of its containers runs.
    pub fn image<'a>(&'a self, container: &'a str) -> &'a str {
        self.container(container).and_then(|container| container["image"].as_str()).unwrap_or(container)
    }

    /// The memory beyond which one of its containers is killed.
    pub fn memory_limit(&self, container: &str) -> Option<&str> {
        self.container(container)?.pointer("/resources/limits/memory")?.as_str()
    }
}

impl SecretRecipe {
    /// Whether any value is drawn: such a Secret is created once and never written again.
    pub fn is_generated(&self) -> bool {
        self.keys.values().flatten().any(|piece| *piece == SecretPiece::Generated)
    }

    /// What others keep of it: source and key.
    pub fn sources(&self) -> impl Iterator<Item = (&Source, &str)> {
        self.keys.values().flatten().filter_map(|piece| match piece {
            SecretPiece::FromSource { source, key } => Some((source, key.as_str())),
            _ => None,
        })
    }
}

/// Name of the Secret that holds the generated credentials of a service.
pub fn credentials_name(service: &str) -> String {
    format!("{service}-credentials")
}

impl EnvironmentRevision {
    /// Name of the object that stores number `number` of `environment`.
    pub fn object_name(environment: &str, number: i64) -> String {
        format!("{environment}-r{number}")
    }

    /// The object that stores it: owned by the project, so that it outlives the environment.
    pub fn to_object(
        &self,
        environment: &str,
        number: i64,
        project: &Project,
        install: &str,
    ) -> ControllerRevision {
        let labels = [
            ("app.kubernetes.io/managed-by", "outboard"),
            (marks::INSTALL, install),
            (marks::PROJECT, &self.project),
            (marks::ENVIRONMENT, environment),
            (marks::REVISION_OF, "environment"),
        ];
        record(Self::object_name(environment, number), &labels, project, self, number)
    }

    /// `None` for a record that somebody damaged, be it one object of it only: what is left would be no complete state.
    pub fn from_object(object: &ControllerRevision) -> Option<Self> {
        let revision: Self = serde_json::from_value(object.data.as_ref()?.0.clone()).ok()?;
        let mut objects = revision.parts.iter().flat_map(|part| &part.objects);
        objects.all(is_object).then_some(revision)
    }

    /// What of it counts, as one hash: who asked, and when, does not.
    pub fn content_hash(&self) -> String {
        let rendered = short_hash(
            &(&self.class, &self.project_revision, &self.digests, &self.urls, &self.parts, &self.secrets),
            16,
        );
        match self.pod_security {
            PodSecurity::Baseline => rendered,
            standard => short_hash(&(rendered, standard), 16),
        }
    }

    pub fn parts_of(&self, role: Role) -> impl Iterator<Item = &Part> {
        self.parts.iter().filter(move |part| part.role == role)
    }
}

fn is_object(value: &Value) -> bool {
    let metadata = ObjectMeta::deserialize(&value["metadata"]);
    value["apiVersion"].is_string()
        && value["kind"].is_string()
        && metadata.is_ok_and(|metadata| metadata.name.is_some())
}

fn record(
    name: String,
    labels: &[(&str, &str)],
    project: &Project,
    data: &impl Serialize,
    revision: i64,
) -> ControllerRevision {
    ControllerRevision {
        metadata: ObjectMeta {
            name: Some(name),
            namespace: project.namespace(),
            labels: Some(
                labels.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect(),
            ),
            owner_references: project.owner_ref(&()).map(|owner| vec![owner]),
            ..ObjectMeta::default()
        },
        data: serde_json::to_value(data).ok().map(RawExtension),
        revision,
    }
}

#[cfg(test)]
mod tests;
