//! `env list`: every environment in one line.

use std::collections::BTreeMap;

use api::condition::{self, READY};
use api::{Environment, EnvironmentStatus};
use environments::plan::overrides::shown;
use kube::api::ListParams;
use kube::{Api, ResourceExt};
use schemars::JsonSchema;
use serde::Serialize;

use super::outlook::{Outlook, outlook};
use crate::{Cluster, Result};

/// How an environment is, in one word.
#[derive(Clone, Copy, Debug, Eq, JsonSchema, PartialEq, Serialize)]
#[schemars(rename = "EnvironmentState")]
#[serde(rename_all = "camelCase")]
pub enum State {
    /// The operator has not looked at the newest settings.
    Unseen,
    Progressing,
    /// Something else holds it for a time.
    Held,
    Ready,
    Failed,
    Destroying,
}

impl State {
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Unseen => "unseen",
            Self::Progressing => "progressing",
            Self::Held => "held",
            Self::Ready => "ready",
            Self::Failed => "failed",
            Self::Destroying => "destroying",
        }
    }
}

/// One environment, in one line.
#[derive(Clone, Debug, JsonSchema, PartialEq, Serialize)]
#[schemars(rename = "EnvironmentSummary")]
#[serde(rename_all = "camelCase")]
pub struct Summary {
    pub name: String,
    /// The control namespace.
    pub namespace: String,
    pub project: String,
    pub project_revision: String,
    pub class: String,
    pub revision: Option<i64>,
    pub state: State,
    /// Why it is not ready.
    pub why: Option<String>,
    pub owner: Option<String>,
    pub created: Option<String>,
    pub urls: BTreeMap<String, String>,
    /// Settings in which it differs by hand from its project.
    pub differs_by_hand: BTreeMap<String, String>,
}

/// Every environment of the namespace (of all namespaces without one), by name.
pub async fn list(cluster: &Cluster, namespace: Option<&str>, project: Option<&str>) -> Result<Vec<Summary>> {
    let environments: Api<Environment> = match namespace {
        Some(namespace) => Api::namespaced(cluster.client.clone(), namespace),
        None => Api::all(cluster.client.clone()),
    };
    let list = environments.list(&ListParams::default()).await.map_err(|error| cluster.explain(error))?;
    let wanted =
        list.iter().filter(|environment| project.is_none_or(|name| environment.spec.project == name));
    Ok(wanted.map(summary).collect())
}

fn is_held(status: &EnvironmentStatus) -> bool {
    condition::find(&status.conditions, READY).is_some_and(|ready| ready.reason == "Held")
}

/// The line of one environment.
pub fn summary(environment: &Environment) -> Summary {
    let status = environment.status.clone().unwrap_or_default();
    let state = match outlook(environment) {
        Outlook::Unseen => State::Unseen,
        Outlook::Pending if is_held(&status) => State::Held,
        Outlook::Pending => State::Progressing,
        Outlook::Ready => State::Ready,
        Outlook::Failed(_) => State::Failed,
        Outlook::BeingDestroyed => State::Destroying,
    };
    let why = match state {
        State::Ready => None,
        State::Unseen => Some("the operator has not looked at it yet".to_owned()),
        State::Destroying => status.teardown.map(|teardown| teardown.step),
        State::Progressing | State::Held | State::Failed => status
            .verdict
            .map(|verdict| format!("{}: {}", verdict.about, verdict.message))
            .or_else(|| condition::find(&status.conditions, READY).map(|ready| ready.message.clone())),
    };
    Summary {
        name: environment.name_any(),
        namespace: environment.namespace().unwrap_or_default(),
        project: environment.spec.project.clone(),
        project_revision: environment.spec.project_revision.clone(),
        class: environment.spec.class.clone(),
        revision: status.revision,
        state,
        why: why.filter(|why| !why.is_empty()),
        owner: environment.spec.owner.clone(),
        created: environment.creation_timestamp().map(|time| time.0.to_string()),
        urls: status.urls,
        differs_by_hand: shown(&environment.spec.overrides).into_iter().collect(),
    }
}
