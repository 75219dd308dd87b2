//! `Project`: what a team ships. The spec is the `spec` of `outboard.yaml`, key for key.
//!
//! A key stands here only once it works: whatever is not listed is refused when a file is read.

use std::collections::BTreeMap;

use kube::{CustomResource, KubeSchema};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::environment::DriftPolicy;

mod access;
mod backups;
mod bounds;
mod class;
mod component;
mod logs;
mod masks;
mod service;

pub use access::{Access, INSIDE, INSIDE_VIEWER, PersonRole, ProjectLimits, Subjects};
pub use backups::{Backups, ClassBackup};
pub use bounds::{ContainerBounds, PodSecurity, Quota};
pub use component::{Component, Health, Identity, JobTime, Port, Probe, Resources, Scale, Stop, Volume};
pub use logs::{LogArchive, LogFields, Logs};
pub use masks::{ServiceMasks, ValueMask};
pub use service::{ClassService, SecretPlace, Service, ServiceSettings, ServiceType};

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
    /// Files with objects in Kubernetes' own words, such as `./k8s/*.yaml`: made, kept and pruned like the rest.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub manifests: Vec<String>,
    /// Contents of the files that components name; put there by `project apply`, never by hand.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub contents: BTreeMap<String, String>,
    /// Settings that differ by class, by name; each has a value by class, and `default` for the others.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub vary: BTreeMap<String, BTreeMap<String, String>>,
    /// Secrets that others keep, by name; each has a place by class, and `default` for the others.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub secrets: BTreeMap<String, BTreeMap<String, SecretPlace>>,
    /// Where logs are found once they were shipped. Changes no environment.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub logs: Option<Logs>,
    /// What copies do to personal data, by service. Changes no environment.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub masks: BTreeMap<String, ServiceMasks>,
    /// Where backups of its environments' services lie. Changes no environment.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub backups: Option<Backups>,
    /// Who may do what with the project and its environments. Changes no environment.
    #[serde(default, skip_serializing_if = "Access::is_empty")]
    pub access: Access,
    /// How much the project lets its people have. Changes no environment.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub limits: Option<ProjectLimits>,
    /// Stages such as qa and production. None at all means one, called `default`.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub classes: BTreeMap<String, Class>,
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
    /// More first parts of hostnames that lead to the same place, with every path of `host`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub aliases: Vec<String>,
    /// The component that answers.
    pub to: String,
    /// Name of its port, if it has several.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub port: Option<String>,
    /// A request that takes longer is ended; `0s` never ends one (default: what the gateway does).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(regex(pattern = r"^(0|[1-9][0-9]{0,4})(s|m|h)$"))]
    pub timeout: Option<String>,
}

/// A stage. What it does not say is as the project says.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Class {
    /// Its environments are as the project says: nothing about them is set by hand, and who destroys one has to say so.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub protected: bool,
    /// Its environments are ready only once all their hosts are: `DNSReady`, and `CertificateReady` where TLS is spoken.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub await_hosts: bool,
    /// Who may reach its environments' pods: `isolated` lets in what has to come in (default), `open` everybody.
    #[serde(default, skip_serializing_if = "Network::is_isolated")]
    pub network: Network,
    /// By which of Kubernetes' standards its environments' pods are judged: `baseline` (default) or `restricted`.
    #[serde(default, skip_serializing_if = "PodSecurity::is_baseline")]
    pub pod_security: PodSecurity,
    /// What all pods and volumes of one of its environments may ask for together.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub quota: Option<Quota>,
    /// What each container has that does not say, and may have at most.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub containers: Option<ContainerBounds>,
    /// What is done about changes that others make: `heal` puts them back (default), `report` only tells.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub drift: Option<DriftPolicy>,
    /// How long the volumes of its environments' services are kept once one is destroyed; without it they go with it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(regex(pattern = r"^[1-9][0-9]{0,9}(s|m|h)$"))]
    pub keep_volumes: Option<String>,
    /// When backups of its environments are made, and how many are kept. Changes no environment.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub backup: Option<ClassBackup>,
    /// Replicas by component.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub scale: BTreeMap<String, Scale>,
    /// Settings by backing service.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub services: BTreeMap<String, ClassService>,
}

/// Who may reach an environment's pods.
#[derive(Clone, Copy, Debug, Default, Deserialize, Eq, JsonSchema, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub enum Network {
    /// Its own namespace, whoever asks its routes, copies of data, and environments that take a service from it.
    #[default]
    Isolated,
    /// Everybody in the cluster.
    Open,
}

impl Network {
    fn is_isolated(&self) -> bool {
        *self == Self::Isolated
    }
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
    /// Why somebody whom `access` names may not have the rights that it says.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub access: Option<String>,
}

impl ProjectSpec {
    /// What environments are made of: where their logs and backups lie, how copies of their data are masked, and who may
    /// do what is read from the project as it is now.
    pub fn of_environments(&self) -> Self {
        let access = Access::default();
        let mut classes = self.classes.clone();
        classes.values_mut().for_each(|class| class.backup = None);
        Self {
            logs: None,
            masks: BTreeMap::new(),
            backups: None,
            access,
            limits: None,
            classes,
            ..self.clone()
        }
    }

    /// The class called `name`; a project without classes has exactly one, `default`.
    pub fn class(&self, name: &str) -> Option<Class> {
        if self.classes.is_empty() && name == DEFAULT_CLASS {
            return Some(Class::default());
        }
        self.classes.get(name).cloned()
    }

    /// How many replicas of a component there are in a class.
    pub fn scale(&self, class: &str, component: &str) -> Scale {
        let of_class = self.classes.get(class).and_then(|class| class.scale.get(component));
        let own = self.components.get(component).and_then(|component| component.scale.as_ref());
        of_class.or(own).cloned().unwrap_or(Scale::of(1))
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
    fn where_logs_and_backups_lie_how_copies_are_masked_and_who_may_what_is_no_part_of_environments() {
        let said = serde_json::json!({
            "components": {},
            "logs": {"archive": {"bucket": "logs"}},
            "masks": {"db": {"users.email": "email"}},
            "backups": {"bucket": "backups", "secret": {"kubernetes": "backups"}},
            "access": {"developer": {"users": ["dana"]}},
            "limits": {"environmentsPerOwner": 3},
        });
        let spec: ProjectSpec = serde_json::from_value(said).unwrap();
        assert_eq!(spec.of_environments(), ProjectSpec::default());
        let said =
            serde_json::json!({"components": {}, "classes": {"qa": {"backup": {"schedule": "@daily"}}}});
        let spec: ProjectSpec = serde_json::from_value(said).unwrap();
        assert_eq!(spec.of_environments().classes["qa"], Class::default());
    }

    #[test]
    fn a_project_without_classes_has_one_called_default() {
        let spec = ProjectSpec::default();
        assert!(spec.class("default").is_some());
        assert!(spec.class("qa").is_none());
        assert_eq!(spec.class_names(), ["default"]);
    }
}
