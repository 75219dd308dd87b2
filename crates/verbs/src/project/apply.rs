//! `project apply`: stores the file's content; no environment changes by it.

use std::collections::BTreeMap;
use std::time::Duration;

use api::{Project, names::ProjectName};
use k8s_openapi::api::core::v1::Namespace;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use kube::api::PostParams;
use kube::{Api, ResourceExt};
use serde::Serialize;

use super::stored;
use crate::{Change, Cluster, Error, Event, Result, Sink};

/// Others may write the same object in between; more often than this it is a fight.
const ATTEMPTS: usize = 5;

/// What applying did.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Applied {
    pub project: String,
    pub namespace: String,
    pub change: Change,
    /// The stored revision, which environments name.
    pub revision: String,
}

/// Creates or replaces the Project and waits until the operator has stored a revision of it.
pub async fn apply(
    cluster: &Cluster,
    namespace: &str,
    project: &Project,
    timeout: Option<Duration>,
    events: Sink<'_>,
) -> Result<Applied> {
    let name = ProjectName::parse(&project.name_any())?;
    let before = current(cluster, namespace, name.as_str()).await?;
    let earlier = before.as_ref().and_then(|project| project.status.as_ref()?.revision.clone());
    let mut change = write(cluster, namespace, project, before, events).await?;
    events(Event::ProjectStored { project: name.to_string(), namespace: namespace.to_owned(), change });
    let revision = stored(cluster, namespace, name.as_str(), timeout, events).await?;
    if change == Change::Updated && earlier.as_ref() == Some(&revision) {
        change = Change::Unchanged;
    }
    Ok(Applied { project: name.to_string(), namespace: namespace.to_owned(), change, revision })
}

async fn current(cluster: &Cluster, namespace: &str, name: &str) -> Result<Option<Project>> {
    let projects: Api<Project> = Api::namespaced(cluster.client.clone(), namespace);
    projects.get_opt(name).await.map_err(|error| cluster.explain(error))
}

async fn write(
    cluster: &Cluster,
    namespace: &str,
    wanted: &Project,
    mut before: Option<Project>,
    events: Sink<'_>,
) -> Result<Change> {
    let projects: Api<Project> = Api::namespaced(cluster.client.clone(), namespace);
    let name = wanted.name_any();
    for _ in 0..ATTEMPTS {
        let outcome = match before {
            Some(current) if current.spec == wanted.spec => return Ok(Change::Unchanged),
            Some(mut current) => {
                current.spec = wanted.spec.clone();
                current.metadata.managed_fields = None;
                // Carries the resourceVersion: a change in between is a conflict, not a loss.
                projects.replace(&name, &PostParams::default(), &current).await.map(|_| Change::Updated)
            }
            None => {
                let fresh = Project::new(&name, wanted.spec.clone());
                projects.create(&PostParams::default(), &fresh).await.map(|_| Change::Created)
            }
        };
        match outcome {
            Ok(change) => return Ok(change),
            Err(kube::Error::Api(status)) if is_missing_namespace(&status, namespace) => {
                create_namespace(cluster, namespace, events).await?;
                before = None;
            }
            Err(kube::Error::Api(status)) if status.code == 409 => {
                before = current(cluster, namespace, &name).await?;
            }
            Err(error) => return Err(cluster.explain(error)),
        }
    }
    Err(Error::Changed { what: format!("project `{name}`") })
}

fn is_missing_namespace(status: &kube::core::Status, namespace: &str) -> bool {
    status.code == 404
        && status
            .details
            .as_ref()
            .is_some_and(|details| details.kind == "namespaces" && details.name == namespace)
}

/// Only when it is missing: whoever may write Projects in it need not be allowed to read namespaces.
async fn create_namespace(cluster: &Cluster, namespace: &str, events: Sink<'_>) -> Result<()> {
    let labels = BTreeMap::from([("app.kubernetes.io/managed-by".to_owned(), "outboard".to_owned())]);
    let object = Namespace {
        metadata: ObjectMeta {
            name: Some(namespace.to_owned()),
            labels: Some(labels),
            ..ObjectMeta::default()
        },
        ..Namespace::default()
    };
    let namespaces: Api<Namespace> = Api::all(cluster.client.clone());
    match namespaces.create(&PostParams::default(), &object).await {
        Ok(_) => {
            events(Event::NamespaceCreated { namespace: namespace.to_owned() });
            Ok(())
        }
        // Somebody else was faster.
        Err(kube::Error::Api(status)) if status.code == 409 => Ok(()),
        Err(error) => Err(cluster.explain(error)),
    }
}
