//! `env show`: everything that is known about one environment.

use std::collections::BTreeMap;

use api::{Condition, Environment, Overlay, PartStatus, Project, Teardown, Verdict};
use environments::plan::hold::in_force;
use jiff::Timestamp;
use kube::Api;
use schemars::JsonSchema;
use serde::Serialize;

use super::list::{Summary, summary};
use super::read;
use crate::{Cluster, Result};

/// One environment in full.
#[derive(Clone, Debug, JsonSchema, PartialEq, Serialize)]
#[schemars(rename = "EnvironmentDetail")]
#[serde(rename_all = "camelCase")]
pub struct Detail {
    pub summary: Summary,
    /// The namespace it runs in.
    pub runs_in: Option<String>,
    /// Versions chosen for it, by component; the others are the project's own.
    pub chosen_versions: BTreeMap<String, String>,
    /// The project's newest revision, where it is another than this environment's.
    pub newer_project_revision: Option<String>,
    /// What is different for a time, and because of what.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    #[schemars(default)]
    pub overlays: Vec<Overlay>,
    pub parts: Vec<PartStatus>,
    pub conditions: Vec<Condition>,
    pub verdict: Option<Verdict>,
    pub teardown: Option<Teardown>,
}

/// Reads one environment, and whether its project has moved on.
pub async fn show(cluster: &Cluster, namespace: &str, name: &str) -> Result<Detail> {
    let environment = read::get(cluster, namespace, name).await?;
    Ok(detail(cluster, &environment).await)
}

/// Everything about an environment that was read already.
pub async fn detail(cluster: &Cluster, environment: &Environment) -> Detail {
    let status = environment.status.clone().unwrap_or_default();
    Detail {
        newer_project_revision: newer(cluster, environment).await,
        summary: summary(environment),
        runs_in: status.namespace,
        chosen_versions: environment.spec.versions.clone(),
        overlays: in_force(&environment.spec.overlays, Timestamp::now()).cloned().collect(),
        parts: status.parts,
        conditions: status.conditions,
        verdict: status.verdict,
        teardown: status.teardown,
    }
}

/// Not knowing is no error here: it is an aside.
async fn newer(cluster: &Cluster, environment: &Environment) -> Option<String> {
    let namespace = environment.metadata.namespace.as_deref()?;
    let projects: Api<Project> = Api::namespaced(cluster.client.clone(), namespace);
    let project = projects.get_opt(&environment.spec.project).await.ok()??;
    project.status?.revision.filter(|newest| *newest != environment.spec.project_revision)
}
