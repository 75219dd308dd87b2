//! `project list`: what is stored in a namespace, or everywhere.

use api::Project;
use kube::api::ListParams;
use kube::{Api, ResourceExt};
use schemars::JsonSchema;
use serde::Serialize;

use super::own_files;
use crate::{Cluster, Result};

/// One project, in one line.
#[derive(Clone, Debug, JsonSchema, PartialEq, Serialize)]
#[schemars(rename = "ProjectSummary")]
#[serde(rename_all = "camelCase")]
pub struct Summary {
    pub name: String,
    pub namespace: String,
    /// The revision that new environments get.
    pub revision: Option<String>,
    /// Why the present spec was not stored.
    pub problem: Option<String>,
    pub components: Vec<String>,
    /// Those of them that were applied from files of their own.
    pub own_files: Vec<String>,
    pub services: Vec<String>,
    pub classes: Vec<String>,
    pub created: Option<String>,
}

/// Every project of the namespace; of all namespaces without one.
pub async fn list(cluster: &Cluster, namespace: Option<&str>) -> Result<Vec<Summary>> {
    let projects: Api<Project> = match namespace {
        Some(namespace) => Api::namespaced(cluster.client.clone(), namespace),
        None => Api::all(cluster.client.clone()),
    };
    let list = projects.list(&ListParams::default()).await.map_err(|error| cluster.explain(error))?;
    Ok(list.iter().map(summary).collect())
}

fn summary(project: &Project) -> Summary {
    let status = project.status.clone().unwrap_or_default();
    Summary {
        name: project.name_any(),
        namespace: project.namespace().unwrap_or_default(),
        revision: status.revision,
        problem: status.problem.or(status.access),
        components: project.spec.components.keys().cloned().collect(),
        own_files: own_files(project).into_iter().collect(),
        services: project.spec.services.keys().cloned().collect(),
        classes: project.spec.class_names().into_iter().map(str::to_owned).collect(),
        created: project.creation_timestamp().map(|time| time.0.to_string()),
    }
}
