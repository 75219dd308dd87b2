//! Whether a part is ready, read from its live objects.

use api::revision::Part;
use api::{PartState, Role};
use kube::core::DynamicObject;
use serde_json::Value;

/// How far a part has come.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Progress {
    pub state: PartState,
    /// `1/2`, for what has replicas.
    pub replicas: Option<String>,
    pub message: String,
}

impl Progress {
    pub fn new(state: PartState, message: impl Into<String>) -> Self {
        Self { state, replicas: None, message: message.into() }
    }

    pub fn is_ready(&self) -> bool {
        self.state == PartState::Ready
    }
}

/// Progress of a part whose live objects are `objects`; a route's is what its HTTPRoute says, unproved.
pub fn progress(part: &Part, objects: &[&DynamicObject]) -> Progress {
    if objects.len() < part.objects.len() {
        return Progress::new(PartState::Progressing, "being created");
    }
    let of = |kind: &str| {
        objects.iter().find(|object| object.types.as_ref().is_some_and(|types| types.kind == kind))
    };
    match part.role {
        Role::Component => of("Deployment").map(|object| deployment(object, part.replicas.unwrap_or(1))),
        Role::Service => of("StatefulSet").map(|object| stateful_set(object, part.replicas.unwrap_or(1))),
        Role::Job => of("Job").map(|object| job(object)),
        Role::Route => of("HTTPRoute").map(|object| route(object)),
    }
    .unwrap_or_else(|| match runs_nothing(part) {
        true => Progress::new(PartState::Ready, "its server was deleted by hand, and that was kept"),
        // Never ready by default: what was not looked at is not known to serve.
        false => Progress::new(PartState::Progressing, "being looked at"),
    })
}

/// Whether only an address is left of a part.
fn runs_nothing(part: &Part) -> bool {
    matches!(part.role, Role::Component | Role::Service)
        && part.objects.iter().all(|object| object["kind"] == "Service")
}

fn number(object: &DynamicObject, pointer: &str) -> u32 {
    object
        .data
        .pointer(pointer)
        .and_then(Value::as_u64)
        .and_then(|value| u32::try_from(value).ok())
        .unwrap_or(0)
}

fn observed(object: &DynamicObject) -> bool {
    let seen = object.data.pointer("/status/observedGeneration").and_then(Value::as_i64).unwrap_or(0);
    seen >= object.metadata.generation.unwrap_or(0)
}

fn counted(state: PartState, ready: u32, wanted: u32, message: &str) -> Progress {
    Progress { state, replicas: Some(format!("{ready}/{wanted}")), message: message.to_owned() }
}

/// Every replica is of the newest template and available, and no old one is left.
pub fn deployment(object: &DynamicObject, wanted: u32) -> Progress {
    let ready = number(object, "/status/readyReplicas");
    let updated = number(object, "/status/updatedReplicas");
    let total = number(object, "/status/replicas");
    let available = number(object, "/status/availableReplicas");
    if !observed(object) {
        return counted(PartState::Progressing, ready.min(wanted), wanted, "applied");
    }
    let fresh = updated.min(ready);
    if updated < wanted {
        return counted(PartState::Progressing, fresh, wanted, "starting replicas");
    }
    if available < wanted || ready < wanted {
        return counted(
            PartState::Progressing,
            fresh.min(available),
            wanted,
            "waiting for replicas to become ready",
        );
    }
    if total > updated {
        return counted(PartState::Progressing, ready.min(wanted), wanted, "old replicas are finishing");
    }
    counted(PartState::Ready, ready, wanted, "")
}

fn stateful_set(object: &DynamicObject, wanted: u32) -> Progress {
    let ready = number(object, "/status/readyReplicas");
    let status = |field: &str| object.data.pointer(&format!("/status/{field}")).and_then(Value::as_str);
    if !observed(object) {
        return counted(PartState::Progressing, ready.min(wanted), wanted, "applied");
    }
    if status("currentRevision") != status("updateRevision")
        && number(object, "/status/updatedReplicas") < wanted
    {
        return counted(PartState::Progressing, ready, wanted, "replacing the server");
    }
    if ready < wanted {
        return counted(PartState::Progressing, ready, wanted, "waiting for the server to answer");
    }
    counted(PartState::Ready, ready, wanted, "")
}

fn job(object: &DynamicObject) -> Progress {
    let holds = |r#type: &str| {
        condition(object.data.pointer("/status/conditions"), r#type).is_some_and(|(holds, _)| holds)
    };
    if holds("Complete") {
        return Progress::new(PartState::Ready, "completed");
    }
    if holds("Failed") {
        return Progress::new(PartState::Failed, "failed");
    }
    Progress::new(PartState::Progressing, "running")
}

fn route(object: &DynamicObject) -> Progress {
    let generation = object.metadata.generation.unwrap_or(0);
    let Some(parent) = object.data.pointer("/status/parents/0") else {
        return Progress::new(PartState::Progressing, "waiting for the gateway to take the route");
    };
    for r#type in ["Accepted", "ResolvedRefs"] {
        let conditions = parent.get("conditions");
        let seen = conditions
            .and_then(Value::as_array)
            .into_iter()
            .flatten()
            .find(|condition| condition["type"] == r#type)
            .and_then(|condition| condition["observedGeneration"].as_i64())
            .unwrap_or(0);
        match condition(conditions, r#type) {
            Some((true, _)) if seen >= generation => {}
            Some((false, message)) => return Progress::new(PartState::Progressing, message),
            _ => return Progress::new(PartState::Progressing, "waiting for the gateway to take the route"),
        }
    }
    Progress::new(PartState::Progressing, "waiting for an answer through the gateway")
}

/// Whether a condition holds, and its message.
fn condition(conditions: Option<&Value>, r#type: &str) -> Option<(bool, String)> {
    let found = conditions?.as_array()?.iter().find(|condition| condition["type"] == r#type)?;
    Some((found["status"] == "True", found["message"].as_str().unwrap_or_default().to_owned()))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn object(value: Value) -> DynamicObject {
        serde_json::from_value(value).unwrap()
    }

    fn with_status(status: Value) -> DynamicObject {
        let mut deployment = json!({"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "web", "generation": 2}});
        deployment["status"] = status;
        object(deployment)
    }

    #[test]
    fn a_deployment_is_ready_only_when_the_last_old_replica_is_gone() {
        let mut status = json!({"observedGeneration": 2, "replicas": 3, "updatedReplicas": 2, "readyReplicas": 3, "availableReplicas": 3});
        assert_eq!(deployment(&with_status(status.clone()), 2).message, "old replicas are finishing");
        status["replicas"] = json!(2);
        status["readyReplicas"] = json!(2);
        status["availableReplicas"] = json!(2);
        assert!(deployment(&with_status(status), 2).is_ready());
    }

    #[test]
    fn what_the_controller_has_not_observed_yet_is_not_ready() {
        let status = json!({"observedGeneration": 1, "replicas": 2, "updatedReplicas": 2, "readyReplicas": 2, "availableReplicas": 2});
        assert_eq!(deployment(&with_status(status), 2).state, PartState::Progressing);
    }

    #[test]
    fn a_route_is_never_ready_by_its_conditions_alone() {
        let accepted =
            |r#type: &str| json!({"type": r#type, "status": "True", "observedGeneration": 1, "message": ""});
        let mut route_object = object(json!({
            "apiVersion": "gateway.networking.k8s.io/v1", "kind": "HTTPRoute", "metadata": {"name": "web", "generation": 1},
        }));
        assert!(route(&route_object).message.contains("take the route"));
        route_object.data["status"] =
            json!({"parents": [{"conditions": [accepted("Accepted"), accepted("ResolvedRefs")]}]});
        assert_eq!(
            route(&route_object),
            Progress::new(PartState::Progressing, "waiting for an answer through the gateway")
        );
    }
}
