//! `Project`: what a team ships. The spec is the `spec` of `outboard.yaml`, key for key.
//!
//! A key stands here only once it works: whatever is not listed is refused when a file is read.

use std::collections::BTreeMap;

use kube::{CustomResource, KubeSchema};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::environment::DriftPolicy;

/// What a team ships: components, backing services, routes and classes.
#[derive(Clone, CustomResource, Debug, Default, Deserialize, KubeSchema, PartialEq, Serialize)]
#[kube(
    group = "outboard.dev",
    version = "v1alpha1",
    kind = "Project",
    namespaced,
    status = "ProjectStatus",
    derive = "PartialEq",
    category = "outboard",
    printcolumn = r#"{"name":"Revision","type":"string","jsonPath":".status.revision"}"#,
    printcolumn = r#"{"name":"Verdict","type":"string","jsonPath":".status.problem"}"#,
    printcolumn = r#"{"name":"Age","type":"date","jsonPath":".metadata.creationTimestamp"}"#,
    validation = Rule::new("self.metadata.name.size() <= 24").message("a project name has at most 24 characters")
)]
#[serde(rename_all = "camelCase")]
pub struct ProjectSpec {
    /// Container images, by name. A component's name is the name of its Service.
    pub components: BTreeMap<String, Component>,
    /// Backing services that components use, by name.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub services: BTreeMap<String, Service>,
    /// Hostnames and paths through which the world reaches components.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub routes: Vec<Route>,
    /// Stages such as qa and production. None at all means one, called `default`.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub classes: BTreeMap<String, Class>,
}

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

/// A backing service.
#[derive(Clone, Debug, Deserialize, JsonSchema, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Service {
    pub r#type: ServiceType,
    /// The image tag of the server (mariadb: default `10.11`).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(regex(pattern = r"^[A-Za-z0-9_][A-Za-z0-9_.-]{0,127}$"))]
    pub version: Option<String>,
    /// Size of its volume (default `1Gi`).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(regex(pattern = r"^[1-9][0-9]*(Mi|Gi|Ti|M|G|T)$"))]
    pub storage: Option<String>,
}

#[derive(Clone, Copy, Debug, Deserialize, Eq, JsonSchema, PartialEq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum ServiceType {
    Mariadb,
}

/// One path of one hostname, and the component that answers there.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Route {
    /// First part of the hostname: `web` becomes `web-<environment>-<project>.<cluster domain>`.
    pub host: String,
    /// Path prefix (default `/`).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(regex(pattern = r"^/\S*$"))]
    pub path: Option<String>,
    /// The component that answers.
    pub to: String,
    /// Name of its port, if it has several.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub port: Option<String>,
}

/// A stage. What it does not say is as the project says.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Class {
    /// What is done about changes that others make: `heal` puts them back (default), `report` only tells.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub drift: Option<DriftPolicy>,
    /// Replicas by component.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub scale: BTreeMap<String, Scale>,
    /// Settings by backing service.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub services: BTreeMap<String, ClassService>,
}

/// What a class changes about a backing service.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ClassService {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(regex(pattern = r"^[1-9][0-9]*(Mi|Gi|Ti|M|G|T)$"))]
    pub storage: Option<String>,
}

/// What the operator says about a project.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ProjectStatus {
    #[serde(default)]
    pub observed_generation: i64,
    /// Name of the revision stored for the present spec.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub revision: Option<String>,
    /// Why the present spec was not stored.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub problem: Option<String>,
}

impl ProjectSpec {
    /// The class called `name`; a project without classes has exactly one, `default`.
    pub fn class(&self, name: &str) -> Option<Class> {
        if self.classes.is_empty() && name == DEFAULT_CLASS {
            return Some(Class::default());
        }
        self.classes.get(name).cloned()
    }

    /// Names of the classes an environment may have.
    pub fn class_names(&self) -> Vec<&str> {
        if self.classes.is_empty() {
            return vec![DEFAULT_CLASS];
        }
        self.classes.keys().map(String::as_str).collect()
    }
}

/// The class of a project that names none.
pub const DEFAULT_CLASS: &str = "default";

/// Seconds of a duration such as `90s`, `5m` or `2h`.
pub fn seconds(duration: &str) -> Option<u32> {
    let (number, unit) = duration.split_at_checked(duration.len().checked_sub(1)?)?;
    let factor = match unit {
        "s" => 1,
        "m" => 60,
        "h" => 3600,
        _ => return None,
    };
    number.parse::<u32>().ok()?.checked_mul(factor)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_duration_needs_a_unit() {
        assert_eq!(seconds("90s"), Some(90));
        assert_eq!(seconds("2h"), Some(7200));
        assert_eq!(seconds("90"), None);
        assert_eq!(seconds(""), None);
        assert_eq!(seconds("9999999h"), None);
    }

    #[test]
    fn a_project_without_classes_has_one_called_default() {
        let spec = ProjectSpec::default();
        assert!(spec.class("default").is_some());
        assert!(spec.class("qa").is_none());
        assert_eq!(spec.class_names(), ["default"]);
    }
}
