//! How many of a service run, and what each may use.

use api::problem::pointer;
use api::project::Scale;
use serde_json::Value;

use super::super::quantity::{self, word};
use super::service::Service;

pub fn deploy(service: &mut Service<'_, '_>, value: &Value, at: &str) {
    let Value::Object(map) = value else {
        service.wrong(at, "it is a map");
        return;
    };
    for (key, value) in map {
        let at = pointer(at, key);
        match key.as_str() {
            "replicas" => replicas(service, value, &at),
            "resources" => resources(service, value, &at),
            "restart_policy" => {}
            "mode" if value.as_str() == Some("replicated") => {}
            "mode" => service.left(&at, "outboard runs a number of replicas, not one on each node", ""),
            "update_config" | "rollback_config" => {
                let message =
                    "how it is replaced is outboard's own: a new replica serves before an old one goes";
                service.left(&at, message, "");
            }
            "placement" => {
                let instead = "`pod: {nodeSelector: {…}}` narrows the choice in Kubernetes' own words";
                service.left(&at, "on which node it runs is Kubernetes' to choose", instead);
            }
            "labels" => service.left(&at, "labels of it are outboard's own", ""),
            _ => service.left(&at, format!("`deploy.{key}` has no counterpart"), ""),
        }
    }
}

pub fn replicas(service: &mut Service<'_, '_>, value: &Value, at: &str) {
    match word(value).and_then(|text| text.parse::<u32>().ok()) {
        Some(1) => {}
        Some(min @ 2..=1000) => service.part.component.scale = Some(Scale::of(min)),
        Some(0) => {
            service.todo(at, "it does not run at all there, and does here", "remove it if nobody needs it");
        }
        _ => service.wrong(at, "it is a number up to 1000"),
    }
}

fn resources(service: &mut Service<'_, '_>, value: &Value, at: &str) {
    for (kind, values) in value.as_object().into_iter().flatten() {
        for (key, value) in values.as_object().into_iter().flatten() {
            let at = pointer(&pointer(at, kind), key);
            match (kind.as_str(), key.as_str()) {
                ("reservations", "devices") => {
                    let instead = "`container: {resources: {limits: {nvidia.com/gpu: 1}}}` asks for one in Kubernetes' own words";
                    service.left(&at, "devices have no key of their own", instead);
                }
                (_, "cpus" | "memory") => {
                    let key = match (kind.as_str(), key.as_str()) {
                        ("limits", "cpus") => "cpus",
                        ("limits", _) => "mem_limit",
                        (_, "cpus") => "cpu_reservation",
                        _ => "mem_reservation",
                    };
                    limit(service, key, value, &at);
                }
                _ => service.left(&at, format!("`{key}` has no counterpart"), ""),
            }
        }
    }
}

/// Memory is a limit in outboard, CPU is what is kept free for it.
pub fn limit(service: &mut Service<'_, '_>, key: &str, value: &Value, at: &str) {
    let read = if key.starts_with("mem") { quantity::compose_memory(value) } else { quantity::cpu(value) };
    let Some(read) = read else {
        // `mem_limit: 0` is no limit.
        if word(value).as_deref() != Some("0") {
            service.wrong(at, "it is an amount such as `512m`, or cores such as `0.5`");
        }
        return;
    };
    let resources = service.part.component.resources.get_or_insert_default();
    match key {
        "mem_limit" => resources.memory = Some(read),
        "mem_reservation" => {
            resources.memory.get_or_insert(read);
        }
        "cpu_reservation" => resources.cpu = Some(read),
        _ => {
            resources.cpu.get_or_insert(read);
            let message = "CPU has no limit in outboard: that much is kept free for it, and it may use what others leave";
            service.changed(at, message, "");
        }
    }
}
