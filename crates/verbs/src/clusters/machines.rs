//! The cluster that is spoken to, as whoever asks may see it: its version, its machines, and what room is left on them.

use std::collections::BTreeMap;

use environments::plan::quantity::thousandths;
use k8s_openapi::api::core::v1::{Node, Pod};
use k8s_openapi::apimachinery::pkg::api::resource::Quantity;
use kube::api::ListParams;
use kube::{Api, ResourceExt};
use schemars::JsonSchema;
use serde::Serialize;

use crate::environment::Unread;
use crate::{Cluster, Result};

mod asked;

/// Pods are read page by page, and summed up; none is kept.
const PAGE: u32 = 500;
/// No further than this: somebody is waiting.
const PAGES: usize = 40;
const POOL: [&str; 3] = ["eks.amazonaws.com/nodegroup", "outboard.dev/pool", "karpenter.sh/nodepool"];

/// What can be said of it.
#[derive(Clone, Debug, JsonSchema, PartialEq, Serialize)]
#[schemars(rename = "Cluster")]
#[serde(rename_all = "camelCase")]
pub struct Here {
    pub server: String,
    pub kubernetes: Option<String>,
    /// By name.
    pub machines: Vec<Machine>,
    /// What could not be read, and why.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    #[schemars(default)]
    pub unread: Vec<Unread>,
}

/// A node.
#[derive(Clone, Debug, JsonSchema, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Machine {
    pub name: String,
    pub ready: bool,
    /// Nothing new is put there.
    pub cordoned: bool,
    /// What is wrong with it.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    #[schemars(default)]
    pub troubles: Vec<String>,
    pub roles: Vec<String>,
    /// Such as `m6i.large`.
    pub instance: Option<String>,
    pub zone: Option<String>,
    pub pool: Option<String>,
    pub kubelet: Option<String>,
    pub created: Option<String>,
    /// In thousandths of a processor.
    pub cpu_millis: Room,
    pub memory_bytes: Room,
    pub pods: Room,
}

/// How much of something there is for pods.
#[derive(Clone, Copy, Debug, Default, Eq, JsonSchema, PartialEq, Serialize)]
pub struct Room {
    pub there: u64,
    /// What pods on it ask for; none: that could not be read.
    pub asked: Option<u64>,
}

/// Looks at it. That something may not be read is no error: it is said.
pub async fn here(cluster: &Cluster) -> Here {
    let mut unread = vec![];
    let mut miss = |what: &str, error: &crate::Error| {
        unread.push(Unread { what: what.to_owned(), why: error.to_string() });
    };
    let version = cluster.client.apiserver_version().await.map_err(|error| cluster.explain(error));
    let kubernetes = version.map_err(|error| miss("its version", &error)).ok();
    let nodes = Api::<Node>::all(cluster.client.clone()).list(&ListParams::default()).await;
    let nodes = nodes.map_err(|error| miss("its nodes", &cluster.explain(error)));
    let mut machines: Vec<Machine> = nodes.iter().flatten().map(machine).collect();
    machines.sort_by(|one, other| one.name.cmp(&other.name));
    if !machines.is_empty() {
        match asked(cluster).await {
            Ok(Some(asked)) => machines.iter_mut().for_each(|machine| {
                let theirs = asked.get(&machine.name).copied().unwrap_or_default();
                machine.cpu_millis.asked = Some(theirs.cpu_millis);
                machine.memory_bytes.asked = Some(theirs.memory_bytes);
                machine.pods.asked = Some(theirs.pods);
            }),
            Ok(None) => unread.push(Unread {
                what: "what pods ask for".to_owned(),
                why: format!("there are more than {} of them", PAGES * PAGE as usize),
            }),
            Err(error) => miss("what pods ask for", &error),
        }
    }
    Here {
        server: cluster.server.clone(),
        kubernetes: kubernetes.map(|version| version.git_version),
        machines,
        unread,
    }
}

/// By node; none: there are too many.
async fn asked(cluster: &Cluster) -> Result<Option<BTreeMap<String, asked::Demand>>> {
    let pods = Api::<Pod>::all(cluster.client.clone());
    let living = "status.phase!=Succeeded,status.phase!=Failed";
    let mut params = ListParams::default().fields(living).limit(PAGE);
    let mut sums = BTreeMap::<String, asked::Demand>::new();
    for _ in 0..PAGES {
        let page = pods.list(&params).await.map_err(|error| cluster.explain(error))?;
        for pod in &page.items {
            let Some(spec) = &pod.spec else { continue };
            if let Some(node) = &spec.node_name {
                sums.entry(node.clone()).or_default().add(spec);
            }
        }
        match page.metadata.continue_.filter(|token| !token.is_empty()) {
            Some(token) => params = params.continue_token(&token),
            None => return Ok(Some(sums)),
        }
    }
    Ok(None)
}

fn amount(quantities: Option<&BTreeMap<String, Quantity>>, of: &str) -> i64 {
    quantities.and_then(|all| thousandths(&all.get(of)?.0)).unwrap_or_default()
}

fn room(thousandths: i64) -> Room {
    Room { there: u64::try_from(thousandths).unwrap_or_default(), asked: None }
}

fn machine(node: &Node) -> Machine {
    let label = |name: &str| node.labels().get(name).cloned();
    let roles = node.labels().keys().filter_map(|name| name.strip_prefix("node-role.kubernetes.io/"));
    let (spec, status) = (node.spec.clone().unwrap_or_default(), node.status.clone().unwrap_or_default());
    let conditions = status.conditions.unwrap_or_default();
    let ready = conditions.iter().any(|one| one.type_ == "Ready" && one.status == "True");
    let troubles = conditions.iter().filter(|one| (one.type_ == "Ready") != (one.status == "True"));
    let troubles = troubles.filter(|one| one.type_ == "Ready" || one.status == "True");
    let there = |of: &str| amount(status.allocatable.as_ref(), of);
    Machine {
        name: node.name_any(),
        ready,
        cordoned: spec.unschedulable.unwrap_or_default(),
        troubles: troubles
            .map(|one| {
                let message = one.message.as_deref().or(one.reason.as_deref()).unwrap_or_default();
                format!("{}: {message}", if one.type_ == "Ready" { "NotReady" } else { one.type_.as_str() })
            })
            .collect(),
        roles: roles.map(str::to_owned).collect(),
        instance: label("node.kubernetes.io/instance-type"),
        zone: label("topology.kubernetes.io/zone"),
        pool: POOL.iter().find_map(|name| label(name)),
        kubelet: status.node_info.map(|info| info.kubelet_version),
        created: node.creation_timestamp().map(|time| time.0.to_string()),
        cpu_millis: room(there("cpu")),
        memory_bytes: room(there("memory") / 1000),
        pods: room(there("pods") / 1000),
    }
}

#[cfg(test)]
mod tests;
