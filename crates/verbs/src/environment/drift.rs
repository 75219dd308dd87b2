//! `env drift`, `env freeze`, `env thaw`: what others changed, and a stated time without healing.

use std::time::Duration;

use api::marks;
use api::{Drift, DriftPolicy, Environment, Freeze};
use apply::kinds::Kind;
use futures::{StreamExt, stream};
use jiff::Timestamp;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
use kube::api::{Api, DynamicObject, ListParams, Patch, PatchParams};
use kube::{Resource, ResourceExt};
use schemars::JsonSchema;
use serde::Serialize;
use serde_json::{Value, json};

use super::{history, read};
use crate::{Cluster, Error, Result};

const ATTEMPTS: usize = 10;
/// So many kinds are listed at the same time.
const AT_ONCE: usize = 4;

/// What others did in an environment.
#[derive(Clone, Debug, JsonSchema, PartialEq, Serialize)]
#[schemars(rename = "DriftReport")]
#[serde(rename_all = "camelCase")]
pub struct Report {
    pub environment: String,
    /// Until when nothing is healed.
    pub frozen_until: Option<String>,
    pub reason: Option<String>,
    /// What its class does about drift; none: it has no revision yet, or we may not read it.
    pub policy: Option<DriftPolicy>,
    /// What stands so now, then what was put back last.
    pub drift: Vec<Drift>,
    /// Objects in its namespace that outboard did not make, as `Deployment mine`; none: we may not look.
    pub extra: Option<Vec<String>>,
}

/// What others changed, and what lies beside what outboard made.
pub async fn drift(cluster: &Cluster, namespace: &str, name: &str) -> Result<Report> {
    let environment = read::get(cluster, namespace, name).await?;
    let status = environment.status.clone().unwrap_or_default();
    let until = environments::plan::drift::frozen_until(&environment, Timestamp::now());
    let extra = match &status.namespace {
        Some(namespace) => extra(cluster, namespace).await,
        None => Some(vec![]),
    };
    let current = history::current(cluster, namespace, &environment).await.ok();
    Ok(Report {
        policy: current.map(|current| current.revision.drift),
        environment: name.to_owned(),
        frozen_until: until.map(|until| until.to_string()),
        reason: environment.spec.freeze.filter(|_| until.is_some()).map(|freeze| freeze.reason),
        drift: status.drift,
        extra,
    })
}

/// Stops healing, and every other change, for a while.
pub async fn freeze(
    cluster: &Cluster,
    namespace: &str,
    name: &str,
    length: Duration,
    reason: &str,
) -> Result<Freeze> {
    let length = jiff::SignedDuration::try_from(length).unwrap_or(jiff::SignedDuration::MAX);
    // By the cluster's clock: a wrong one on this machine must neither shorten nor lengthen what was asked for.
    let until = cluster.now().await.checked_add(length).unwrap_or(Timestamp::MAX);
    let until = Timestamp::from_second(until.as_second()).unwrap_or(until);
    let freeze = Freeze { until: Time(until), reason: reason.to_owned(), by: cluster.user().await };
    write(cluster, namespace, name, &json!({"spec": {"freeze": freeze}})).await?;
    Ok(freeze)
}

/// Ends a freeze: what others changed meanwhile is put back, unless its class leaves drift alone.
pub async fn thaw(cluster: &Cluster, namespace: &str, name: &str) -> Result<Environment> {
    let mut patch = json!({
        "metadata": {"annotations": {(marks::FREEZE_UNTIL): null}},
        "spec": {"freeze": null},
    });
    let environment = read::get(cluster, namespace, name).await?;
    if environment.spec.keeps.is_some() {
        // What was to be kept and could not be is given up with it: else nothing would ever be healed.
        let keeps = history::current(cluster, namespace, &environment).await?.revision.keeps;
        if keeps != environment.spec.keeps {
            patch["spec"]["keeps"] = json!(keeps);
        }
    }
    write(cluster, namespace, name, &patch).await
}

async fn write(cluster: &Cluster, namespace: &str, name: &str, patch: &Value) -> Result<Environment> {
    for _ in 0..ATTEMPTS {
        let current = read::get(cluster, namespace, name).await?;
        if current.meta().deletion_timestamp.is_some() {
            return Err(Error::BeingDestroyed { environment: name.to_owned() });
        }
        let mut patch = patch.clone();
        patch["metadata"]["resourceVersion"] = json!(current.resource_version());
        let api = read::api(cluster, namespace);
        match api.patch(name, &PatchParams::default(), &Patch::Merge(&patch)).await {
            Ok(environment) => return Ok(environment),
            Err(kube::Error::Api(status)) if status.code == 409 => {}
            Err(error) => return Err(cluster.explain(error)),
        }
    }
    Err(Error::Changed { what: format!("environment `{name}`") })
}

/// Whoever may not list a kind gets no half list. In the order of the kinds.
async fn extra(cluster: &Cluster, namespace: &str) -> Option<Vec<String>> {
    let foreign = ListParams::default().labels(&format!("!{}", marks::INSTALL));
    let kinds = Kind::ALL.into_iter().filter(|kind| kind.is_rendered());
    let lists = stream::iter(kinds).map(|kind| {
        let client = cluster.client.clone();
        let foreign = &foreign;
        async move {
            let api = Api::<DynamicObject>::namespaced_with(client, namespace, &kind.resource());
            let list = api.list(foreign).await.ok()?;
            let own = list.iter().filter(|object| object.owner_references().is_empty());
            Some(own.map(|object| format!("{} {}", kind.name(), object.name_any())).collect::<Vec<_>>())
        }
    });
    let lists: Vec<Option<Vec<String>>> = lists.buffered(AT_ONCE).collect().await;
    Some(lists.into_iter().collect::<Option<Vec<_>>>()?.concat())
}
