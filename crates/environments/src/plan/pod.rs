//! The pod template that components and jobs share.

use api::marks;
use api::project::Component;
use api::revision::short_hash;
use serde_json::{Map, Value, json};

use super::render::{EnvironmentVariables, Place};
use super::values;

/// Seconds a stopping pod goes on serving, so that the gateway has learnt to send nobody there.
const DRAIN_SECONDS: u32 = 5;
/// Seconds from the order to stop until the pod is killed.
const GRACE_SECONDS: u32 = 30;

/// A component's pod template.
pub fn template(
    place: &Place<'_>,
    name: &str,
    component: &Component,
    variables: &EnvironmentVariables,
) -> Value {
    let is_job = component.job.is_some();
    let mut container = Map::new();
    container.insert("name".into(), json!(name));
    container.insert("image".into(), json!(image(place, name, component)));
    if !component.args.is_empty() {
        container.insert("args".into(), json!(values::plain(place, &component.args)));
    }
    let env = environment(name, variables);
    if !env.is_empty() {
        container.insert("env".into(), json!(env));
    }
    if !component.ports.is_empty() {
        let ports: Vec<Value> = component
            .ports
            .iter()
            .map(|(port, number)| json!({"name": port, "containerPort": number, "protocol": "TCP"}))
            .collect();
        container.insert("ports".into(), json!(ports));
    }
    if let Some(health) = &component.health {
        let port = health.ready.port.clone().or_else(|| component.ports.keys().next().cloned());
        container.insert(
            "readinessProbe".into(),
            json!({
                "httpGet": {"path": health.ready.http, "port": port},
                "periodSeconds": 2, "timeoutSeconds": 2, "successThreshold": 1, "failureThreshold": 2,
            }),
        );
    }
    if !is_job && !component.ports.is_empty() {
        container.insert("lifecycle".into(), json!({"preStop": {"sleep": {"seconds": DRAIN_SECONDS}}}));
    }
    container.insert("resources".into(), resources(component));
    container.insert("securityContext".into(), json!({"allowPrivilegeEscalation": false}));

    marked(json!({
        "metadata": {"labels": place.labels(name)},
        "spec": {
            "containers": [container],
            "restartPolicy": if is_job { "Never" } else { "Always" },
            "terminationGracePeriodSeconds": GRACE_SECONDS,
            "automountServiceAccountToken": false,
            "enableServiceLinks": false,
            "securityContext": {"seccompProfile": {"type": "RuntimeDefault"}},
        },
    }))
}

/// The template with its own hash as a label, so that a pod says which template it was made from.
pub fn marked(mut template: Value) -> Value {
    let hash = short_hash(&template, 10);
    template["metadata"]["labels"][marks::TEMPLATE] = json!(hash);
    template
}

/// The image a component runs in this environment.
pub fn image(place: &Place<'_>, name: &str, component: &Component) -> String {
    let version = place.validated.versions.get(name);
    place.pinned(&version.map_or_else(|| component.image.clone(), |version| version.image(&component.image)))
}

/// Environment variables as Kubernetes wants them.
pub fn environment(name: &str, variables: &EnvironmentVariables) -> Vec<Value> {
    let secret = variables.secret_name(name);
    let plain = variables.plain.iter().map(|(variable, value)| {
        // Kubernetes would expand `$(NAME)`; the file does not say that it does.
        json!({"name": variable, "value": value.replace("$(", "$$(")})
    });
    let hidden = variables
        .secret
        .keys()
        .map(|variable| json!({"name": variable, "valueFrom": {"secretKeyRef": {"name": secret, "key": variable}}}));
    let mut all: Vec<Value> = plain.chain(hidden).collect();
    all.sort_by(|a, b| a["name"].as_str().cmp(&b["name"].as_str()));
    all
}

fn resources(component: &Component) -> Value {
    let asked = component.resources.clone().unwrap_or_default();
    let cpu = asked.cpu.unwrap_or_else(|| "50m".into());
    match asked.memory {
        Some(memory) => json!({"requests": {"cpu": cpu, "memory": memory}, "limits": {"memory": memory}}),
        None => json!({"requests": {"cpu": cpu, "memory": "64Mi"}}),
    }
}
