//! `project apply`: stores what files say; no environment changes by it.
//!
//! A component that was applied from a file of its own belongs to that file: the project's file says nothing about it any
//! more, until somebody takes it back.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use api::{Project, ProjectSpec, marks, names::ProjectName};
use environments::file::{Checked, OwnFile, with_own};
use k8s_openapi::api::core::v1::Namespace;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use kube::api::PostParams;
use kube::{Api, ResourceExt};
use serde::Serialize;

use super::{own_files, stored};
use crate::admitted::admitted;
use crate::file::Read;
use crate::suggest::nearest;
use crate::{Change, Cluster, Error, Event, Result, Sink};

/// Others may write the same object in between, and each time one of them gets on: more often than this it is a fight.
const ATTEMPTS: usize = 20;

/// What is to be stored.
pub enum Wanted<'a> {
    /// Everything that a project's file says; `take`: components that are its own again.
    Whole { file: &'a Read<Checked>, take: &'a BTreeSet<String> },
    /// One component from a file of its own; `new`: the project need not have it yet.
    Component { project: &'a ProjectName, file: &'a Read<OwnFile>, new: bool },
}

/// What applying did.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Applied {
    pub project: String,
    pub namespace: String,
    /// The one component that was applied.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub component: Option<String>,
    pub change: Change,
    /// The stored revision, which environments name.
    pub revision: String,
    /// Components of which the project's file says something else than is stored: their own files count.
    pub kept: Vec<String>,
}

/// Creates or changes the Project and waits until the operator has stored a revision of it.
pub async fn apply(
    cluster: &Cluster,
    namespace: &str,
    wanted: &Wanted<'_>,
    timeout: Option<Duration>,
    events: Sink<'_>,
) -> Result<Applied> {
    let name = wanted.project()?;
    let before = current(cluster, namespace, name.as_str()).await?;
    let (change, kept) = write(cluster, namespace, &name, wanted, before, events).await?;
    events(Event::ProjectStored { project: name.to_string(), namespace: namespace.to_owned(), change });
    let revision = stored(cluster, namespace, name.as_str(), timeout, events).await?;
    Ok(Applied {
        project: name.to_string(),
        namespace: namespace.to_owned(),
        component: wanted.component(),
        change,
        revision,
        kept,
    })
}

/// What applying would do, and to which components it would do nothing.
pub async fn outlook(
    cluster: &Cluster,
    namespace: &str,
    wanted: &Wanted<'_>,
) -> Result<(Change, Vec<String>)> {
    let before = current(cluster, namespace, wanted.project()?.as_str()).await?;
    let next = wanted.onto(before.as_ref(), namespace)?;
    let change = match &before {
        None => Change::Created,
        Some(project) if next.is(project) => Change::Unchanged,
        Some(_) => Change::Updated,
    };
    Ok((change, next.kept))
}

/// What a Project is to be.
struct Next {
    spec: ProjectSpec,
    /// Components with files of their own.
    own: BTreeSet<String>,
    kept: Vec<String>,
}

impl Next {
    fn is(&self, project: &Project) -> bool {
        project.spec == self.spec && own_files(project) == self.own
    }

    fn annotation(&self) -> Option<String> {
        (!self.own.is_empty()).then(|| self.own.iter().cloned().collect::<Vec<_>>().join(","))
    }
}

impl Wanted<'_> {
    fn project(&self) -> Result<ProjectName> {
        match self {
            Self::Whole { file, .. } => {
                let name = file.content.project.metadata.name.as_deref().unwrap_or_default();
                Ok(ProjectName::parse(name)?)
            }
            Self::Component { project, .. } => Ok((*project).clone()),
        }
    }

    fn component(&self) -> Option<String> {
        match self {
            Self::Whole { .. } => None,
            Self::Component { file, .. } => Some(file.content.name.clone()),
        }
    }

    /// The project with what is wanted, checked as a whole: worked out anew whenever somebody else was faster.
    fn onto(&self, before: Option<&Project>, namespace: &str) -> Result<Next> {
        match self {
            Self::Whole { file, take } => {
                let said = &file.content.project.spec;
                let Some(before) = before else {
                    return Ok(Next { spec: said.clone(), own: BTreeSet::new(), kept: vec![] });
                };
                let mut own = own_files(before);
                let known = |name: &&String| {
                    said.components.contains_key(*name) || before.spec.components.contains_key(*name)
                };
                if let Some(unknown) = take.iter().find(|name| !known(name)) {
                    return Err(Error::NotFound {
                        kind: "component",
                        name: unknown.clone(),
                        place: format!("project `{}`", before.name_any()),
                        nearest: nearest(unknown, said.components.keys().map(String::as_str)),
                        known: said.components.keys().cloned().collect(),
                    });
                }
                own.retain(|name| !take.contains(name) && before.spec.components.contains_key(name));
                let spec = with_own(said.clone(), &before.spec, &own);
                let problems = file.content.problems_of(&spec);
                if !problems.is_empty() {
                    return Err(file.broken(problems));
                }
                let kept = own.iter().filter(|name| spec.components.get(*name) != said.components.get(*name));
                let kept = kept.cloned().collect();
                Ok(Next { spec, own, kept })
            }
            Self::Component { project, file, new } => {
                let name = &file.content.name;
                let Some(before) = before else {
                    return Err(Error::NotFound {
                        kind: "project",
                        name: project.to_string(),
                        place: format!("namespace `{namespace}`"),
                        nearest: None,
                        known: vec![],
                    });
                };
                let known = &before.spec.components;
                if !new && !known.contains_key(name) {
                    return Err(Error::NewComponent {
                        component: name.clone(),
                        project: project.to_string(),
                        nearest: nearest(name, known.keys().map(String::as_str)),
                        known: known.keys().cloned().collect(),
                    });
                }
                let spec = file.content.put_into(project.as_str(), &before.spec);
                let spec = spec.map_err(|problems| file.broken(problems))?;
                let mut own = own_files(before);
                own.insert(name.clone());
                Ok(Next { spec, own, kept: vec![] })
            }
        }
    }
}

async fn current(cluster: &Cluster, namespace: &str, name: &str) -> Result<Option<Project>> {
    let projects: Api<Project> = Api::namespaced(cluster.client.clone(), namespace);
    projects.get_opt(name).await.map_err(|error| cluster.explain(error))
}

async fn write(
    cluster: &Cluster,
    namespace: &str,
    name: &ProjectName,
    wanted: &Wanted<'_>,
    mut before: Option<Project>,
    events: Sink<'_>,
) -> Result<(Change, Vec<String>)> {
    let projects: Api<Project> = Api::namespaced(cluster.client.clone(), namespace);
    for _ in 0..ATTEMPTS {
        let next = wanted.onto(before.as_ref(), namespace)?;
        let params = PostParams::default();
        let outcome = match before {
            Some(current) if next.is(&current) => return Ok((Change::Unchanged, next.kept)),
            Some(mut current) => {
                // Whose keys count is no change of what is shipped.
                let change = if current.spec == next.spec { Change::Unchanged } else { Change::Updated };
                match next.annotation() {
                    Some(own) => drop(current.annotations_mut().insert(marks::OWN_FILES.to_owned(), own)),
                    None => drop(current.annotations_mut().remove(marks::OWN_FILES)),
                }
                current.spec = next.spec;
                current.metadata.managed_fields = None;
                // Carries the resourceVersion: a change in between is a conflict, not a loss.
                let replace = || projects.replace(name.as_str(), &params, &current);
                admitted(cluster, events, replace).await.map(|_| change)
            }
            None => {
                let fresh = Project::new(name.as_str(), next.spec);
                let create = || projects.create(&params, &fresh);
                admitted(cluster, events, create).await.map(|_| Change::Created)
            }
        };
        match outcome {
            Ok(change) => return Ok((change, next.kept)),
            Err(kube::Error::Api(status)) if is_missing_namespace(&status, namespace) => {
                create_namespace(cluster, namespace, events).await?;
                before = None;
            }
            Err(kube::Error::Api(status)) if status.code == 409 => {
                before = current(cluster, namespace, name.as_str()).await?;
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
