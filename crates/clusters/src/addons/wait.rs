//! Waits until an add-on has come up, and ends early when it cannot.

use std::fmt::Debug;
use std::time::{Duration, Instant};

use ::apply::Bundle;
use ::apply::cluster_kinds::api_of;
use ::apply::error::is_status;
use k8s_openapi::NamespaceResourceScope;
use k8s_openapi::api::apps::v1::{DaemonSet, ReplicaSet};
use k8s_openapi::api::core::v1::{Node, Pod};
use kube::api::ListParams;
use kube::core::DynamicObject;
use kube::{Api, Client, Resource, ResourceExt};
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

use crate::plan::addons::ready::{self, Ready};
use crate::plan::addons::{Addon, By, Chosen};
use crate::{Error, Event, Result, Sink};

/// A load balancer and a node are there within minutes; longer than this nothing was seen to take.
const LONGEST: Duration = Duration::from_secs(900);
const PAUSE: Duration = Duration::from_secs(2);
const UNINITIALISED: &str = "node.cloudprovider.kubernetes.io/uninitialized";

pub async fn until_ready(client: &Client, one: Chosen, bundle: &Bundle, sink: Sink<'_>) -> Result<()> {
    let (begun, mut told) = (Instant::now(), String::new());
    loop {
        let why = match looked(client, one, bundle).await {
            Ok(Ready::Yes) => return Ok(()),
            Ok(Ready::Never(why)) => return Err(Error::AddonFails { addon: one.addon, why }),
            Ok(Ready::NotYet(why)) => why,
            Err(error) if is_status(&error, 401) || is_status(&error, 403) => {
                return Err(Error::of_addon(one.addon, error.into()));
            }
            // While a second API server joins the first one is away for moments.
            Err(error) => error.to_string(),
        };
        if begun.elapsed() > LONGEST {
            return Err(Error::AddonLate { addon: one.addon, why });
        }
        if told != why {
            sink(Event::Doing { what: format!("{}: {why}", one.addon.word()) });
            told = why;
        }
        tokio::time::sleep(PAUSE).await;
    }
}

/// Whether everything that an add-on waits for is so now.
pub async fn ready(client: &Client, one: Chosen, bundle: &Bundle) -> Result<Ready> {
    looked(client, one, bundle).await.map_err(|error| Error::of_addon(one.addon, error.into()))
}

async fn looked(client: &Client, one: Chosen, bundle: &Bundle) -> Result<Ready, kube::Error> {
    let mut all = Ready::Yes;
    for object in bundle.objects.iter().chain(&brought(one)) {
        let kind = object.types.as_ref().map(|types| types.kind.clone()).unwrap_or_default();
        let Some(api) = api_of(client, object) else { continue };
        if !WAITED_FOR.contains(&kind.as_str()) {
            continue;
        }
        let live = match api.get_opt(&object.name_any()).await {
            Ok(live) => live,
            // Its kind is not served yet.
            Err(error) if is_status(&error, 404) => None,
            Err(error) => return Err(error),
        };
        let Some(live) = live else {
            all = all.and(Ready::NotYet(format!("{kind} {} is not there", object.name_any())));
            continue;
        };
        let mut live = serde_json::to_value(&live).unwrap_or_default();
        live["kind"] = kind.into();
        let pods = pods(client, object.namespace(), &live).await?;
        let lost = match live["kind"] == "DaemonSet" {
            true => ready::lost(&pods, &nodes(client).await?),
            false => 0,
        };
        all = all.and(ready::of_among(&live, lost, &newest(client, &live, pods).await?));
    }
    let taint = match (one.addon, one.by) {
        (Addon::Cni, _) => None,
        (Addon::CloudControllerManager, By::Outboard) => Some(UNINITIALISED),
        _ => return Ok(all),
    };
    Ok(all.and(ready::of_nodes(&nodes(client).await?, taint)))
}

async fn nodes(client: &Client) -> Result<Vec<Value>, kube::Error> {
    let nodes = Api::<Node>::all(client.clone()).list(&ListParams::default()).await?;
    Ok(nodes.iter().map(|node| serde_json::to_value(node).unwrap_or_default()).collect())
}

const WAITED_FOR: [&str; 8] = [
    "APIService",
    "DaemonSet",
    "Deployment",
    "Gateway",
    "GatewayClass",
    "Job",
    "MutatingWebhookConfiguration",
    "ValidatingWebhookConfiguration",
];

/// A node that is ready has a pod network: if that is not ours, a second one would take its pods' addresses away.
pub async fn no_other_network(client: &Client) -> Result<()> {
    let failed = |error: kube::Error| Error::of_addon(Addon::Cni, error.into());
    let ours = Api::<DaemonSet>::namespaced(client.clone(), "kube-flannel").get_opt("flannel").await;
    let mark = api::marks::ADDON;
    if ours.map_err(failed)?.is_some_and(|ours| ours.labels().contains_key(mark)) {
        return Ok(());
    }
    for node in Api::<Node>::all(client.clone()).list(&ListParams::default()).await.map_err(failed)? {
        let value = serde_json::to_value(&node).unwrap_or_default();
        if ready::of_nodes(std::slice::from_ref(&value), None) == Ready::Yes {
            let what =
                format!("node {} is ready, so there is a pod network that others made", node.name_any());
            return Err(Error::AddonTaken { addon: Addon::Cni, what, takes_more: true });
        }
    }
    Ok(())
}

/// What others bring is waited for as well.
fn brought(one: Chosen) -> Vec<DynamicObject> {
    let of = |kind: &str, name: &str| {
        let value = json!({"apiVersion": "apps/v1", "kind": kind, "metadata": {"name": name, "namespace": "kube-system"}});
        serde_json::from_value(value).ok()
    };
    let known = match (one.addon, one.by) {
        (Addon::Coredns, _) => of("Deployment", "coredns"),
        (Addon::Cni, By::Eks) => of("DaemonSet", "aws-node"),
        (Addon::EbsCsi, By::EksAndOutboard) => of("Deployment", "ebs-csi-controller"),
        (Addon::Outboard, _) => {
            let value = json!({"apiVersion": "apps/v1", "kind": "Deployment",
                "metadata": {"name": "outboard-operator", "namespace": "outboard-system"}});
            serde_json::from_value(value).ok()
        }
        _ => None,
    };
    known.into_iter().collect()
}

async fn pods(client: &Client, namespace: Option<String>, object: &Value) -> Result<Vec<Value>, kube::Error> {
    match namespace.zip(selector(object)) {
        Some((namespace, labels)) => listed::<Pod>(client, &namespace, &labels).await,
        None => Ok(Vec::new()),
    }
}

/// Those of an object's newest template: nothing is said by what becomes of earlier ones.
async fn newest(client: &Client, object: &Value, pods: Vec<Value>) -> Result<Vec<Value>, kube::Error> {
    let sets = match (object["kind"].as_str(), object["metadata"]["namespace"].as_str(), selector(object)) {
        (Some("Job"), ..) => return Ok(pods),
        (Some("Deployment"), Some(namespace), Some(labels)) => {
            listed::<ReplicaSet>(client, namespace, &labels).await?
        }
        _ => Vec::new(),
    };
    let Some((label, value)) = ready::newest(object, &sets) else { return Ok(Vec::new()) };
    Ok(pods.into_iter().filter(|pod| pod["metadata"]["labels"][label] == value.as_str()).collect())
}

fn selector(object: &Value) -> Option<String> {
    let labels = object.pointer("/spec/selector/matchLabels")?.as_object()?;
    let labels = labels.iter().map(|(key, value)| format!("{key}={}", value.as_str().unwrap_or_default()));
    Some(labels.collect::<Vec<_>>().join(","))
}

async fn listed<K>(client: &Client, namespace: &str, labels: &str) -> Result<Vec<Value>, kube::Error>
where
    K: Resource<Scope = NamespaceResourceScope, DynamicType = ()>
        + Clone
        + DeserializeOwned
        + Serialize
        + Debug,
{
    let api = Api::<K>::namespaced(client.clone(), namespace);
    let list = api.list(&ListParams::default().labels(labels)).await?;
    Ok(list.iter().map(|one| serde_json::to_value(one).unwrap_or_default()).collect())
}
