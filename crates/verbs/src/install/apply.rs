//! Brings an installation into a cluster: looks first, then writes, definitions before everything else.
//!
//! Safe to run again at any time, and after having been killed at any time.

use std::time::Duration;

use ::apply::cluster_kinds::api_of;
use api::marks;
use futures::future::try_join_all;
use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::CustomResourceDefinition;
use kube::api::{Api, DeleteParams, Patch, PatchParams};
use kube::core::DynamicObject;
use kube::runtime::wait::{await_condition, conditions};
use kube::{Client, ResourceExt};
use serde::Serialize;
use serde_json::{Value, json};
use tokio::time::timeout;

use super::{Error, Options, Taken, bindings, definitions, logs, merged, needed, server, workload};
use crate::Cluster;
use crate::error::is_missing_kind;

/// Field manager of everything installed.
const MANAGER: &str = "outboard-install";
/// Longer than pods are given to end by themselves.
const ENDING: Duration = Duration::from_secs(45);
/// The API server establishes a definition within a second or two, or never.
const ESTABLISH: Duration = Duration::from_secs(30);

/// What happened to one object.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Outcome {
    Created,
    Changed,
    Unchanged,
    Removed,
}

/// One object of the installation.
#[derive(Clone, Debug, Serialize)]
pub struct Applied {
    pub kind: String,
    pub name: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub namespace: Option<String>,
    pub outcome: Outcome,
}

/// What an installation did, in the order in which it did it.
#[derive(Clone, Debug, Default, Serialize)]
pub struct Report {
    pub objects: Vec<Applied>,
    /// What whoever installs should know, and is no reason not to.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub warnings: Vec<String>,
}

impl Report {
    pub fn count(&self, outcome: Outcome) -> usize {
        self.objects.iter().filter(|object| object.outcome == outcome).count()
    }
}

/// An object as wanted, where it goes, and what is there now.
struct Item {
    kind: String,
    wanted: DynamicObject,
    api: Api<DynamicObject>,
    found: Option<DynamicObject>,
    /// This cluster does not know the kind at all.
    unknown: bool,
}

/// Installs or upgrades. Refuses, before anything is written, to take over what is not this installation's.
pub async fn apply(cluster: &Cluster, options: &Options) -> Result<Report, Error> {
    let definitions = look(cluster, definitions(options)).await?;
    let workload = look(cluster, workload(options)).await?;
    if let Some(item) = workload.iter().find(|item| item.unknown) {
        return Err(Error::NoKind { kind: item.kind.clone() });
    }
    // Definitions are ours by their group, whatever labels they carry.
    let taken: Vec<Taken> =
        workload.iter().filter_map(|item| judge(item, &options.settings.install)).collect();
    if !taken.is_empty() {
        return Err(Error::Taken(taken));
    }
    if let Some(server) = &options.server {
        needed::look(cluster, server).await?;
    }
    let mut report = Report::default();
    if options.server.is_some() {
        report.warnings.extend(bindings::foreign(cluster).await);
        report.warnings.extend(merged::proxies(cluster, options).await);
    }
    for item in &definitions {
        report.objects.push(write(cluster, item).await?);
    }
    for item in &definitions {
        establish(cluster, &item.wanted.name_any()).await?;
    }
    for item in &workload {
        report.objects.push(write(cluster, item).await?);
    }
    for (wanted, identities) in
        [(options.logs.is_some(), logs::identities()), (options.server.is_some(), server::identities())]
    {
        if wanted {
            continue;
        }
        for item in look(cluster, identities).await? {
            report.objects.extend(remove(cluster, &item, &options.settings.install).await?);
        }
    }
    Ok(report)
}

async fn look(cluster: &Cluster, objects: Vec<Value>) -> Result<Vec<Item>, Error> {
    try_join_all(objects.into_iter().map(|value| find(cluster, &cluster.client, value))).await
}

async fn find(cluster: &Cluster, client: &Client, value: Value) -> Result<Item, Error> {
    let wanted: DynamicObject =
        serde_json::from_value(value).map_err(|error| Error::Malformed(error.to_string()))?;
    let kind = wanted.types.as_ref().map(|types| types.kind.clone()).unwrap_or_default();
    let api = api_of(client, &wanted).ok_or_else(|| Error::Malformed(format!("unknown kind {kind}")))?;
    let (found, unknown) = match api.get_opt(&wanted.name_any()).await {
        Ok(found) => (found, false),
        Err(kube::Error::Api(status)) if is_missing_kind(&status) => (None, true),
        Err(error) => return Err(cluster.explain(error).into()),
    };
    Ok(Item { kind, wanted, api, found, unknown })
}

/// Whether somebody else's object is in the way.
fn judge(item: &Item, install: &str) -> Option<Taken> {
    let found = item.found.as_ref()?;
    let by = found.labels().get(marks::INSTALL);
    (by.map(String::as_str) != Some(install)).then(|| Taken {
        kind: item.kind.clone(),
        name: found.name_any(),
        install: by.cloned(),
    })
}

async fn write(cluster: &Cluster, item: &Item) -> Result<Applied, Error> {
    let mut wanted = item.wanted.clone();
    // An object that was replaced since it was looked at is a conflict.
    wanted.metadata.uid = item.found.as_ref().and_then(ResourceExt::uid);
    let name = wanted.name_any();
    if let Some(found) = item.found.as_ref().filter(|found| adds_up(&wanted) && !adds_up(found)) {
        hand_over(cluster, item, found).await?;
    }
    let params = PatchParams::apply(MANAGER).force();
    let written = item
        .api
        .patch(&name, &params, &Patch::Apply(&wanted))
        .await
        .map_err(|error| cluster.explain(error))?;
    let outcome = match &item.found {
        None => Outcome::Created,
        Some(found) if found.resource_version() == written.resource_version() => Outcome::Unchanged,
        Some(_) => Outcome::Changed,
    };
    Ok(Applied { kind: item.kind.clone(), name, namespace: wanted.namespace(), outcome })
}

/// Whether it is a role whose rules Kubernetes adds up from others.
fn adds_up(role: &DynamicObject) -> bool {
    role.data.get("aggregationRule").is_some_and(|rule| !rule.is_null())
}

/// A role of an earlier outboard keeps its rules until Kubernetes has added up the new ones: nobody is without them for a moment. They
/// are no longer written by an installation, so the next write does not take them away.
async fn hand_over(cluster: &Cluster, item: &Item, found: &DynamicObject) -> Result<(), Error> {
    let metadata = json!({"managedFields": [{}], "resourceVersion": found.resource_version()});
    let patch = Patch::Merge(json!({"metadata": metadata}));
    let patched = item.api.patch(&found.name_any(), &PatchParams::default(), &patch).await;
    patched.map(drop).map_err(|error| cluster.explain(error).into())
}

/// Deletes what this installation made and no longer wants; what others made stays.
async fn remove(cluster: &Cluster, item: &Item, install: &str) -> Result<Option<Applied>, Error> {
    let Some(found) = item.found.as_ref().filter(|_| judge(item, install).is_none()) else { return Ok(None) };
    let (name, namespace) = (found.name_any(), found.namespace());
    let runs = item.kind == "Deployment";
    let how = if runs { DeleteParams::foreground() } else { DeleteParams::default() };
    match item.api.delete(&name, &how).await {
        Ok(_) => {}
        Err(kube::Error::Api(status)) if status.code == 404 => return Ok(None),
        Err(error) => return Err(cluster.explain(error).into()),
    }
    if let Some(uid) = found.uid().filter(|_| runs) {
        // Its pods write their last records yet, for which they need the rights that go next. One that does not end holds nothing up.
        let _ = timeout(ENDING, await_condition(item.api.clone(), &name, conditions::is_deleted(&uid))).await;
    }
    Ok(Some(Applied { kind: item.kind.clone(), name, namespace, outcome: Outcome::Removed }))
}

async fn establish(cluster: &Cluster, name: &str) -> Result<(), Error> {
    let api = Api::<CustomResourceDefinition>::all(cluster.client.clone());
    let established = await_condition(api, name, conditions::is_crd_established());
    match timeout(ESTABLISH, established).await {
        Ok(Ok(_)) => Ok(()),
        _ => Err(Error::NotEstablished { name: name.to_owned(), after: ESTABLISH }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn what_a_cluster_knows_no_kind_for_is_not_there_to_be_removed() {
        let text = "Failed to parse error data";
        let cluster = crate::fake::cluster(move |_, _| crate::fake::status(404, "404 page not found", text));
        let route = server::identities().into_iter().find(|object| object["kind"] == "HTTPRoute").unwrap();
        let item = find(&cluster, &cluster.client, route).await.unwrap();
        assert!(item.unknown && item.found.is_none());
        assert!(remove(&cluster, &item, "outboard").await.unwrap().is_none());
    }
}
