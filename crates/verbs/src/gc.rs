//! `gc`: what outboard made for environments and copies that are no more, found by its marks and, once somebody says so,
//! deleted. Stops when it knows too little.
//!
//! What there is is read before what is wanted, so that what comes up meanwhile is never taken for left behind; and each
//! one is looked for once more before it goes.

mod plan;

use std::collections::BTreeSet;

use api::{DataCopy, Environment, HostClaim, marks};
use k8s_openapi::api::core::v1::{Namespace, PersistentVolumeClaim, Pod};
use kube::api::{Api, DeleteParams, ListParams, Preconditions};
use kube::core::NamespaceResourceScope;
use kube::{Resource, ResourceExt};
use serde::Serialize;
use serde::de::DeserializeOwned;

pub use plan::{Kind, Maker};

use crate::{Cluster, Error, Result};

/// One thing that nothing asks for.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Orphan {
    pub kind: Kind,
    pub name: String,
    #[serde(flatten)]
    pub maker: Maker,
    /// Pods that run in it; `None`: we may not look.
    pub pods: Option<usize>,
    /// Volumes that go with it.
    pub volumes: Option<Vec<String>>,
    pub outcome: Outcome,
    #[serde(skip)]
    uid: String,
}

#[derive(Clone, Debug, Eq, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub enum Outcome {
    /// Nobody said that it should go.
    Found,
    /// The order is given.
    Deleted,
    /// What it was made for is there again.
    Wanted,
}

/// What was found.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Swept {
    pub orphans: Vec<Orphan>,
    /// What has marks that cannot be right, and why; never deleted.
    pub unclear: Vec<(String, String)>,
}

/// What is left behind in one control namespace, or in all.
pub async fn orphans(cluster: &Cluster, control: Option<&str>) -> Result<Swept> {
    let marked = marked(cluster).await?;
    let wanted = wanted(cluster).await?;
    let sorted = plan::sort(marked, &wanted);
    let mut swept = Swept { orphans: vec![], unclear: vec![] };
    for (one, maker) in sorted.orphans {
        if control.is_none_or(|control| control == maker.control_namespace()) {
            swept.orphans.push(orphan(cluster, one, maker).await?);
        }
    }
    swept.unclear = sorted.unclear.into_iter().map(|(one, why)| (one.name, why.to_owned())).collect();
    Ok(swept)
}

/// Deletes what is left behind in one control namespace.
pub async fn gc(cluster: &Cluster, control: &str) -> Result<Swept> {
    let mut swept = orphans(cluster, Some(control)).await?;
    for orphan in &mut swept.orphans {
        orphan.outcome = match is_there(cluster, &orphan.maker).await? {
            true => Outcome::Wanted,
            false => delete(cluster, orphan).await?,
        };
    }
    Ok(swept)
}

/// Everything with marks that is not going already.
async fn marked(cluster: &Cluster) -> Result<Vec<plan::Marked>> {
    let failed = |error| cluster.explain(error);
    let of_ours = ListParams::default().labels(marks::INSTALL);
    let namespaces = Api::<Namespace>::all(cluster.client.clone()).list(&of_ours).await.map_err(failed)?;
    let claims = Api::<HostClaim>::all(cluster.client.clone()).list(&ListParams::default()).await;
    let namespaces = namespaces.into_iter().filter_map(|found| {
        let maker = plan::maker(found.labels());
        one(Kind::Namespace, &found, maker)
    });
    let claims = claims.map_err(failed)?.into_iter().filter_map(|found| {
        let spec = found.spec.clone();
        let maker = Maker::Environment {
            control_namespace: spec.control_namespace,
            project: spec.project,
            environment: spec.environment,
        };
        one(Kind::HostClaim, &found, Some(maker))
    });
    Ok(namespaces.chain(claims).collect())
}

fn one(kind: Kind, found: &impl ResourceExt, maker: Option<Maker>) -> Option<plan::Marked> {
    let uid = found.meta().deletion_timestamp.is_none().then(|| found.uid())??;
    Some(plan::Marked { kind, name: found.name_any(), uid, maker })
}

/// Every environment and every copy, also those that are being destroyed: they clean up themselves.
async fn wanted(cluster: &Cluster) -> Result<BTreeSet<Maker>> {
    let environments = Api::<Environment>::all(cluster.client.clone()).list(&ListParams::default()).await;
    let copies = Api::<DataCopy>::all(cluster.client.clone()).list(&ListParams::default()).await;
    let environments = environments.map_err(|error| cluster.explain(error))?;
    let copies = copies.map_err(|error| cluster.explain(error))?;
    let environments = environments.into_iter().map(|found| Maker::Environment {
        control_namespace: found.namespace().unwrap_or_default(),
        environment: found.name_any(),
        project: found.spec.project,
    });
    let copies = copies.into_iter().map(|found| Maker::Copy {
        control_namespace: found.namespace().unwrap_or_default(),
        copy: found.name_any(),
    });
    Ok(environments.chain(copies).collect())
}

async fn orphan(cluster: &Cluster, one: plan::Marked, maker: Maker) -> Result<Orphan> {
    let mut orphan = Orphan {
        kind: one.kind,
        name: one.name,
        maker,
        pods: None,
        volumes: None,
        outcome: Outcome::Found,
        uid: one.uid,
    };
    if orphan.kind == Kind::Namespace {
        let pods: Option<Vec<Pod>> = inside(cluster, &orphan.name).await?;
        let claims: Option<Vec<PersistentVolumeClaim>> = inside(cluster, &orphan.name).await?;
        orphan.pods = pods.map(|pods| pods.len());
        orphan.volumes = claims.map(|claims| claims.iter().map(ResourceExt::name_any).collect());
    }
    Ok(orphan)
}

/// None: we may not look.
async fn inside<K>(cluster: &Cluster, namespace: &str) -> Result<Option<Vec<K>>>
where
    K: Resource<DynamicType = (), Scope = NamespaceResourceScope>
        + Clone
        + std::fmt::Debug
        + DeserializeOwned,
{
    match Api::<K>::namespaced(cluster.client.clone(), namespace).list(&ListParams::default()).await {
        Ok(list) => Ok(Some(list.items)),
        Err(kube::Error::Api(status)) if status.code == 403 => Ok(None),
        Err(error) => Err(cluster.explain(error)),
    }
}

async fn is_there(cluster: &Cluster, maker: &Maker) -> Result<bool> {
    let client = cluster.client.clone();
    let found = match maker {
        Maker::Environment { control_namespace, project, environment } => {
            let found = Api::<Environment>::namespaced(client, control_namespace).get_opt(environment).await;
            found.map(|found| found.is_some_and(|found| found.spec.project == *project))
        }
        Maker::Copy { control_namespace, copy } => {
            let found = Api::<DataCopy>::namespaced(client, control_namespace).get_opt(copy).await;
            found.map(|found| found.is_some())
        }
    };
    found.map_err(|error| cluster.explain(error))
}

/// Only the very object that was seen.
async fn delete(cluster: &Cluster, orphan: &Orphan) -> Result<Outcome> {
    let only = Preconditions { uid: Some(orphan.uid.clone()), resource_version: None };
    let parameters = DeleteParams { preconditions: Some(only), ..DeleteParams::default() };
    let client = cluster.client.clone();
    let deleted = match orphan.kind {
        Kind::Namespace => Api::<Namespace>::all(client).delete(&orphan.name, &parameters).await.map(|_| ()),
        Kind::HostClaim => Api::<HostClaim>::all(client).delete(&orphan.name, &parameters).await.map(|_| ()),
    };
    match deleted.map_err(|error| cluster.explain(error)) {
        // Gone by itself, or another one has the name: nothing that was seen is left.
        Ok(()) | Err(Error::NotFound { .. } | Error::Changed { .. }) => Ok(Outcome::Deleted),
        Err(error) => Err(error),
    }
}
