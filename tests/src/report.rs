//! What a failed story leaves for whoever looks into it: environments, pods, events and the operator's log.

use anyhow::Result;
use k8s_openapi::api::core::v1::{Event, Pod};
use kube::ResourceExt;
use kube::api::{Api, ListParams, LogParams};
use serde_json::json;

use crate::World;
use crate::cluster;

const EVENTS: usize = 30;
const LINES: usize = 60;

/// Prints as much as can be had.
pub async fn print(world: &World) {
    println!("---- state of {}", world.name);
    for section in [environments(world).await, namespaces(world).await, operator(world).await] {
        match section {
            Ok(text) => println!("{text}"),
            Err(error) => println!("(cannot be read: {error:#})"),
        }
    }
    println!("---- end of state");
}

async fn environments(world: &World) -> Result<String> {
    let mut text = String::new();
    for environment in world.environments().list(&ListParams::default()).await? {
        let value = json!({
            "name": environment.name_any(),
            "deleted": environment.metadata.deletion_timestamp,
            "finalizers": environment.metadata.finalizers,
            "generation": environment.metadata.generation,
            "spec": environment.spec,
            "status": environment.status,
        });
        text.push_str(&serde_saphyr::to_string(&value)?);
    }
    Ok(text)
}

async fn namespaces(world: &World) -> Result<String> {
    let mut text = String::new();
    for namespace in world.namespaces().await? {
        text.push_str(&format!("namespace {namespace}\n"));
        for pod in cluster::pods(&world.client, &namespace).await? {
            text.push_str(&format!("  pod {}\n", of_pod(&pod)));
        }
        let events = Api::<Event>::namespaced(world.client.clone(), &namespace);
        let mut events = events.list(&ListParams::default()).await?.items;
        events.sort_by_key(|event| event.metadata.creation_timestamp.as_ref().map(|time| time.0));
        for event in events.iter().rev().take(EVENTS).rev() {
            let about = event.involved_object.name.as_deref().unwrap_or_default();
            let (reason, message) =
                (event.reason.as_deref().unwrap_or_default(), event.message.as_deref().unwrap_or_default());
            text.push_str(&format!("  event {about}: {reason}: {message}\n"));
        }
    }
    Ok(text)
}

fn of_pod(pod: &Pod) -> String {
    let status = pod.status.clone().unwrap_or_default();
    let containers = status.container_statuses.unwrap_or_default();
    let containers: Vec<String> = containers
        .iter()
        .map(|one| {
            let state = json!(one.state);
            format!("{} ready={} restarts={} {state}", one.name, one.ready, one.restart_count)
        })
        .collect();
    format!("{} {}: {}", pod.name_any(), status.phase.unwrap_or_default(), containers.join("; "))
}

/// Of the operator in the cluster, and of one that the story ran itself.
async fn operator(world: &World) -> Result<String> {
    let mut text = String::new();
    if let Ok(log) = std::fs::read_to_string(world.directory().join("operator.log")) {
        text.push_str(&format!("operator on this machine:\n{}\n", last_lines(&log)));
    }
    let pods = Api::<Pod>::namespaced(world.client.clone(), "outboard-system");
    for pod in pods.list(&ListParams::default()).await? {
        let params = LogParams { tail_lines: Some(500), ..LogParams::default() };
        let log = pods.logs(&pod.name_any(), &params).await?;
        // Other worlds are of no interest; what names none may be.
        let ours: String = log
            .lines()
            .filter(|line| line.contains(&world.name) || !line.contains("shop-"))
            .map(|line| format!("{line}\n"))
            .collect();
        text.push_str(&format!("operator {}:\n{}\n", pod.name_any(), last_lines(&ours)));
    }
    Ok(text)
}

fn last_lines(log: &str) -> String {
    let lines: Vec<&str> = log.lines().collect();
    lines[lines.len().saturating_sub(LINES)..].join("\n")
}
