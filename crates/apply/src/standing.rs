//! How far Kubernetes' own controllers have come with an object: the few numbers of its status that decisions read.

use kube::core::DynamicObject;
use serde_json::Value;

use crate::kinds::Kind;

/// In what Kubernetes says when it will say no again: policies and quotas, and values that cannot be.
const REFUSALS: [&str; 3] = [" is forbidden: ", " is invalid: ", " denied the request: "];
/// In what it says that passes by itself: a namespace that is still being furnished or already on its way out, an API
/// server that has just started and does not know its own controllers' rights yet.
const PASSING: [&str; 4] = [
    "error looking up service account",
    "is forbidden: User \"",
    "because it is being terminated",
    "status unknown for quota",
];

/// What a controller last said about an object.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Standing {
    /// No controller reports on objects of this kind.
    Silent,
    Deployment {
        observed: bool,
        total: u32,
        updated: u32,
        ready: u32,
        available: u32,
        /// Why Kubernetes does not let it have pods.
        refused: Option<String>,
    },
    StatefulSet {
        observed: bool,
        updated: u32,
        ready: u32,
        replacing: bool,
    },
    Job {
        complete: bool,
        failed: bool,
    },
    Quota {
        /// Kubernetes knows what is in use of all it limits. Until then it refuses every pod.
        counted: bool,
    },
    /// Why the gateway does not serve the route; none: it has taken it.
    Route {
        refused: Option<String>,
    },
}

impl Standing {
    pub fn of(kind: Kind, object: &DynamicObject) -> Self {
        let number = |field: &str| {
            let value = object.data.pointer(&format!("/status/{field}")).and_then(Value::as_u64);
            value.and_then(|value| u32::try_from(value).ok()).unwrap_or(0)
        };
        let text = |field: &str| object.data.pointer(&format!("/status/{field}")).and_then(Value::as_str);
        match kind {
            Kind::ConfigMap
            | Kind::ServiceAccount
            | Kind::Service
            | Kind::PodDisruptionBudget
            | Kind::HorizontalPodAutoscaler
            | Kind::CronJob
            | Kind::NetworkPolicy
            | Kind::LimitRange
            | Kind::RoleBinding => Self::Silent,
            Kind::ResourceQuota => Self::Quota { counted: counted(object) },
            Kind::Deployment => Self::Deployment {
                observed: observed(object),
                total: number("replicas"),
                updated: number("updatedReplicas"),
                ready: number("readyReplicas"),
                available: number("availableReplicas"),
                refused: condition(object.data.pointer("/status/conditions"), "ReplicaFailure")
                    // What else keeps it from having pods passes: an API server that is away, say.
                    .filter(|found| found.holds && says_no(&found.message))
                    .map(|found| found.message),
            },
            Kind::StatefulSet => Self::StatefulSet {
                observed: observed(object),
                updated: number("updatedReplicas"),
                ready: number("readyReplicas"),
                replacing: text("currentRevision") != text("updateRevision"),
            },
            Kind::Job => {
                let holds = |r#type: &str| {
                    condition(object.data.pointer("/status/conditions"), r#type)
                        .is_some_and(|found| found.holds)
                };
                Self::Job { complete: holds("Complete"), failed: holds("Failed") }
            }
            Kind::HttpRoute => Self::Route { refused: refused(object) },
        }
    }
}

/// Whether a controller was told no in a way that will not change by itself.
pub fn says_no(message: &str) -> bool {
    let has = |word: &&str| message.contains(*word);
    REFUSALS.iter().any(&has) && !PASSING.iter().any(has)
}

fn observed(object: &DynamicObject) -> bool {
    let seen = object.data.pointer("/status/observedGeneration").and_then(Value::as_i64).unwrap_or(0);
    seen >= object.metadata.generation.unwrap_or(0)
}

fn counted(object: &DynamicObject) -> bool {
    let of = |pointer: &str| object.data.pointer(pointer).and_then(Value::as_object);
    let Some(limits) = of("/spec/hard") else { return true };
    // Both come as the API server writes quantities.
    of("/status/hard") == Some(limits)
        && limits.keys().all(|resource| of("/status/used").is_some_and(|used| used.contains_key(resource)))
}

fn refused(object: &DynamicObject) -> Option<String> {
    const NOT_YET: &str = "waiting for the gateway to take the route";
    let generation = object.metadata.generation.unwrap_or(0);
    let Some(parent) = object.data.pointer("/status/parents/0") else { return Some(NOT_YET.to_owned()) };
    for r#type in ["Accepted", "ResolvedRefs"] {
        match condition(parent.get("conditions"), r#type) {
            Some(found) if !found.holds => return Some(found.message),
            Some(found) if found.generation >= generation => {}
            _ => return Some(NOT_YET.to_owned()),
        }
    }
    None
}

struct Condition {
    holds: bool,
    message: String,
    generation: i64,
}

fn condition(conditions: Option<&Value>, r#type: &str) -> Option<Condition> {
    let found = conditions?.as_array()?.iter().find(|condition| condition["type"] == r#type)?;
    Some(Condition {
        holds: found["status"] == "True",
        message: found["message"].as_str().unwrap_or_default().to_owned(),
        generation: found["observedGeneration"].as_i64().unwrap_or(0),
    })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_route_is_taken_once_both_conditions_hold_for_its_newest_generation() {
        let route = |generation: i64, resolved: &str| -> Standing {
            let condition = |r#type: &str, status: &str| json!({"type": r#type, "status": status, "observedGeneration": 1, "message": "no such Service"});
            let object = json!({
                "metadata": {"name": "web", "generation": generation},
                "status": {"parents": [{"conditions": [condition("Accepted", "True"), condition("ResolvedRefs", resolved)]}]},
            });
            Standing::of(Kind::HttpRoute, &serde_json::from_value(object).unwrap())
        };
        assert_eq!(route(1, "True"), Standing::Route { refused: None });
        assert_eq!(route(1, "False"), Standing::Route { refused: Some("no such Service".into()) });
        assert!(
            matches!(route(2, "True"), Standing::Route { refused: Some(why) } if why.contains("waiting"))
        );
    }

    #[test]
    fn pods_that_are_refused_are_told_apart_from_an_api_server_that_failed() {
        let refused = |message: &str| {
            let failure = json!({"type": "ReplicaFailure", "status": "True", "message": message});
            let object = json!({"metadata": {"name": "web"}, "status": {"conditions": [failure]}});
            match Standing::of(Kind::Deployment, &serde_json::from_value(object).unwrap()) {
                Standing::Deployment { refused, .. } => refused,
                _ => None,
            }
        };
        assert!(
            refused("pods \"web-1\" is forbidden: violates PodSecurity \"baseline:latest\": privileged")
                .is_some()
        );
        let passing = [
            "pods \"web-6c9d-\" is forbidden: status unknown for quota: outboard-limits, resources: pods,requests.cpu",
            "pods \"web-6c9d-\" is forbidden: error looking up service account shop-qa/default: serviceaccount \"default\" not found",
            "unable to delete pods: pods \"web-58\" is forbidden: User \"system:serviceaccount:kube-system:replicaset-controller\" cannot delete resource \"pods\"",
        ];
        assert_eq!(passing.map(refused), [None, None, None]);
        assert_eq!(refused("Post \"https://10.0.0.1\": stream error; INTERNAL_ERROR"), None);
    }

    #[test]
    fn a_quota_is_counted_once_all_of_its_newest_limits_are() {
        let counted = |hard: &Value, used: &Value| {
            let object = json!({
                "metadata": {"name": "outboard-limits"},
                "spec": {"hard": {"pods": "5", "requests.cpu": "2"}},
                "status": {"hard": hard, "used": used},
            });
            Standing::of(Kind::ResourceQuota, &serde_json::from_value(object).unwrap())
        };
        let limits = json!({"requests.cpu": "2", "pods": "5"});
        let used = json!({"pods": "0", "requests.cpu": "0"});
        assert_eq!(counted(&limits, &used), Standing::Quota { counted: true });
        for (hard, used) in [
            (&Value::Null, &Value::Null),
            (&limits, &json!({"pods": "0"})),
            (&json!({"requests.cpu": "2", "pods": "3"}), &used),
            (&json!({"pods": "5"}), &used),
        ] {
            assert_eq!(counted(hard, used), Standing::Quota { counted: false }, "{hard} {used}");
        }
    }

    #[test]
    fn what_the_controller_has_not_observed_yet_is_marked_so() {
        let object = json!({"metadata": {"name": "web", "generation": 2}, "status": {"observedGeneration": 1, "replicas": 2}});
        let standing = Standing::of(Kind::Deployment, &serde_json::from_value(object).unwrap());
        assert!(matches!(standing, Standing::Deployment { observed: false, total: 2, .. }));
    }
}
