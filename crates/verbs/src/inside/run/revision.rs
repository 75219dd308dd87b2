//! Reads a part as it stands in the environment's stored revision.

use api::revision::EnvironmentRevision;
use api::{Environment, Part, PartStatus};
use k8s_openapi::api::apps::v1::ControllerRevision;
use kube::{Api, ResourceExt};

use crate::{Cluster, Error, Result};

/// The number of the revision that the environment runs, and the part in it.
pub async fn part(cluster: &Cluster, environment: &Environment, wanted: &PartStatus) -> Result<(i64, Part)> {
    let name = environment.name_any();
    let place = format!("environment `{name}`");
    let missing = |what: String| Error::NotFound {
        kind: "revision",
        name: what,
        place: place.clone(),
        known: vec![],
        nearest: None,
    };
    let number = environment.status.as_ref().and_then(|status| status.revision);
    let number = number.ok_or_else(|| missing("1".to_owned()))?;
    let object = EnvironmentRevision::object_name(&name, number);
    let revisions: Api<ControllerRevision> =
        Api::namespaced(cluster.client.clone(), &environment.namespace().unwrap_or_default());
    let stored = revisions.get_opt(&object).await.map_err(|error| cluster.explain(error))?;
    let revision = stored.as_ref().and_then(EnvironmentRevision::from_object);
    let parts = revision.ok_or_else(|| missing(object.clone()))?.parts;
    let found = parts.into_iter().find(|part| part.name == wanted.name && part.role == wanted.role);
    found.map(|part| (number, part)).ok_or_else(|| missing(format!("{object} with {}", wanted.name)))
}
