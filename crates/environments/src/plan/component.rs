//! A component's objects: a Deployment and its Service, or a Job.

use api::Role;
use api::project::{Component, seconds};
use api::revision::{Part, short_hash};
use serde_json::{Value, json};

use super::pod;
use super::render::{self, EnvironmentVariables, Place};

/// Seconds a start may take where the component does not say.
const START_SECONDS: u32 = 60;

pub fn part(place: &Place<'_>, name: &str, component: &Component, variables: &EnvironmentVariables) -> Part {
    let template = pod::template(place, name, component, variables);
    let chosen = place.validated.versions.get(name);
    let version = chosen.map(ToString::to_string);
    let digest = chosen.and_then(|version| place.digests.get(&version.image(&component.image)).cloned());
    if component.job.is_some() {
        let part = render::part(name, Role::Job, vec![job(place, name, &template)]);
        return Part { version, digest, ..part };
    }
    let start = component.health.as_ref().and_then(|health| health.start.as_deref()).and_then(seconds);
    let start = start.unwrap_or(START_SECONDS);
    let mut objects = vec![deployment(place, name, &template, start)];
    if !component.ports.is_empty() {
        objects.push(service(place, name, component));
    }
    Part {
        version,
        digest,
        start_seconds: Some(start),
        replicas: Some(place.replicas(name, component)),
        ..render::part(name, Role::Component, objects)
    }
}

fn deployment(place: &Place<'_>, name: &str, template: &Value, start_seconds: u32) -> Value {
    json!({
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": name, "namespace": place.namespace, "labels": place.labels(name)},
        "spec": {
            "selector": {"matchLabels": {api::marks::PART: name}},
            "revisionHistoryLimit": 2,
            "progressDeadlineSeconds": start_seconds.max(60) + 60,
            // A new replica serves before an old one goes.
            "strategy": {"type": "RollingUpdate", "rollingUpdate": {"maxSurge": "50%", "maxUnavailable": 0}},
            "template": template,
        },
    })
}

fn service(place: &Place<'_>, name: &str, component: &Component) -> Value {
    let ports: Vec<Value> = component
        .ports
        .iter()
        .map(|(port, number)| json!({"name": port, "port": number, "targetPort": port, "protocol": "TCP"}))
        .collect();
    json!({
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": {"name": name, "namespace": place.namespace, "labels": place.labels(name)},
        "spec": {"type": "ClusterIP", "selector": {api::marks::PART: name}, "ports": ports},
    })
}

/// A job's name holds the hash of all that it runs: the same job is never run twice, a changed one is.
fn job(place: &Place<'_>, name: &str, template: &Value) -> Value {
    let hash = short_hash(template, 8);
    json!({
        "apiVersion": "batch/v1",
        "kind": "Job",
        "metadata": {"name": format!("{name}-{hash}"), "namespace": place.namespace, "labels": place.labels(name)},
        "spec": {
            // A failed migration is for a person to look at; only a lost node earns another try.
            "backoffLimit": 0,
            "podFailurePolicy": {"rules": [
                {"action": "Ignore", "onPodConditions": [{"type": "DisruptionTarget", "status": "True"}]},
            ]},
            "template": template,
        },
    })
}
