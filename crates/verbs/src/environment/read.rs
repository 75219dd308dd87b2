//! Reading one environment.

use api::Environment;
use kube::api::ListParams;
use kube::{Api, ResourceExt};

use crate::suggest::nearest;
use crate::{Cluster, Error, Result};

pub fn api(cluster: &Cluster, namespace: &str) -> Api<Environment> {
    Api::namespaced(cluster.client.clone(), namespace)
}

/// The environment called `name`.
pub async fn get(cluster: &Cluster, namespace: &str, name: &str) -> Result<Environment> {
    match find(cluster, namespace, name).await? {
        Some(environment) => Ok(environment),
        None => Err(unknown(cluster, namespace, name).await),
    }
}

/// `None` also when the kind is missing.
pub async fn find(cluster: &Cluster, namespace: &str, name: &str) -> Result<Option<Environment>> {
    api(cluster, namespace).get_opt(name).await.map_err(|error| cluster.explain(error))
}

/// That it does not exist, or why that cannot be said.
pub async fn unknown(cluster: &Cluster, namespace: &str, name: &str) -> Error {
    let known: Vec<String> = match api(cluster, namespace).list(&ListParams::default()).await {
        Ok(list) => list.iter().map(ResourceExt::name_any).collect(),
        Err(error) => return cluster.explain(error),
    };
    Error::NotFound {
        kind: "environment",
        name: name.to_owned(),
        place: format!("namespace `{namespace}`"),
        nearest: nearest(name, known.iter().map(String::as_str)),
        known,
    }
}
