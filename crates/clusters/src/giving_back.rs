//! Has a cluster's own Kubernetes give back what it has outside of the cluster, while there is somebody to do that: hostnames, load
//! balancers, volumes. What is not given back in time is told, and left to the sweep.

use std::time::{Duration, Instant};

use ::apply::error::is_status;
use api::{Environment, Hostname};
use k8s_openapi::api::apps::v1::Deployment;
use k8s_openapi::api::core::v1::{Node, PersistentVolume, PersistentVolumeClaim, Pod, Service};
use kube::api::{ApiResource, DeleteParams, ListParams, Patch, PatchParams};
use kube::core::{DynamicObject, GroupVersionKind};
use kube::{Api, Client, Resource, ResourceExt};
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

use crate::plan::giving_back::{self as plan, Agreed, Name, place};
use crate::{Error, Event, Result, Sink};

/// Route 53 is in sync within minutes, and load balancers and volumes go within one.
const LONGEST: Duration = Duration::from_secs(600);
const PAUSE: Duration = Duration::from_secs(2);
const MANAGER: &str = "outboard-clusters";
const AUTOSCALER: &str = "cluster-autoscaler";

/// What came of a phase: how much was given back, and what was not.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct GivenBack {
    pub count: usize,
    pub left: Vec<String>,
    /// Whether something of the cluster is kept from working for it.
    pub holds: bool,
}

impl GivenBack {
    pub fn said(&self, what: &str) -> String {
        let mut text = format!("{} {what} given back", self.count);
        if !self.left.is_empty() {
            text.push_str(&format!(", not in time: {}", self.left.join(", ")));
        }
        text
    }
}

/// Environments that Kubernetes would not let go, or that nobody was shown: nothing is begun then.
pub async fn held(client: &Client, agreed: &Agreed) -> Result<Vec<String>> {
    let all = names::<Environment>(client).await?.unwrap_or_default();
    let unseen = agreed.unseen(&all).into_iter();
    let mut refused: Vec<String> = unseen.map(|name| format!("{} was made meanwhile", place(name))).collect();
    for name in all {
        let trial = DeleteParams { dry_run: true, ..DeleteParams::default() };
        match Api::<Environment>::namespaced(client.clone(), &name.0).delete(&name.1, &trial).await {
            Err(kube::Error::Api(status)) if matches!(status.code, 403 | 422) => {
                refused.push(format!("{}: {}", place(&name), status.message));
            }
            Err(error) if !is_status(&error, 404) => return Err(failed(error)),
            _ => {}
        }
    }
    Ok(refused)
}

/// Names of their own, and environments with theirs. Nobody but outboard's operator takes records away.
pub async fn hostnames(client: &Client, keep_volumes: bool, sink: Sink<'_>) -> Result<GivenBack> {
    // An outboard of before may know no hostnames, and have environments all the same.
    let named = names::<Hostname>(client).await?.unwrap_or_default();
    let environments = names::<Environment>(client).await?.unwrap_or_default();
    if named.is_empty() && environments.is_empty() {
        return Ok(GivenBack::default());
    }
    let all = || {
        let hosts = named.iter().map(|name| format!("host {}", name.1));
        hosts.chain(environments.iter().map(|name| format!("environment {}", place(name))))
    };
    let operators = Api::<Deployment>::namespaced(client.clone(), "outboard-system");
    let operator = operators.get_opt("outboard-operator").await.map_err(failed)?;
    if operator.and_then(|one| one.status?.available_replicas).unwrap_or_default() == 0 {
        // Their finalizers would hold them, and nothing would become of it.
        return Ok(GivenBack {
            left: all().map(|one| format!("{one} (no operator runs)")).collect(),
            ..GivenBack::default()
        });
    }
    if keep_volumes {
        retain(client).await?;
    }
    for name in &named {
        gone(
            Api::<Hostname>::namespaced(client.clone(), &name.0)
                .delete(&name.1, &DeleteParams::default())
                .await,
        )?;
    }
    for name in &environments {
        let api = Api::<Environment>::namespaced(client.clone(), &name.0);
        gone(api.delete(&name.1, &DeleteParams::default()).await)?;
    }
    let left = until_gone(sink, async || {
        let hosts = names::<Hostname>(client).await?.unwrap_or_default();
        let left = hosts.iter().map(|name| format!("host {}", name.1)).collect::<Vec<_>>();
        let others = names::<Environment>(client).await?.unwrap_or_default();
        Ok([left, others.iter().map(|name| format!("environment {}", place(name))).collect()].concat())
    })
    .await?;
    let count = (named.len() + environments.len()).saturating_sub(left.len());
    Ok(GivenBack { count, left, holds: keep_volumes })
}

/// Load balancers of Services, with the Gateways that would make them anew.
pub async fn balancers(client: &Client, sink: Sink<'_>) -> Result<GivenBack> {
    let found = plan::balancers(&listed::<Service>(client).await?);
    for gateway in found.iter().filter_map(|one| one.gateway.as_ref()) {
        let kind = GroupVersionKind::gvk("gateway.networking.k8s.io", "v1", "Gateway");
        let resource = ApiResource::from_gvk_with_plural(&kind, "gateways");
        let api = Api::<DynamicObject>::namespaced_with(client.clone(), &gateway.0, &resource);
        gone(api.delete(&gateway.1, &DeleteParams::default()).await)?;
    }
    for one in &found {
        let api = Api::<Service>::namespaced(client.clone(), &one.service.0);
        gone(api.delete(&one.service.1, &DeleteParams::default()).await)?;
    }
    let left = until_gone(sink, async || {
        let there = plan::balancers(&listed::<Service>(client).await?);
        Ok(there.iter().map(|one| format!("Service {}", place(&one.service))).collect())
    })
    .await?;
    Ok(GivenBack { count: found.len().saturating_sub(left.len()), left, holds: false })
}

/// Volumes of claims. Pods that use them are made anew by whoever looks after them, so no node takes a pod any more.
pub async fn volumes(client: &Client, sink: Sink<'_>) -> Result<GivenBack> {
    let going = plan::volumes(&listed::<PersistentVolume>(client).await?);
    if going.is_empty() {
        return Ok(GivenBack::default());
    }
    stand_still(client).await?;
    let claims = plan::claims(&listed::<PersistentVolumeClaim>(client).await?, &going);
    for claim in &claims {
        let api = Api::<PersistentVolumeClaim>::namespaced(client.clone(), &claim.0);
        gone(api.delete(&claim.1, &DeleteParams::default()).await)?;
    }
    for pod in plan::users(&listed::<Pod>(client).await?, &claims) {
        gone(Api::<Pod>::namespaced(client.clone(), &pod.0).delete(&pod.1, &DeleteParams::default()).await)?;
    }
    let left = until_gone(sink, async || {
        let there = plan::volumes(&listed::<PersistentVolume>(client).await?);
        Ok(there
            .into_iter()
            .filter(|one| going.contains(one))
            .map(|one| format!("PersistentVolume {one}"))
            .collect())
    })
    .await?;
    Ok(GivenBack { count: going.len().saturating_sub(left.len()), left, holds: true })
}

/// No node takes a pod, and none is added for pods that find no room.
async fn stand_still(client: &Client) -> Result<()> {
    let params = PatchParams { field_manager: Some(MANAGER.to_owned()), ..PatchParams::default() };
    let deployments = Api::<Deployment>::namespaced(client.clone(), "kube-system");
    if let Some(scaler) = deployments.get_opt(AUTOSCALER).await.map_err(failed)?
        && let Some(replicas) = scaler.spec.and_then(|spec| spec.replicas).filter(|count| *count > 0)
    {
        let mark = json!({plan::REPLICAS: replicas.to_string()});
        let none = Patch::Merge(json!({"metadata": {"annotations": mark}, "spec": {"replicas": 0}}));
        gone(deployments.patch(AUTOSCALER, &params, &none).await)?;
    }
    let nodes = Api::<Node>::all(client.clone());
    for node in plan::open(&listed::<Node>(client).await?) {
        let mark = json!({plan::CORDONED: "true"});
        let cordoned =
            Patch::Merge(json!({"metadata": {"annotations": mark}, "spec": {"unschedulable": true}}));
        gone(nodes.patch(&node, &params, &cordoned).await)?;
    }
    Ok(())
}

/// Lets nodes take pods again that a destruction kept from it, and no others; how many those were. Volumes that it kept go with
/// their claims again.
pub async fn stand_up(client: &Client) -> Result<usize> {
    let params = PatchParams { field_manager: Some(MANAGER.to_owned()), ..PatchParams::default() };
    let api = Api::<PersistentVolume>::all(client.clone());
    for volume in plan::retained(&listed::<PersistentVolume>(client).await?) {
        let mark = json!({plan::RETAINED: null});
        let going = Patch::Merge(
            json!({"metadata": {"annotations": mark}, "spec": {"persistentVolumeReclaimPolicy": "Delete"}}),
        );
        gone(api.patch(&volume, &params, &going).await)?;
    }
    let deployments = Api::<Deployment>::namespaced(client.clone(), "kube-system");
    if let Some(scaler) = deployments.get_opt(AUTOSCALER).await.map_err(failed)?
        && let Some(replicas) =
            scaler.annotations().get(plan::REPLICAS).and_then(|text| text.parse::<i32>().ok())
    {
        let mark = json!({plan::REPLICAS: null});
        let again = Patch::Merge(json!({"metadata": {"annotations": mark}, "spec": {"replicas": replicas}}));
        gone(deployments.patch(AUTOSCALER, &params, &again).await)?;
    }
    let nodes = Api::<Node>::all(client.clone());
    let closed = plan::closed(&listed::<Node>(client).await?);
    for node in &closed {
        let mark = json!({plan::CORDONED: null});
        let open = Patch::Merge(json!({"metadata": {"annotations": mark}, "spec": {"unschedulable": null}}));
        gone(nodes.patch(node, &params, &open).await)?;
    }
    Ok(closed.len())
}

/// Whoever wants to keep volumes keeps them also from what goes with its environment.
async fn retain(client: &Client) -> Result<()> {
    let params = PatchParams { field_manager: Some(MANAGER.to_owned()), ..PatchParams::default() };
    let api = Api::<PersistentVolume>::all(client.clone());
    for volume in plan::volumes(&listed::<PersistentVolume>(client).await?) {
        let mark = json!({plan::RETAINED: "true"});
        let kept = Patch::Merge(
            json!({"metadata": {"annotations": mark}, "spec": {"persistentVolumeReclaimPolicy": "Retain"}}),
        );
        gone(api.patch(&volume, &params, &kept).await)?;
    }
    Ok(())
}

/// Waits until nothing is left of it; what is left when that takes too long.
async fn until_gone(sink: Sink<'_>, look: impl AsyncFn() -> Result<Vec<String>>) -> Result<Vec<String>> {
    let (begun, mut told) = (Instant::now(), None);
    loop {
        // An API server that is being replaced is away for a moment.
        let left = match look().await {
            Err(_) if begun.elapsed() < LONGEST => {
                tokio::time::sleep(PAUSE).await;
                continue;
            }
            looked => looked?,
        };
        if left.is_empty() || begun.elapsed() > LONGEST {
            return Ok(left);
        }
        if told != Some(left.len()) {
            let more = left.len().saturating_sub(1);
            let more = if more > 0 { format!(" and {more} more") } else { String::new() };
            sink(Event::Doing { what: format!("waiting for {}{more}", left[0]) });
            told = Some(left.len());
        }
        tokio::time::sleep(PAUSE).await;
    }
}

/// Every object of a kind as values.
async fn listed<K>(client: &Client) -> Result<Vec<Value>>
where
    K: Resource<DynamicType = ()> + Clone + DeserializeOwned + Serialize + std::fmt::Debug,
{
    let list = Api::<K>::all(client.clone()).list(&ListParams::default()).await.map_err(failed)?;
    Ok(list.items.iter().map(|one| serde_json::to_value(one).unwrap_or_default()).collect())
}

/// Names of all objects of a kind; none where it is not installed.
async fn names<K>(client: &Client) -> Result<Option<Vec<Name>>>
where
    K: Resource<DynamicType = ()> + Clone + DeserializeOwned + std::fmt::Debug,
{
    match Api::<K>::all(client.clone()).list_metadata(&ListParams::default()).await {
        Ok(list) => {
            let name = |meta: kube::core::ObjectMeta| {
                (meta.namespace.unwrap_or_default(), meta.name.unwrap_or_default())
            };
            Ok(Some(list.items.into_iter().map(|one| name(one.metadata)).collect()))
        }
        Err(error) if is_status(&error, 404) => Ok(None),
        Err(error) => Err(failed(error)),
    }
}

fn gone<T>(outcome: kube::Result<T>) -> Result<()> {
    match outcome {
        Err(error) if !is_status(&error, 404) => Err(failed(error)),
        _ => Ok(()),
    }
}

fn failed(error: kube::Error) -> Error {
    let why = match error {
        kube::Error::Api(status) => status.message,
        other => other.to_string(),
    };
    Error::GivingBack { why }
}
