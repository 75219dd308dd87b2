//! A component of a project, key for key as `outboard.yaml` has it.

use std::collections::BTreeMap;

use kube::KubeSchema;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// One container image repository and how it runs.
#[derive(Clone, Debug, Default, Deserialize, KubeSchema, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Component {
    /// The image repository, without tag.
    #[schemars(regex(pattern = r"^[a-z0-9][a-zA-Z0-9._:/-]*$"))]
    pub image: String,
    /// The version an environment runs unless it chooses another.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(regex(pattern = r"^([A-Za-z0-9_][A-Za-z0-9_.-]{0,127}|sha256:[0-9a-f]{64})$"))]
    pub version: Option<String>,
    /// Arguments of the image's entrypoint.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub args: Vec<String>,
    /// Ports by name; a name is what routes and health refer to.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub ports: BTreeMap<String, Port>,
    /// Services and components it needs: the order of start, and what `${…}` may name.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub uses: Vec<String>,
    /// Environment variables; `${service.field}` and `${url.host}` are replaced.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub env: BTreeMap<String, String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub health: Option<Health>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub resources: Option<Resources>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub scale: Option<Scale>,
    /// Makes it a job that runs to completion instead of a server.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub job: Option<JobTime>,
}

/// A TCP port.
pub type Port = u16;

/// When a job runs.
#[derive(Clone, Copy, Debug, Deserialize, Eq, JsonSchema, PartialEq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum JobTime {
    /// Once for each environment and content, after the services are ready and before components change.
    Before,
}

/// How to tell that a component is able to serve.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Health {
    /// Asked all the time: while it fails the component gets no traffic.
    pub ready: Probe,
    /// How long a start may take before not being ready becomes a verdict (default `60s`).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(regex(pattern = r"^[1-9][0-9]{0,4}(s|m|h)$"))]
    pub start: Option<String>,
}

/// A question put to a container.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Probe {
    /// Path of an HTTP GET that answers 200–399 when all is well.
    #[schemars(regex(pattern = r"^/\S*$"))]
    pub http: String,
    /// Name of the port to ask, if the component has several.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub port: Option<String>,
}

/// What one replica needs. Memory is also its limit; CPU has none.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Resources {
    /// Cores, such as `100m` or `2`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(regex(pattern = r"^([0-9]+m|[0-9]+(\.[0-9]{1,3})?)$"))]
    pub cpu: Option<String>,
    /// Bytes, such as `128Mi`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(regex(pattern = r"^[0-9]+(\.[0-9]+)?(Ki|Mi|Gi|Ti|k|M|G|T)?$"))]
    pub memory: Option<String>,
}

/// How many replicas run.
#[derive(Clone, Debug, Deserialize, JsonSchema, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Scale {
    /// Replicas that always run.
    #[schemars(range(min = 1, max = 1000))]
    pub min: u32,
}
