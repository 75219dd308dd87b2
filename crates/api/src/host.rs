//! `HostClaim`: whose a hostname is. Named after the host and made by POST, so that two environments can't both have it.
//!
//! Of the whole cluster, since gateways are: neither projects nor control namespaces keep hostnames apart. Written by the
//! operator alone.

use kube::CustomResource;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::marks::Owner;

/// A hostname that one environment serves.
#[derive(Clone, CustomResource, Debug, Default, Deserialize, JsonSchema, PartialEq, Serialize)]
#[kube(
    group = "outboard.dev",
    version = "v1alpha1",
    kind = "HostClaim",
    derive = "PartialEq",
    printcolumn = r#"{"name":"Namespace","type":"string","jsonPath":".spec.controlNamespace"}"#,
    printcolumn = r#"{"name":"Project","type":"string","jsonPath":".spec.project"}"#,
    printcolumn = r#"{"name":"Environment","type":"string","jsonPath":".spec.environment"}"#,
    printcolumn = r#"{"name":"Age","type":"date","jsonPath":".metadata.creationTimestamp"}"#
)]
#[serde(rename_all = "camelCase")]
pub struct HostClaimSpec {
    /// The control namespace of the environment that has it.
    pub control_namespace: String,
    pub project: String,
    pub environment: String,
}

impl HostClaim {
    /// The claim of `owner` on `host`, which this slice makes and gives back.
    pub fn of(host: &str, owner: &Owner, slice: &str) -> Self {
        let spec = HostClaimSpec {
            control_namespace: owner.control_namespace.clone(),
            project: owner.project.clone(),
            environment: owner.environment.clone(),
        };
        let mut claim = Self::new(host, spec);
        claim.metadata.labels = Some(owner.labels_of(slice));
        claim
    }
}
