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

/// Where the service's own credentials lie in its pod, a file a key. The kubelet exchanges all of them at once.
pub const CREDENTIALS: &str = "/run/credentials";

/// The credentials as files: unlike variables they follow what they are made from.
pub fn credentials_volume(name: &str) -> Value {
    let secret = api::revision::credentials_name(name);
    // 0440: root's, and the group's that the pod runs as.
    json!({"name": "credentials", "secret": {"secretName": secret, "defaultMode": 288}})
}

/// The beginning of a script that reads them: `password`, `other` while it is changed, and `credentials`, the state of all of
/// them. The kubelet leads `..data` elsewhere before it takes the old files away, one by one: what was read counts if it still leads there.
macro_rules! reads_credentials {
    () => {
        r#"set -eu
whole=
for each in 1 2 3 4 5; do
  credentials=$(cd -P /run/credentials/..data && pwd) || continue
  password=$(cat "$credentials/password") || continue
  other=$(cat "$credentials/next" "$credentials/previous" 2>/dev/null || true)
  if [ "$(cd -P /run/credentials/..data && pwd)" = "$credentials" ]; then whole=yes && break; fi
done
[ -n "$whole" ] || { echo "the credentials cannot be read" >&2; exit 1; }
"#
    };
}
pub(super) use reads_credentials;

pub fn credentials_mount() -> Value {
    json!({"name": "credentials", "mountPath": CREDENTIALS, "readOnly": true})
}

/// Kubernetes would expand `$(NAME)`; the file does not say that it does.
pub fn literal(text: &str) -> String {
    text.replace("$(", "$$(")
}
