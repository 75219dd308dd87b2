//! Reading a project and its revisions.

use std::collections::BTreeSet;
use std::time::Duration;

use api::{Project, ProjectRevision, marks};
use k8s_openapi::api::apps::v1::ControllerRevision;
use kube::api::ListParams;
use kube::{Api, ResourceExt};

use crate::suggest::nearest;
use crate::wait::{Look, Wait};
use crate::{Cluster, Error, Result, Sink};

/// The project called `name`.
pub async fn get(cluster: &Cluster, namespace: &str, name: &str) -> Result<Project> {
    let projects: Api<Project> = Api::namespaced(cluster.client.clone(), namespace);
    match projects.get_opt(name).await.map_err(|error| cluster.explain(error))? {
        Some(project) => Ok(project),
        None => Err(unknown(name, namespace, &names(cluster, namespace).await?)),
    }
}

/// Which project is meant when nobody said: the only one there is.
pub async fn choose(cluster: &Cluster, namespace: &str) -> Result<String> {
    let mut known = names(cluster, namespace).await?;
    match (known.pop(), known.is_empty()) {
        (Some(only), true) => Ok(only),
        (Some(last), false) => {
            known.push(last);
            Err(Error::WhichProject { namespace: namespace.to_owned(), known })
        }
        (None, _) => Err(Error::NoProject { namespace: namespace.to_owned() }),
    }
}

/// A missing kind shows here: listing it answers 404, while a missing object and a missing kind look alike in `get_opt`.
async fn names(cluster: &Cluster, namespace: &str) -> Result<Vec<String>> {
    let projects: Api<Project> = Api::namespaced(cluster.client.clone(), namespace);
    let list = projects.list(&ListParams::default()).await.map_err(|error| cluster.explain(error))?;
    Ok(list.iter().map(ResourceExt::name_any).collect())
}

fn unknown(name: &str, namespace: &str, known: &[String]) -> Error {
    Error::NotFound {
        kind: "project",
        name: name.to_owned(),
        place: format!("namespace `{namespace}`"),
        nearest: nearest(name, known.iter().map(String::as_str)),
        known: known.to_vec(),
    }
}

/// The components that were applied from files of their own.
pub fn own_files(project: &Project) -> BTreeSet<String> {
    let said = project.annotations().get(marks::OWN_FILES).map(String::as_str).unwrap_or_default();
    said.split(',').filter(|name| !name.is_empty()).map(str::to_owned).collect()
}

/// Waits until the operator has stored the project's present spec, and says under which name.
pub async fn stored(
    cluster: &Cluster,
    namespace: &str,
    name: &str,
    timeout: Option<Duration>,
    events: Sink<'_>,
) -> Result<String> {
    let api: Api<Project> = Api::namespaced(cluster.client.clone(), namespace);
    Wait { cluster, api, name, what: format!("project {name}"), timeout }
        .until(events, |project, _| {
            let project = project.ok_or_else(|| unknown(name, namespace, &[]))?;
            verdict(&project)
        })
        .await
}

/// Whether the operator has stored the present spec.
fn verdict(project: &Project) -> Result<Look<String>> {
    let Some(status) = &project.status else { return Ok(Look::Lagging) };
    if status.observed_generation < project.metadata.generation.unwrap_or_default() {
        return Ok(Look::Lagging);
    }
    if let Some(problem) = &status.problem {
        return Err(Error::ProjectRefused { project: project.name_any(), problem: problem.clone() });
    }
    Ok(status.revision.clone().map_or(Look::Wait, Look::Done))
}

/// One stored revision of a project.
pub async fn revision(
    cluster: &Cluster,
    namespace: &str,
    project: &str,
    name: &str,
) -> Result<ProjectRevision> {
    let revisions: Api<ControllerRevision> = Api::namespaced(cluster.client.clone(), namespace);
    let object = revisions.get_opt(name).await.map_err(|error| cluster.explain(error))?;
    let found =
        object.as_ref().and_then(ProjectRevision::from_object).filter(|found| found.project == project);
    if let Some(found) = found {
        return Ok(found);
    }
    let of_project = format!("{}=project,{}={project}", marks::REVISION_OF, marks::PROJECT);
    let list = revisions.list(&ListParams::default().labels(&of_project)).await;
    let known: Vec<String> =
        list.map(|list| list.iter().map(ResourceExt::name_any).collect()).unwrap_or_default();
    Err(Error::NotFound {
        kind: "project revision",
        name: name.to_owned(),
        place: format!("project `{project}`"),
        nearest: nearest(name, known.iter().map(String::as_str)),
        known,
    })
}

#[cfg(test)]
mod tests {
    use api::{ProjectSpec, ProjectStatus};

    use super::*;

    fn project(generation: i64, observed: i64, problem: Option<&str>) -> Project {
        let mut project = Project::new("shop", ProjectSpec::default());
        project.metadata.generation = Some(generation);
        project.status = Some(ProjectStatus {
            observed_generation: observed,
            revision: Some("p-0123456789".into()),
            problem: problem.map(str::to_owned),
            access: None,
        });
        project
    }

    #[test]
    fn the_revision_of_an_older_spec_is_not_taken_for_the_new_one() {
        assert!(matches!(verdict(&project(2, 1, None)), Ok(Look::Lagging)));
        assert!(matches!(verdict(&project(2, 2, None)), Ok(Look::Done(name)) if name == "p-0123456789"));
    }

    #[test]
    fn a_refused_spec_ends_the_wait_even_though_an_older_revision_exists() {
        assert!(matches!(verdict(&project(2, 2, Some("no"))), Err(Error::ProjectRefused { .. })));
    }
}
