//! How many replicas of a component there are: what scales it with its load, and what keeps enough of them while nodes
//! are drained.

use api::project::{Scale, seconds};
use serde_json::{Value, json};

use super::render::Place;

/// The share of its CPU request that one replica is to use where the project does not say.
const CPU: u32 = 80;

/// Scales between `min` and `max`; nothing where they are the same.
pub fn autoscaler(place: &Place<'_>, name: &str, kind: &str, scale: &Scale) -> Option<Value> {
    let most = scale.max.filter(|max| *max > scale.min)?;
    let mut object = json!({
        "apiVersion": "autoscaling/v2",
        "kind": "HorizontalPodAutoscaler",
        "metadata": {"name": name, "namespace": place.namespace, "labels": place.labels(name)},
        "spec": {
            "scaleTargetRef": {"apiVersion": "apps/v1", "kind": kind, "name": name},
            "minReplicas": scale.min,
            "maxReplicas": most,
            "metrics": [{"type": "Resource", "resource": {
                "name": "cpu", "target": {"type": "Utilization", "averageUtilization": scale.cpu.unwrap_or(CPU)},
            }}],
        },
    });
    // Where it does not say, Kubernetes waits for five minutes.
    if let Some(settle) = scale.settle.as_deref().and_then(seconds) {
        object["spec"]["behavior"] = json!({"scaleDown": {"stabilizationWindowSeconds": settle}});
    }
    Some(object)
}

/// A node that is drained takes one replica at a time.
pub fn disruption_budget(place: &Place<'_>, name: &str, scale: &Scale) -> Option<Value> {
    (scale.min > 1).then(|| {
        json!({
            "apiVersion": "policy/v1",
            "kind": "PodDisruptionBudget",
            "metadata": {"name": name, "namespace": place.namespace, "labels": place.labels(name)},
            "spec": {"maxUnavailable": 1, "selector": {"matchLabels": {api::marks::PART: name}}},
        })
    })
}

/// Replicas are spread over zones and nodes as far as there are any.
pub fn spread(name: &str, scale: &Scale) -> Vec<Value> {
    if scale.min < 2 && scale.max.unwrap_or(1) < 2 {
        return Vec::new();
    }
    let over = |key: &str| {
        json!({
            "maxSkew": 1, "topologyKey": key, "whenUnsatisfiable": "ScheduleAnyway",
            "labelSelector": {"matchLabels": {api::marks::PART: name}},
        })
    };
    vec![over("topology.kubernetes.io/zone"), over("kubernetes.io/hostname")]
}
