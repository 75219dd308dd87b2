//! `env set`: chooses other versions for an environment that exists.

use api::Environment;
use kube::ResourceExt;
use kube::api::{Patch, PatchParams};
use serde_json::json;

use super::choose::{self, Choice};
use super::read;
use crate::{Change, Cluster, Error, Event, Result, Sink, project};

/// Others may write the same object in between; more often than this it is a fight.
const ATTEMPTS: usize = 5;

/// Writes the chosen versions; the others stay as they are.
pub async fn set(
    cluster: &Cluster,
    namespace: &str,
    name: &str,
    choices: &[Choice],
    events: Sink<'_>,
) -> Result<(Environment, Change)> {
    let versions = choose::versions(choices);
    for _ in 0..ATTEMPTS {
        let current = read::get(cluster, namespace, name).await?;
        if current.metadata.deletion_timestamp.is_some() {
            return Err(Error::BeingDestroyed { environment: name.to_owned() });
        }
        let spec = &current.spec;
        let revision = project::revision(cluster, namespace, &spec.project, &spec.project_revision).await?;
        choose::check_components(&spec.project, &revision.spec, &versions)?;
        if versions.iter().all(|(component, version)| spec.versions.get(component) == Some(version)) {
            return Ok(stored(current, namespace, Change::Unchanged, events));
        }
        // A merge patch with the resourceVersion: fields of others stay, a change in between is a conflict.
        let patch = json!({
            "metadata": {"resourceVersion": current.resource_version()},
            "spec": {"versions": versions},
        });
        let patched =
            read::api(cluster, namespace).patch(name, &PatchParams::default(), &Patch::Merge(&patch)).await;
        match patched {
            Ok(environment) => return Ok(stored(environment, namespace, Change::Updated, events)),
            Err(kube::Error::Api(status)) if status.code == 409 => {}
            Err(error) => return Err(cluster.explain(error)),
        }
    }
    Err(Error::Changed { what: format!("environment `{name}`") })
}

fn stored(
    environment: Environment,
    namespace: &str,
    change: Change,
    events: Sink<'_>,
) -> (Environment, Change) {
    let name = environment.name_any();
    events(Event::EnvironmentStored { environment: name, namespace: namespace.to_owned(), change });
    (environment, change)
}
