//! `Hostname`: a name of its own for a route of an environment, such as `www.example.com`. Named after the host.
//!
//! What every environment has without asking, `<route>-<environment>-<project>.<domain>`, is none of these.

use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
use kube::{CustomResource, KubeSchema};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{Condition, Verdict};

/// A hostname of its own for a route of an environment.
#[derive(Clone, CustomResource, Debug, Default, Deserialize, KubeSchema, PartialEq, Serialize)]
#[kube(
    group = "outboard.dev",
    version = "v1alpha1",
    kind = "Hostname",
    namespaced,
    status = "HostnameStatus",
    derive = "PartialEq",
    category = "outboard",
    printcolumn = r#"{"name":"Environment","type":"string","jsonPath":".spec.environment"}"#,
    printcolumn = r#"{"name":"Route","type":"string","jsonPath":".spec.route"}"#,
    printcolumn = r#"{"name":"Weight","type":"integer","jsonPath":".spec.weight"}"#,
    printcolumn = r#"{"name":"DNS","type":"string","jsonPath":".status.conditions[?(@.type==\"DNSReady\")].status"}"#,
    printcolumn = r#"{"name":"TLS","type":"string","jsonPath":".status.conditions[?(@.type==\"CertificateReady\")].status"}"#,
    printcolumn = r#"{"name":"Why","type":"string","jsonPath":".status.conditions[?(@.type==\"DNSReady\")].message"}"#,
    printcolumn = r#"{"name":"Age","type":"date","jsonPath":".metadata.creationTimestamp"}"#
)]
#[serde(rename_all = "camelCase")]
pub struct HostnameSpec {
    /// The Environment that serves it, in the same namespace.
    #[schemars(length(min = 1, max = 38))]
    #[x_kube(validation = Rule::new("self == oldSelf").message("a hostname stays with its environment: release it there, then claim it here"))]
    pub environment: String,
    /// The `host` of the route whose paths it has.
    #[schemars(length(min = 1, max = 40))]
    pub route: String,
    /// The share of this cluster among all that have it. Those at 0 get nothing as long as another is above.
    #[serde(default = "whole")]
    #[schemars(range(min = 0, max = 255))]
    pub weight: u8,
    /// A health check of Route 53, by its id: while it fails, this cluster's share goes to the others.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 64))]
    pub health_check: Option<String>,
    /// Who claimed it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 256))]
    pub requested_by: Option<String>,
}

/// The weight of whoever does not say one.
pub const WHOLE: u8 = 100;

fn whole() -> u8 {
    WHOLE
}

/// How far a hostname has come.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct HostnameStatus {
    /// The generation of the spec that everything below is about.
    #[serde(default)]
    pub observed_generation: i64,
    /// The hosted zones that its records lie in: of a public and a private one of the same name both.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub zones: Vec<String>,
    /// Its records of this cluster, for people.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub records: Vec<String>,
    /// The batch that last changed them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub batch: Option<Batch>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(extend("x-kubernetes-list-type" = "map", "x-kubernetes-list-map-keys" = ["type"]))]
    pub conditions: Vec<Condition>,
    /// What keeps it from being answered.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub verdict: Option<Verdict>,
    /// Its environment is protected: Kubernetes lets only those change or release it who may release.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub protected: bool,
}

/// A request that changed records, as the journal has it.
#[derive(Clone, Debug, Deserialize, JsonSchema, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Batch {
    /// Of its entry in the journal.
    pub id: String,
    /// Route 53's own id of the change.
    pub change: String,
    pub sent: Time,
    /// When every name server had it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub in_sync: Option<Time>,
}
