//! Waits until an add-on has come up, and ends early when it cannot.

use std::time::{Duration, Instant};

use ::apply::Bundle;
use ::apply::cluster_kinds::api_of;
use k8s_openapi::api::apps::v1::DaemonSet;
use k8s_openapi::api::core::v1::{Node, Pod};
use kube::api::ListParams;
use kube::core::DynamicObject;
use kube::{Api, Client, ResourceExt};
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
        let why = match ready(client, one, bundle).await? {
            Ready::Yes => return Ok(()),
            Ready::Never(why) => return Err(Error::AddonFails { addon: one.addon, why }),
            Ready::NotYet(why) => why,
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
    let failed = |error: kube::Error| Error::of_addon(one.addon, error.into());
    let (mut all, mut down) = (Ready::Yes, 0);
    for object in bundle.objects.iter().chain(&brought(one)) {
        let kind = object.types.as_ref().map(|types| types.kind.clone()).unwrap_or_default();
        let Some(api) = api_of(client, object) else { continue };
        if !WAITED_FOR.contains(&kind.as_str()) {
            continue;
        }
        let live = match api.get_opt(&object.name_any()).await {
            Ok(live) => live,
            // Its kind is not served yet.
            Err(error) if ::apply::error::is_status(&error, 404) => None,
            Err(error) => return Err(failed(error)),
        };
        let Some(live) = live else {
            all = all.and(Ready::NotYet(format!("{kind} {} is not there", object.name_any())));
            continue;
        };
        let mut live = serde_json::to_value(&live).unwrap_or_default();
        live["kind"] = kind.into();
        if kind_is_daemon(&live) {
            down = down_nodes(client).await.map_err(failed)?;
        }
        all = all.and(ready::of_among(
            &live,
            down,
            &pods(client, object.namespace(), &live).await.map_err(failed)?,
        ));
    }
    let taint = match (one.addon, one.by) {
        (Addon::Cni, _) => None,
        (Addon::CloudControllerManager, By::Outboard) => Some(UNINITIALISED),
        _ => return Ok(all),
    };
    let nodes = Api::<Node>::all(client.clone()).list(&ListParams::default()).await.map_err(failed)?;
    let nodes: Vec<Value> = nodes.iter().map(|node| serde_json::to_value(node).unwrap_or_default()).collect();
    Ok(all.and(ready::of_nodes(&nodes, taint)))
}

fn kind_is_daemon(live: &Value) -> bool {
    live["kind"] == "DaemonSet"
}

/// Nodes that nobody hears of: their pods will not become ready, and are no reason to wait.
async fn down_nodes(client: &Client) -> Result<u64, kube::Error> {
    let nodes = Api::<Node>::all(client.clone()).list(&ListParams::default()).await?;
    let values = nodes.iter().map(|node| serde_json::to_value(node).unwrap_or_default());
    Ok(values.filter(ready::is_down).count() as u64)
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
            return Err(Error::AddonTaken { addon: Addon::Cni, what });
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
    let selector = object.pointer("/spec/selector/matchLabels").and_then(Value::as_object);
    let (Some(namespace), Some(selector)) = (namespace, selector) else { return Ok(Vec::new()) };
    let labels: Vec<String> =
        selector.iter().map(|(key, value)| format!("{key}={}", value.as_str().unwrap_or_default())).collect();
    let pods = Api::<Pod>::namespaced(client.clone(), &namespace);
    let listed = pods.list(&ListParams::default().labels(&labels.join(","))).await?;
    Ok(listed.iter().map(|pod| serde_json::to_value(pod).unwrap_or_default()).collect())
}
