//! What is left of an environment that was destroyed: what stays on purpose, and what should not be there.

use std::fmt::Debug;

use api::{Environment, HostClaim, Hostname};
use k8s_openapi::api::core::v1::PersistentVolume;
use kube::{Api, Resource, ResourceExt};
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::{Cluster, gc};

/// One thing that is still there.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Remaining {
    pub kind: &'static str,
    pub name: String,
    pub why: String,
}

/// What was found where an environment leaves something behind.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Remains {
    pub remaining: Vec<Remaining>,
    /// Kinds that we may not look at.
    pub unseen: Vec<&'static str>,
}

impl Remains {
    fn add<K>(&mut self, kind: &'static str, found: Option<Vec<K>>, judge: impl Fn(&K) -> Option<String>)
    where
        K: ResourceExt,
    {
        let Some(found) = found else { return self.unseen.push(kind) };
        self.remaining.extend(
            found.iter().filter_map(|one| Some(Remaining { kind, name: one.name_any(), why: judge(one)? })),
        );
    }
}

pub(super) async fn remains(
    cluster: &Cluster,
    namespace: &str,
    existing: &Environment,
    ran_in: Option<&str>,
) -> Remains {
    let name = existing.name_any();
    let mut remains = Remains::default();
    remains.add("host claim", all(cluster).await, |claim: &HostClaim| {
        let spec = &claim.spec;
        let its = spec.control_namespace == namespace
            && spec.environment == name
            && spec.project == existing.spec.project;
        its.then(|| format!("it was not given back: outboard gc -n {namespace}"))
    });
    let hostnames = match gc::all(Api::<Hostname>::namespaced(cluster.client.clone(), namespace)).await {
        Ok(found) => Some(found),
        Err(error) => unseen(&error),
    };
    remains.add("hostname", hostnames, |hostname: &Hostname| {
        let host = hostname.name_any();
        (hostname.spec.environment == name)
            .then(|| format!("it is claimed for {name}: outboard hostname release {host} -n {namespace}"))
    });
    if let Some(ran_in) = ran_in {
        remains.add("volume", all(cluster).await, |volume: &PersistentVolume| kept(volume, ran_in));
    }
    remains
}

/// Only such volumes are left as their class retains: teardown waits for the others.
fn kept(volume: &PersistentVolume, ran_in: &str) -> Option<String> {
    let spec = volume.spec.as_ref()?;
    let claim = spec.claim_ref.as_ref().filter(|claim| claim.namespace.as_deref() == Some(ran_in))?;
    let claim = claim.name.as_deref().unwrap_or_default();
    Some(match spec.persistent_volume_reclaim_policy.as_deref() {
        Some("Retain") => {
            let class = spec.storage_class_name.as_deref().filter(|class| !class.is_empty());
            let whose = class.map_or_else(|| "it".to_owned(), |class| format!("storage class {class}"));
            format!("{whose} retains what {claim} had: it stays until somebody deletes it")
        }
        _ => format!("it had the data of {claim} and is not gone yet"),
    })
}

async fn all<K>(cluster: &Cluster) -> Option<Vec<K>>
where
    K: Resource<DynamicType = ()> + Clone + Debug + DeserializeOwned,
{
    match gc::all(Api::<K>::all(cluster.client.clone())).await {
        Ok(found) => Some(found),
        Err(error) => unseen(&error),
    }
}

/// Whatever keeps us from looking: the environment is gone, and that was asked for.
fn unseen<T>(error: &kube::Error) -> Option<T> {
    tracing::debug!(%error, "what is left could not be looked at");
    None
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn list(kind: &str, version: &str, items: &[Value]) -> (u16, Value) {
        let (list, version) = (format!("{kind}List"), version.to_owned());
        (200, json!({"apiVersion": version, "kind": list, "metadata": {}, "items": items}))
    }

    fn environment() -> Environment {
        let spec = json!({"project": "shop", "projectRevision": "p-1", "class": "qa"});
        let metadata = json!({"name": "qa", "namespace": "shop"});
        serde_json::from_value(
            json!({"apiVersion": "outboard.dev/v1alpha1", "kind": "Environment", "metadata": metadata, "spec": spec}),
        )
        .unwrap()
    }

    fn volume(name: &str, namespace: &str, policy: &str) -> Value {
        json!({"metadata": {"name": name}, "spec": {"persistentVolumeReclaimPolicy": policy, "storageClassName": "keep",
            "claimRef": {"namespace": namespace, "name": "data-db-0"}}})
    }

    #[tokio::test]
    async fn what_is_left_is_named_with_its_reason_and_what_others_have_is_not() {
        let cluster = crate::fake::cluster(|_, path| {
            let claim = |name: &str, environment: &str| {
                json!({"metadata": {"name": name},
                    "spec": {"controlNamespace": "shop", "project": "shop", "environment": environment}})
            };
            let hostname = |name: &str, environment: &str| json!({"metadata": {"name": name}, "spec": {"environment": environment, "route": "web"}});
            let group = "outboard.dev/v1alpha1";
            Some(if path.contains("/hostclaims") {
                list("HostClaim", group, &[claim("web-qa.dev", "qa"), claim("web-other.dev", "other")])
            } else if path.contains("/hostnames") {
                list("Hostname", group, &[hostname("www.shop", "qa"), hostname("api.shop", "live")])
            } else {
                let volumes = [
                    volume("pv-1", "shop-qa", "Retain"),
                    volume("pv-2", "shop-live", "Retain"),
                    volume("pv-3", "shop-qa", "Delete"),
                ];
                list("PersistentVolume", "v1", &volumes)
            })
        });
        let remains = remains(&cluster, "shop", &environment(), Some("shop-qa")).await;
        let told = |one: &Remaining| format!("{} {}: {}", one.kind, one.name, one.why);
        insta::assert_snapshot!(remains.remaining.iter().map(told).collect::<Vec<_>>().join("\n"), @r"
        host claim web-qa.dev: it was not given back: outboard gc -n shop
        hostname www.shop: it is claimed for qa: outboard hostname release www.shop -n shop
        volume pv-1: storage class keep retains what data-db-0 had: it stays until somebody deletes it
        volume pv-3: it had the data of data-db-0 and is not gone yet
        ");
        assert!(remains.unseen.is_empty());
    }

    #[tokio::test]
    async fn what_may_not_be_looked_at_is_said() {
        let cluster = crate::fake::cluster(|_, path| {
            if path.contains("/hostnames") {
                return Some(list("Hostname", "outboard.dev/v1alpha1", &[]));
            }
            crate::fake::status(403, "no", "Forbidden")
        });
        let remains = remains(&cluster, "shop", &environment(), Some("shop-qa")).await;
        assert_eq!((remains.remaining.len(), remains.unseen), (0, vec!["host claim", "volume"]));
    }
}
