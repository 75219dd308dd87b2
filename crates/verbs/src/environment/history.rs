//! `env history`: the revisions of an environment that are kept, and reading one of them.

use std::collections::BTreeMap;

use api::{Environment, EnvironmentRevision, Overrides, marks};
use k8s_openapi::api::apps::v1::ControllerRevision;
use kube::api::ListParams;
use kube::{Api, ResourceExt};
use schemars::JsonSchema;
use serde::Serialize;

use super::read;
use crate::{Cluster, Error, Result};

/// One revision in one line.
#[derive(Clone, Debug, JsonSchema, PartialEq, Serialize)]
#[schemars(rename = "RevisionEntry")]
#[serde(rename_all = "camelCase")]
pub struct Entry {
    pub revision: i64,
    /// Whether it is the one that is applied now.
    pub current: bool,
    /// Whether it has ever been ready.
    pub ready: bool,
    pub made: Option<String>,
    pub by: Option<String>,
    /// What was asked for: `set web=2`.
    pub action: Option<String>,
    /// The revision whose objects these are.
    pub restores: Option<i64>,
    /// The revision whose objects these are, with changes by hand.
    pub keeps: Option<i64>,
    pub project_revision: String,
    /// The version of every component.
    pub versions: BTreeMap<String, String>,
    /// Those that the environment chose itself.
    pub chosen_versions: BTreeMap<String, String>,
    pub digests: BTreeMap<String, String>,
    /// Its environment was destroyed; until when it is kept.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub kept_until: Option<String>,
    /// Settings in which it differs by hand from the project.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    #[schemars(default)]
    pub overrides: Overrides,
    #[serde(skip)]
    pub restarts: BTreeMap<String, String>,
}

/// A revision with its number.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Numbered {
    pub number: i64,
    /// Its environment was destroyed; until when it is kept.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub kept_until: Option<String>,
    #[serde(flatten)]
    pub revision: EnvironmentRevision,
}

/// The history of an environment, newest first; of one that was destroyed, as long as that is kept.
pub async fn history(cluster: &Cluster, namespace: &str, name: &str) -> Result<Vec<Entry>> {
    if let Some(environment) = read::find(cluster, namespace, name).await? {
        return revisions(cluster, namespace, &environment).await;
    }
    let mut entries: Vec<Entry> = stored(cluster, namespace, name)
        .await?
        .iter()
        .filter_map(|object| entry(object, None))
        .map(|(_, entry)| entry)
        .collect();
    if entries.is_empty() {
        return Err(read::unknown(cluster, namespace, name).await);
    }
    entries.sort_by_key(|entry| std::cmp::Reverse(entry.revision));
    Ok(entries)
}

/// What is kept of an environment that was destroyed.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Retained {
    /// Numbers of its revisions.
    pub revisions: Vec<i64>,
    pub until: String,
}

/// What is kept of an environment that was destroyed, as far as we may look.
pub(super) async fn retained(
    cluster: &Cluster,
    namespace: &str,
    environment: &Environment,
) -> Option<Retained> {
    let objects = stored(cluster, namespace, &environment.name_any()).await.ok()?;
    let project = &environment.spec.project;
    let kept = objects.iter().filter(|object| object.labels().get(marks::PROJECT) == Some(project));
    let kept: Vec<(i64, String)> =
        kept.filter_map(|object| Some((object.revision, kept_until(object)?))).collect();
    let until = kept.iter().map(|(_, until)| until.clone()).max()?;
    let mut revisions: Vec<i64> = kept.into_iter().map(|(number, _)| number).collect();
    revisions.sort_unstable();
    Some(Retained { revisions, until })
}

pub(super) fn kept_until(object: &ControllerRevision) -> Option<String> {
    object.annotations().get(marks::KEPT_UNTIL).cloned()
}

pub(super) async fn stored(
    cluster: &Cluster,
    namespace: &str,
    name: &str,
) -> Result<Vec<ControllerRevision>> {
    let api = Api::<ControllerRevision>::namespaced(cluster.client.clone(), namespace);
    let selector = format!("{}=environment,{}={name}", marks::REVISION_OF, marks::ENVIRONMENT);
    let list = api.list(&ListParams::default().labels(&selector)).await;
    Ok(list.map_err(|error| cluster.explain(error))?.items)
}

pub(super) async fn revisions(
    cluster: &Cluster,
    namespace: &str,
    environment: &Environment,
) -> Result<Vec<Entry>> {
    let list = stored(cluster, namespace, &environment.name_any()).await?;
    let current = environment.status.as_ref().and_then(|status| status.revision);
    let mut entries: Vec<Entry> = list
        .iter()
        .filter_map(|object| entry(object, current))
        .filter(|(project, _)| *project == environment.spec.project)
        .map(|(_, entry)| entry)
        .collect();
    entries.sort_by_key(|entry| std::cmp::Reverse(entry.revision));
    Ok(entries)
}

fn entry(object: &ControllerRevision, current: Option<i64>) -> Option<(String, Entry)> {
    let revision = EnvironmentRevision::from_object(object)?;
    let entry = Entry {
        revision: object.revision,
        current: current == Some(object.revision),
        ready: object.annotations().contains_key(marks::READY_SINCE),
        kept_until: kept_until(object),
        made: object.creation_timestamp().map(|time| time.0.to_string()),
        by: revision.change.as_ref().and_then(|change| change.by.clone()),
        action: revision.change.as_ref().map(|change| change.action.clone()),
        restores: revision.restores,
        keeps: revision.keeps,
        project_revision: revision.project_revision,
        versions: revision.versions,
        chosen_versions: revision.requested,
        digests: revision.digests,
        overrides: revision.overrides,
        restarts: revision.restarts,
    };
    Some((revision.project, entry))
}

/// The revision that an environment has now.
pub async fn current(cluster: &Cluster, namespace: &str, environment: &Environment) -> Result<Numbered> {
    let name = environment.name_any();
    match environment.status.as_ref().and_then(|status| status.revision) {
        Some(number) => revision(cluster, namespace, &name, number).await,
        None => Err(Error::NoRevision { environment: name }),
    }
}

/// One revision of an environment.
pub async fn revision(cluster: &Cluster, namespace: &str, name: &str, number: i64) -> Result<Numbered> {
    let api = Api::<ControllerRevision>::namespaced(cluster.client.clone(), namespace);
    let found = api.get_opt(&EnvironmentRevision::object_name(name, number)).await;
    let found = found.map_err(|error| cluster.explain(error))?;
    match found.as_ref().and_then(EnvironmentRevision::from_object) {
        Some(revision) => Ok(Numbered { number, kept_until: found.as_ref().and_then(kept_until), revision }),
        None => Err(Error::NotFound {
            kind: "revision",
            name: number.to_string(),
            place: format!("the history of `{name}`"),
            known: vec![],
            nearest: None,
        }),
    }
}
