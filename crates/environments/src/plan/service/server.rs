//! The objects of a service that outboard runs: its address, and a server that is never there twice.

use api::project::{Port, Resources};
use serde_json::{Map, Value, json};

use crate::plan::pod;
use crate::plan::render::Place;

/// Ports by name, in the order of the file.
pub type Ports<'a> = &'a [(&'a str, Port)];

/// The Service that gives the server its name.
pub fn address(place: &Place<'_>, name: &str, ports: Ports<'_>) -> Value {
    let ports: Vec<Value> = ports
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

/// The Service that leads the name elsewhere.
pub fn alias(place: &Place<'_>, name: &str, host: &str, port: Option<Port>) -> Value {
    let mut spec = Map::new();
    spec.insert("type".into(), json!("ExternalName"));
    spec.insert("externalName".into(), json!(host));
    if let Some(port) = port {
        spec.insert(
            "ports".into(),
            json!([{"name": "main", "port": port, "targetPort": port, "protocol": "TCP"}]),
        );
    }
    json!({
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": {"name": name, "namespace": place.namespace, "labels": place.labels(name)},
        "spec": spec,
    })
}

/// A pod with one container and perhaps a volume, which it alone has.
pub fn stateful_set(place: &Place<'_>, name: &str, pod: &Value, storage: Option<&str>) -> Value {
    let mut spec = json!({
        "serviceName": name,
        // Else a pod that can't start is waited for, and a corrected template never reaches it.
        "podManagementPolicy": "Parallel",
        "selector": {"matchLabels": {api::marks::PART: name}},
        "revisionHistoryLimit": 2,
        "template": pod::marked(json!({"metadata": {"labels": place.labels(name)}, "spec": pod})),
    });
    if let Some(storage) = storage {
        spec["volumeClaimTemplates"] = json!([{
            "metadata": {"name": "data", "labels": place.marks(name)},
            "spec": {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": storage}}},
        }]);
    }
    json!({
        "apiVersion": "apps/v1",
        "kind": "StatefulSet",
        "metadata": {"name": name, "namespace": place.namespace, "labels": place.labels(name)},
        "spec": spec,
    })
}

/// What every service's pod has beside its container.
pub fn pod(container: &Value, grace_seconds: u32) -> Value {
    json!({
        "containers": [container],
        "terminationGracePeriodSeconds": grace_seconds,
        "automountServiceAccountToken": false,
        "enableServiceLinks": false,
        "securityContext": {"seccompProfile": {"type": "RuntimeDefault"}},
    })
}

/// The ports of a container.
pub fn container_ports(ports: Ports<'_>) -> Value {
    let ports =
        ports.iter().map(|(port, number)| json!({"name": port, "containerPort": number, "protocol": "TCP"}));
    ports.collect()
}

/// A command that a container is asked with, every two seconds.
pub fn asks(command: &str) -> Value {
    json!({
        "exec": {"command": ["/bin/sh", "-c", command]},
        "periodSeconds": 2, "timeoutSeconds": 2, "successThreshold": 1, "failureThreshold": 3,
    })
}

/// What is requested; memory that was asked for is also the limit.
pub fn resources(asked: Option<&Resources>, memory: &str) -> Value {
    let cpu = asked.and_then(|asked| asked.cpu.as_deref()).unwrap_or("50m");
    match asked.and_then(|asked| asked.memory.as_deref()) {
        Some(memory) => json!({"requests": {"cpu": cpu, "memory": memory}, "limits": {"memory": memory}}),
        None => json!({"requests": {"cpu": cpu, "memory": memory}}),
    }
}

/// An environment variable out of the service's own credentials.
pub fn from_credentials(name: &str, variable: &str, key: &str) -> Value {
    let secret = api::revision::credentials_name(name);
    json!({"name": variable, "valueFrom": {"secretKeyRef": {"name": secret, "key": key}}})
}

/// Kubernetes would expand `$(NAME)`; the file does not say that it does.
pub fn literal(text: &str) -> String {
    text.replace("$(", "$$(")
}
