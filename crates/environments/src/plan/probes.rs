//! The questions that Kubernetes puts to a component's container.

use api::project::{Component, Probe, seconds};
use serde_json::{Map, Value, json};

/// Seconds a start may take where the component does not say.
const START_SECONDS: u32 = 60;
/// How often a container that starts is asked.
const START_PERIOD: u32 = 2;

/// How long a start may take before it is a verdict.
pub fn start_seconds(component: &Component) -> u32 {
    let said = component.health.as_ref().and_then(|health| health.start.as_deref()).and_then(seconds);
    said.unwrap_or(START_SECONDS)
}

/// Readiness, and where liveness is asked for, liveness that begins only once it has started.
pub fn insert(component: &Component, container: &mut Map<String, Value>) {
    let Some(health) = &component.health else { return };
    if let Some(ready) = &health.ready {
        let timing =
            json!({"periodSeconds": 2, "timeoutSeconds": 2, "successThreshold": 1, "failureThreshold": 2});
        container.insert("readinessProbe".into(), asked(component, ready, timing));
    }
    if let Some(live) = &health.live {
        let timing =
            json!({"periodSeconds": 10, "timeoutSeconds": 5, "successThreshold": 1, "failureThreshold": 3});
        container.insert("livenessProbe".into(), asked(component, live, timing));
        let tries = start_seconds(component).div_ceil(START_PERIOD);
        let timing = json!({"periodSeconds": START_PERIOD, "timeoutSeconds": 5, "successThreshold": 1, "failureThreshold": tries});
        container.insert("startupProbe".into(), asked(component, live, timing));
    }
}

fn asked(component: &Component, probe: &Probe, timing: Value) -> Value {
    let mut question = Map::new();
    if let Some(path) = &probe.http {
        let port = probe.port.clone().or_else(|| component.ports.keys().next().cloned());
        question.insert("httpGet".into(), json!({"path": path, "port": port}));
    } else if let Some(port) = &probe.tcp {
        question.insert("tcpSocket".into(), json!({"port": port}));
    } else if let Some(port) = &probe.grpc {
        // Kubernetes takes a number here, and no name.
        question.insert("grpc".into(), json!({"port": component.ports.get(port), "service": ""}));
    } else {
        question.insert("exec".into(), json!({"command": probe.command}));
    }
    if let Value::Object(timing) = timing {
        question.extend(timing);
    }
    Value::Object(question)
}
