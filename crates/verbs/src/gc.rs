//! `gc`: what outboard made for environments and copies that are no more, found by its marks and, once somebody says so,
//! deleted. Stops when it knows too little.
//!
//! What there is is read before what is wanted, so that what comes up meanwhile is never taken for left behind; and each
//! one's maker is looked for once more before it goes.

mod plan;

use std::collections::BTreeSet;

use api::{DataCopy, Environment, HostClaim, Hostname, marks};
use jiff::Timestamp;
use k8s_openapi::api::core::v1::{Namespace, PersistentVolume, PersistentVolumeClaim, Pod};
use kube::api::{Api, DeleteParams, ListParams, Patch, PatchParams, Preconditions};
use kube::core::NamespaceResourceScope;
use kube::{Resource, ResourceExt};
use schemars::JsonSchema;
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::json;

pub use plan::{Kind, Maker};

use crate::suggest::nearest;
use crate::{Cluster, Error, Result};

/// So many objects are asked for at once.
const PAGE: u32 = 500;

/// One thing that nothing asks for.
#[derive(Clone, Debug, JsonSchema, Serialize)]
#[schemars(rename = "Leftover")]
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
    /// Why it stays.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub why: Option<String>,
    #[serde(skip)]
    uid: String,
    #[serde(skip)]
    record: Option<String>,
}

#[derive(Clone, Copy, Debug, Eq, JsonSchema, PartialEq, Serialize)]
#[schemars(rename = "LeftoverOutcome")]
#[serde(rename_all = "camelCase")]
pub enum Outcome {
    /// Nobody said that it should go.
    Found,
    /// The order is given.
    Deleting,
    Stays,
    Failed,
}

/// What has marks that cannot be right; never deleted.
#[derive(Clone, Debug, JsonSchema, Serialize)]
#[schemars(rename = "UnclearLeftover")]
#[serde(rename_all = "camelCase")]
pub struct Unclear {
    pub kind: Kind,
    pub name: String,
    pub why: String,
}

/// What was found.
#[derive(Clone, Debug, JsonSchema, Serialize)]
#[schemars(rename = "Leftovers")]
#[serde(rename_all = "camelCase")]
pub struct Swept {
    pub orphans: Vec<Orphan>,
    pub unclear: Vec<Unclear>,
    /// What could not be looked at, and why.
    pub unseen: Vec<String>,
}

/// What is left behind in one control namespace, or in all.
pub async fn orphans(cluster: &Cluster, control: Option<&str>) -> Result<Swept> {
    Ok(look(cluster, control).await?.swept)
}

/// Deletes what is left behind in one control namespace: what holds nothing, or what is named.
pub async fn gc(cluster: &Cluster, control: &str, named: &[String]) -> Result<Swept> {
    let Look { mut swept, namespaces, environments } = look(cluster, Some(control)).await?;
    if let Some(unknown) = named.iter().find(|name| swept.orphans.iter().all(|orphan| orphan.name != **name))
    {
        let known: Vec<String> = swept.orphans.iter().map(|orphan| orphan.name.clone()).collect();
        return Err(Error::NotFound {
            kind: "orphan",
            name: unknown.clone(),
            place: format!("what is left behind in {control}"),
            nearest: nearest(unknown, known.iter().map(String::as_str)),
            known,
        });
    }
    if environments == 0 && named.is_empty() && !swept.orphans.is_empty() {
        return Err(Error::NoEnvironments);
    }
    for orphan in &mut swept.orphans {
        let inside = plan::Inside {
            kind: orphan.kind,
            name: &orphan.name,
            maker: &orphan.maker,
            pods: orphan.pods,
            volumes: orphan.volumes.as_ref().map(Vec::len),
        };
        (orphan.outcome, orphan.why) = match plan::stays(inside, named, &namespaces) {
            Some(why) => (Outcome::Stays, Some(why.to_owned())),
            None => match delete(cluster, orphan).await {
                Ok(None) => (Outcome::Deleting, None),
                Ok(Some(why)) => (Outcome::Stays, Some(why.to_owned())),
                Err(error) => (Outcome::Failed, Some(error.to_string())),
            },
        };
    }
    Ok(swept)
}

/// What a look gives.
struct Look {
    swept: Swept,
    /// All that there are.
    namespaces: BTreeSet<String>,
    /// How many, in the whole cluster.
    environments: usize,
}

async fn look(cluster: &Cluster, control: Option<&str>) -> Result<Look> {
    let namespaces: Vec<Namespace> = list(cluster).await?;
    let claims: Vec<HostClaim> = list(cluster).await?;
    let (environments, copies): (Vec<Environment>, Vec<DataCopy>) =
        (list(cluster).await?, list(cluster).await?);
    let hostnames: Vec<Hostname> = list(cluster).await?;
    let wanted = wanted(&environments, &copies);
    let mut sorted = plan::sort(marked(&namespaces, &claims, &hostnames), &wanted);
    sorted.orphans.extend(plan::backups(&copies, &wanted));
    // Whoever may look at the rest need not be allowed to look at volumes.
    let (volumes, unseen): (Vec<PersistentVolume>, Vec<String>) = match list(cluster).await {
        Err(Error::Forbidden(forbidden)) => (vec![], vec![format!("volumes: {}", forbidden.message)]),
        found => (found?, vec![]),
    };
    let overdue = plan::overdue(volumes.iter().filter_map(kept).collect(), Timestamp::now());
    sorted.orphans.extend(overdue.orphans);
    sorted.unclear.extend(overdue.unclear);
    let mut swept = Swept { orphans: vec![], unclear: vec![], unseen };
    for (one, maker) in sorted.orphans {
        if control.is_none_or(|control| control == maker.control_namespace()) {
            swept.orphans.push(orphan(cluster, one, maker).await?);
        }
    }
    let here = |one: &plan::Marked| {
        let maker = one.maker.as_ref().map(Maker::control_namespace);
        control.is_none() || maker.is_none() || maker == control
    };
    let unclear = sorted.unclear.into_iter().filter(|(one, _)| here(one));
    swept.unclear =
        unclear.map(|(one, why)| Unclear { kind: one.kind, name: one.name, why: why.to_owned() }).collect();
    let namespaces = namespaces.iter().map(ResourceExt::name_any).collect();
    Ok(Look { swept, namespaces, environments: environments.len() })
}

async fn list<K>(cluster: &Cluster) -> Result<Vec<K>>
where
    K: Resource<DynamicType = ()> + Clone + std::fmt::Debug + DeserializeOwned,
{
    all(Api::<K>::all(cluster.client.clone())).await.map_err(|error| cluster.explain(error))
}

/// Page by page: a cluster may have thousands. Without the rest of a list nothing is known.
pub(crate) async fn all<K>(api: Api<K>) -> std::result::Result<Vec<K>, kube::Error>
where
    K: Resource<DynamicType = ()> + Clone + std::fmt::Debug + DeserializeOwned,
{
    let (mut found, mut page) = (vec![], ListParams::default().limit(PAGE));
    loop {
        let list = api.list(&page).await?;
        found.extend(list.items);
        match list.metadata.continue_.filter(|token| !token.is_empty()) {
            Some(token) => page = page.continue_token(&token),
            None => return Ok(found),
        }
    }
}

/// Everything with marks that is not going already. A named host is its Hostname's, whatever became of the environment.
fn marked(namespaces: &[Namespace], claims: &[HostClaim], hostnames: &[Hostname]) -> Vec<plan::Marked> {
    let named: BTreeSet<String> = hostnames.iter().map(ResourceExt::name_any).collect();
    let namespaces = namespaces.iter().filter(|found| found.labels().contains_key(marks::INSTALL));
    let namespaces = namespaces.filter_map(|found| one(Kind::Namespace, found, plan::maker(found.labels())));
    let claims = claims.iter().filter(|claim| !named.contains(&claim.name_any())).filter_map(|found| {
        let maker = Maker::Environment {
            control_namespace: found.spec.control_namespace.clone(),
            project: found.spec.project.clone(),
            environment: found.spec.environment.clone(),
        };
        one(Kind::HostClaim, found, Some(maker))
    });
    namespaces.chain(claims).collect()
}

/// A volume with the marks of what was kept.
fn kept(volume: &PersistentVolume) -> Option<plan::Kept> {
    let record = volume.annotations().get(marks::KEPT_WITH)?;
    let marked = one(Kind::Volume, volume, plan::maker(volume.labels()))?;
    let phase = volume.status.as_ref().and_then(|status| status.phase.as_deref());
    Some(plan::Kept {
        volume: plan::Marked { record: Some(record.clone()), ..marked },
        until: volume.annotations().get(marks::KEPT_UNTIL).and_then(|until| until.parse().ok()),
        free: matches!(phase, Some("Released" | "Failed")),
        as_kept: environments::plan::volumes::is_as_kept(volume),
    })
}

fn one(kind: Kind, found: &impl ResourceExt, maker: Option<Maker>) -> Option<plan::Marked> {
    let uid = found.meta().deletion_timestamp.is_none().then(|| found.uid())??;
    let ours = |manager: &str| manager.starts_with(marks::MANAGER_PREFIX);
    let by_outboard = found.managed_fields().iter().any(|entry| entry.manager.as_deref().is_some_and(ours));
    Some(plan::Marked { kind, name: found.name_any(), uid, maker, by_outboard, record: None })
}

/// Every environment and every copy, also those that are being destroyed: they clean up themselves.
fn wanted(environments: &[Environment], copies: &[DataCopy]) -> BTreeSet<Maker> {
    let environments = environments.iter().map(|found| Maker::Environment {
        control_namespace: found.namespace().unwrap_or_default(),
        environment: found.name_any(),
        project: found.spec.project.clone(),
    });
    let copies = copies.iter().map(|found| Maker::Copy {
        control_namespace: found.namespace().unwrap_or_default(),
        copy: found.name_any(),
    });
    environments.chain(copies).collect()
}

async fn orphan(cluster: &Cluster, one: plan::Marked, maker: Maker) -> Result<Orphan> {
    let mut orphan = Orphan {
        kind: one.kind,
        name: one.name,
        maker,
        pods: None,
        volumes: None,
        outcome: Outcome::Found,
        why: None,
        uid: one.uid,
        record: one.record,
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
    match all(Api::<K>::namespaced(cluster.client.clone(), namespace)).await {
        Ok(found) => Ok(Some(found)),
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

/// Only the very object that was seen. Says why it stays, if it does.
async fn delete(cluster: &Cluster, orphan: &Orphan) -> Result<Option<&'static str>> {
    if orphan.kind == Kind::Volume {
        return give_up(cluster, orphan).await;
    }
    if is_there(cluster, &orphan.maker).await? {
        return Ok(Some("what it was made for is there again"));
    }
    let only = Preconditions { uid: Some(orphan.uid.clone()), resource_version: None };
    let parameters = DeleteParams { preconditions: Some(only), ..DeleteParams::default() };
    let client = cluster.client.clone();
    let deleted = match orphan.kind {
        Kind::Namespace => Api::<Namespace>::all(client).delete(&orphan.name, &parameters).await.map(|_| ()),
        Kind::HostClaim => Api::<HostClaim>::all(client).delete(&orphan.name, &parameters).await.map(|_| ()),
        Kind::Backup => return forget(cluster, orphan).await,
        Kind::Volume => Ok(()),
    };
    match deleted {
        Ok(()) => Ok(None),
        // Gone by itself.
        Err(kube::Error::Api(status)) if status.code == 404 => Ok(None),
        Err(kube::Error::Api(status)) if status.code == 409 => Ok(Some("another one has the name by now")),
        Err(error) => Err(cluster.explain(error)),
    }
}

/// The operator removes it from its bucket, then what is said of it.
async fn forget(cluster: &Cluster, orphan: &Orphan) -> Result<Option<&'static str>> {
    let copies = Api::<DataCopy>::namespaced(cluster.client.clone(), orphan.maker.control_namespace());
    // The very one that was seen: the UID is checked as it is written.
    let patch = json!({"metadata": {"uid": orphan.uid}, "spec": {"forget": true}});
    match copies.patch(&orphan.name, &PatchParams::default(), &Patch::Merge(&patch)).await {
        Ok(_) => Ok(None),
        Err(kube::Error::Api(status)) if status.code == 404 => Ok(None),
        Err(kube::Error::Api(status)) if status.code == 409 => Ok(Some("another one has the name by now")),
        Err(error) => Err(cluster.explain(error)),
    }
}

/// By what the operator does, too: it is not retained any more, so that its provisioner deletes the data and then the volume.
async fn give_up(cluster: &Cluster, orphan: &Orphan) -> Result<Option<&'static str>> {
    let volumes = Api::<PersistentVolume>::all(cluster.client.clone());
    let explain = |error| cluster.explain(error);
    let Some(volume) = volumes.get_opt(&orphan.name).await.map_err(explain)? else { return Ok(None) };
    if volume.uid().as_ref() != Some(&orphan.uid) || !environments::plan::volumes::is_as_kept(&volume) {
        return Ok(Some("another one has the name by now"));
    }
    if let Maker::Environment { control_namespace, environment, .. } = &orphan.maker {
        let found = Api::<Environment>::namespaced(cluster.client.clone(), control_namespace);
        let found = found.get_opt(environment).await.map_err(explain)?;
        if found.is_some_and(|found| found.spec.restores_volumes == orphan.record) {
            return Ok(Some("an environment gets it back"));
        }
    }
    let spec = volume.spec.as_ref();
    if spec.and_then(|spec| spec.persistent_volume_reclaim_policy.as_deref()) == Some("Delete") {
        return Ok(Some("it goes already, or its provisioner does not delete it: its Events say why"));
    }
    // Whoever took it meanwhile has written to it: then this is refused.
    let patch = json!({
        "metadata": {"resourceVersion": volume.resource_version()},
        "spec": {"persistentVolumeReclaimPolicy": "Delete"},
    });
    match volumes.patch(&orphan.name, &PatchParams::default(), &Patch::Merge(&patch)).await {
        Ok(_) => Ok(None),
        Err(kube::Error::Api(status)) if status.code == 404 => Ok(None),
        Err(kube::Error::Api(status)) if status.code == 409 => Ok(Some("somebody has just changed it")),
        Err(error) => Err(cluster.explain(error)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn whoever_may_not_look_at_volumes_is_told_so_and_sees_the_rest() {
        let cluster = crate::fake::cluster(|_, path| {
            if path.contains("/persistentvolumes") {
                return crate::fake::status(403, "persistentvolumes is forbidden", "Forbidden");
            }
            let kinds = [
                ("/namespaces", "v1", "Namespace"),
                ("/hostclaims", api::API_VERSION, "HostClaim"),
                ("/environments", api::API_VERSION, "Environment"),
                ("/datacopies", api::API_VERSION, "DataCopy"),
                ("/hostnames", api::API_VERSION, "Hostname"),
            ];
            let (_, version, kind) = kinds.into_iter().find(|(part, ..)| path.contains(part))?;
            let list =
                json!({"apiVersion": version, "kind": format!("{kind}List"), "metadata": {}, "items": []});
            Some((200, list))
        });
        let swept = orphans(&cluster, Some("shop")).await.unwrap();
        assert!(swept.orphans.is_empty());
        assert_eq!(swept.unseen, ["volumes: persistentvolumes is forbidden"]);
    }
}
