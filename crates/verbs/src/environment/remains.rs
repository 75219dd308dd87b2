//! What is left of an environment that was destroyed: what stays on purpose, and what should not be there.

use std::fmt::Debug;

use api::{Environment, HostClaim, Hostname, KeptVolume, marks};
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
    /// Kinds that could not be looked at. The environment is gone all the same.
    pub unseen: Vec<Unseen>,
}

#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Unseen {
    pub kind: &'static str,
    pub why: String,
}

impl Remains {
    async fn look<K>(
        &mut self,
        kind: &'static str,
        (cluster, api): (&Cluster, Api<K>),
        judge: impl Fn(&K) -> Option<String>,
    ) where
        K: Resource<DynamicType = ()> + Clone + Debug + DeserializeOwned,
    {
        match gc::all(api).await {
            Ok(found) => {
                let left = |one: &K| Some(Remaining { kind, name: one.name_any(), why: judge(one)? });
                self.remaining.extend(found.iter().filter_map(left));
            }
            Err(error) => self.unseen.push(Unseen { kind, why: cluster.explain(error).to_string() }),
        }
    }
}

pub(super) async fn remains(
    cluster: &Cluster,
    namespace: &str,
    existing: &Environment,
    ran_in: Option<&str>,
    kept: &[KeptVolume],
) -> Remains {
    let name = existing.name_any();
    let client = || cluster.client.clone();
    let mut remains = Remains::default();
    remains
        .look("host claim", (cluster, Api::all(client())), |claim: &HostClaim| {
            let spec = &claim.spec;
            let its = spec.control_namespace == namespace
                && spec.environment == name
                && spec.project == existing.spec.project;
            its.then(|| format!("it was not given back: outboard gc -n {namespace}"))
        })
        .await;
    remains
        .look("hostname", (cluster, Api::namespaced(client(), namespace)), |hostname: &Hostname| {
            let host = hostname.name_any();
            (hostname.spec.environment == name)
                .then(|| format!("it is claimed for {name}: outboard hostname release {host} -n {namespace}"))
        })
        .await;
    if let Some(ran_in) = ran_in {
        remains
            .look("volume", (cluster, Api::all(client())), |volume: &PersistentVolume| {
                left(volume, ran_in, &name, kept)
            })
            .await;
    }
    remains
}

/// Only such volumes are left as are retained: teardown waits for the others. `kept`: what the receipt names besides.
fn left(volume: &PersistentVolume, ran_in: &str, environment: &str, kept: &[KeptVolume]) -> Option<String> {
    let spec = volume.spec.as_ref()?;
    if kept.iter().any(|kept| kept.volume == volume.name_any()) {
        return None;
    }
    let claim = spec.claim_ref.as_ref().filter(|claim| claim.namespace.as_deref() == Some(ran_in))?;
    let claim = claim.name.as_deref().unwrap_or_default();
    let mark = |key: &str| volume.annotations().get(key);
    Some(match (spec.persistent_volume_reclaim_policy.as_deref(), mark(marks::KEPT_UNTIL)) {
        (Some("Retain"), Some(until)) if mark(marks::KEPT_WITH).is_some() => {
            format!("an earlier {environment} had it as {claim}: it is kept until {until}")
        }
        (Some("Retain"), _) => {
            let class = spec.storage_class_name.as_deref().filter(|class| !class.is_empty());
            let whose = class.map_or_else(|| "it".to_owned(), |class| format!("storage class {class}"));
            format!("{whose} retains what {claim} had: it stays until somebody deletes it")
        }
        _ => format!("it had the data of {claim} and is not gone yet"),
    })
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

    /// The receipt names it as kept.
    fn kept() -> KeptVolume {
        serde_json::from_value(json!({"claim": "data-db-0", "service": "db", "size": "1Gi", "volume": "pv-4",
            "until": "2026-12-04T00:00:00Z"}))
        .unwrap()
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
                let mut earlier = volume("pv-5", "shop-qa", "Retain");
                earlier["metadata"]["annotations"] = json!({"outboard.dev/kept-with": "qa-v0",
                    "outboard.dev/kept-until": "2026-12-03T00:00:00Z"});
                let volumes = [
                    volume("pv-1", "shop-qa", "Retain"),
                    volume("pv-2", "shop-live", "Retain"),
                    volume("pv-3", "shop-qa", "Delete"),
                    volume("pv-4", "shop-qa", "Retain"),
                    earlier,
                ];
                list("PersistentVolume", "v1", &volumes)
            })
        });
        let remains = remains(&cluster, "shop", &environment(), Some("shop-qa"), &[kept()]).await;
        let told = |one: &Remaining| format!("{} {}: {}", one.kind, one.name, one.why);
        insta::assert_snapshot!(remains.remaining.iter().map(told).collect::<Vec<_>>().join("\n"), @r"
        host claim web-qa.dev: it was not given back: outboard gc -n shop
        hostname www.shop: it is claimed for qa: outboard hostname release www.shop -n shop
        volume pv-1: storage class keep retains what data-db-0 had: it stays until somebody deletes it
        volume pv-3: it had the data of data-db-0 and is not gone yet
        volume pv-5: an earlier qa had it as data-db-0: it is kept until 2026-12-03T00:00:00Z
        ");
        assert!(remains.unseen.is_empty());
    }

    #[tokio::test]
    async fn what_could_not_be_looked_at_is_said_with_its_reason() {
        let cluster = crate::fake::cluster(|_, path| {
            if path.contains("/hostnames") {
                return Some(list("Hostname", "outboard.dev/v1alpha1", &[]));
            }
            if path.contains("/hostclaims") {
                return crate::fake::status(403, "hostclaims.outboard.dev is forbidden", "Forbidden");
            }
            None
        });
        let remains = remains(&cluster, "shop", &environment(), Some("shop-qa"), &[kept()]).await;
        assert!(remains.remaining.is_empty());
        let told = |one: &Unseen| format!("{}: {}", one.kind, one.why);
        insta::assert_snapshot!(remains.unseen.iter().map(told).collect::<Vec<_>>().join("\n"), @r"
        host claim: Kubernetes refused: hostclaims.outboard.dev is forbidden
        volume: cannot reach the cluster at https://here:6443: connection refused
        ");
    }
}
