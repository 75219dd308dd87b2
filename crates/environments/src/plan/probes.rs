//! The questions that Kubernetes puts to a component's container.

use std::collections::BTreeMap;

use api::project::{Health, Port, Probe, seconds};
use serde_json::{Map, Value, json};

/// Seconds a start may take where the component does not say.
const START_SECONDS: u32 = 60;
/// How often a container that starts is asked.
const START_PERIOD: u32 = 2;

/// Seconds that a command may take: the program is started anew each time, some of them on a virtual machine of their own.
const COMMAND_TIMEOUT: u32 = 10;

/// How long a start may take before it is a verdict.
pub fn start_seconds(health: Option<&Health>) -> u32 {
    health.and_then(|health| health.start.as_deref()).and_then(seconds).unwrap_or(START_SECONDS)
}

/// Readiness, and where liveness is asked for, liveness that begins only once it has started.
pub fn insert(health: Option<&Health>, ports: &BTreeMap<String, Port>, container: &mut Map<String, Value>) {
    let Some(health) = health else { return };
    if let Some(ready) = &health.ready {
        let (period, timeout) = if ready.command.is_empty() { (2, 2) } else { (5, COMMAND_TIMEOUT) };
        container.insert("readinessProbe".into(), asked(ports, ready, &timing(period, timeout, 2)));
    }
    if let Some(live) = &health.live {
        let timeout = if live.command.is_empty() { 5 } else { COMMAND_TIMEOUT };
        container.insert("livenessProbe".into(), asked(ports, live, &timing(10, timeout, 3)));
        let tries = start_seconds(Some(health)).div_ceil(START_PERIOD);
        container.insert("startupProbe".into(), asked(ports, live, &timing(START_PERIOD, timeout, tries)));
    }
}

fn timing(period: u32, timeout: u32, failures: u32) -> Value {
    json!({"periodSeconds": period, "timeoutSeconds": timeout, "successThreshold": 1, "failureThreshold": failures})
}

fn asked(ports: &BTreeMap<String, Port>, probe: &Probe, timing: &Value) -> Value {
    let mut question = Map::new();
    if let Some(path) = &probe.http {
        let port = probe.port.clone().or_else(|| ports.keys().next().cloned());
        question.insert("httpGet".into(), json!({"path": path, "port": port}));
    } else if let Some(port) = &probe.tcp {
        question.insert("tcpSocket".into(), json!({"port": port}));
    } else if let Some(port) = &probe.grpc {
        // Kubernetes takes a number here, and no name.
        question.insert("grpc".into(), json!({"port": ports.get(port), "service": ""}));
    } else {
        question.insert("exec".into(), json!({"command": probe.command}));
    }
    if let Value::Object(timing) = timing {
        question.extend(timing.clone());
    }
    Value::Object(question)
}
