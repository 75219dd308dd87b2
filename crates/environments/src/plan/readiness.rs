//! Whether a part is ready, from what is remembered of its live objects.

use api::revision::Part;
use api::{PartState, Role};
use apply::kinds::Kind;
use apply::{Seen, Standing};

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

/// Progress of a part whose live objects are `objects`; a route's is what the gateway says, unproved.
pub fn progress(part: &Part, objects: &[Seen], autoscaled: bool) -> Progress {
    if objects.len() < part.objects.len() {
        return Progress::new(PartState::Progressing, "being created");
    }
    if part.role == Role::Service && part.replicas.is_none() {
        // Others run it: here is only its name.
        return Progress::new(PartState::Ready, "");
    }
    let wanted = part.replicas.unwrap_or(1);
    if part.role == Role::Manifest {
        // Pods that come before it would be refused.
        if objects.iter().any(|object| object.standing == Standing::Quota { counted: false }) {
            return Progress::new(PartState::Progressing, "what is in use of its quota is being counted");
        }
        // Objects that wait for nothing are ready when they are there.
        return Progress::new(PartState::Ready, "");
    }
    let found = objects.iter().find_map(|object| {
        // Whoever scales it says how many there should be.
        let wanted = object.replicas.filter(|_| autoscaled).unwrap_or(wanted);
        match (&object.standing, part.role) {
            (Standing::Deployment { .. }, Role::Component) => Some(deployment(object, wanted)),
            (Standing::StatefulSet { .. }, Role::Service | Role::Component) => {
                Some(stateful_set(object, wanted))
            }
            (Standing::Job { complete, failed }, Role::Job | Role::After) => Some(job(*complete, *failed)),
            (Standing::Silent, Role::Schedule) if object.kind == Kind::CronJob => {
                Some(Progress::new(PartState::Ready, ""))
            }
            (Standing::Route { refused }, Role::Route) => Some(route(refused.as_deref())),
            _ => None,
        }
    });
    found.unwrap_or_else(|| match runs_nothing(part) {
        true => Progress::new(PartState::Ready, "its server was deleted by hand, and that was kept"),
        // Never ready by default: what was not looked at is not known to serve.
        false => Progress::new(PartState::Progressing, "being looked at"),
    })
}

/// Whether only what goes with a server is left of a part.
fn runs_nothing(part: &Part) -> bool {
    let servers = ["Deployment", "StatefulSet"];
    matches!(part.role, Role::Component | Role::Service)
        && part.objects.iter().all(|object| !servers.contains(&object["kind"].as_str().unwrap_or_default()))
}

fn counted(state: PartState, ready: u32, wanted: u32, message: &str) -> Progress {
    Progress { state, replicas: Some(format!("{ready}/{wanted}")), message: message.to_owned() }
}

/// Whether the servers among a component's objects are all of the newest template, and ready.
pub fn serves(objects: &[Seen], wanted: u32) -> bool {
    objects.iter().any(|object| match object.standing {
        Standing::Deployment { .. } => deployment(object, wanted).is_ready(),
        Standing::StatefulSet { .. } => stateful_set(object, wanted).is_ready(),
        _ => false,
    })
}

/// Every replica is of the newest template and available, and no old one is left.
fn deployment(object: &Seen, wanted: u32) -> Progress {
    let Standing::Deployment { observed, total, updated, ready, available, .. } = object.standing else {
        return Progress::new(PartState::Progressing, "being looked at");
    };
    if !observed {
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

fn stateful_set(object: &Seen, wanted: u32) -> Progress {
    let Standing::StatefulSet { observed, updated, ready, replacing } = object.standing else {
        return Progress::new(PartState::Progressing, "being looked at");
    };
    if !observed {
        return counted(PartState::Progressing, ready.min(wanted), wanted, "applied");
    }
    if replacing && updated < wanted {
        return counted(PartState::Progressing, ready, wanted, "replacing the server");
    }
    if ready < wanted {
        return counted(PartState::Progressing, ready, wanted, "waiting for the server to answer");
    }
    counted(PartState::Ready, ready, wanted, "")
}

fn job(complete: bool, failed: bool) -> Progress {
    match (complete, failed) {
        (true, _) => Progress::new(PartState::Ready, "completed"),
        (false, true) => Progress::new(PartState::Failed, "failed"),
        (false, false) => Progress::new(PartState::Progressing, "running"),
    }
}

/// What a route waits for once the gateway has taken it.
pub const UNPROVED: &str = "waiting for an answer through the gateway";

fn route(refused: Option<&str>) -> Progress {
    Progress::new(PartState::Progressing, refused.unwrap_or(UNPROVED))
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn with_status(status: Value) -> Seen {
        let mut deployment = json!({"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "web", "generation": 2}});
        deployment["status"] = status;
        deployment["spec"] = json!({"replicas": 3});
        Seen::of(Kind::Deployment, &serde_json::from_value(deployment).unwrap())
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
    fn what_an_autoscaler_scales_is_ready_with_as_many_as_it_asks_for() {
        let part: Part = serde_json::from_value(
            json!({"name": "web", "role": "component", "replicas": 1, "objects": [{}]}),
        )
        .unwrap();
        let two = json!({"observedGeneration": 2, "replicas": 2, "updatedReplicas": 2, "readyReplicas": 2, "availableReplicas": 2});
        let seen = [with_status(two)];
        assert!(progress(&part, &seen, false).is_ready());
        assert_eq!(progress(&part, &seen, true).replicas.as_deref(), Some("2/3"));
    }

    #[test]
    fn a_quota_is_ready_once_it_is_counted() {
        let part: Part =
            serde_json::from_value(json!({"name": "outboard-limits", "role": "manifest", "objects": [{}]}))
                .unwrap();
        let seen = |status: Value| {
            let quota = json!({"metadata": {"name": "outboard-limits"}, "spec": {"hard": {"pods": "5"}}, "status": status});
            [Seen::of(Kind::ResourceQuota, &serde_json::from_value(quota).unwrap())]
        };
        let fresh = progress(&part, &seen(json!({})), false);
        assert_eq!(
            (fresh.state, fresh.message.as_str()),
            (PartState::Progressing, "what is in use of its quota is being counted")
        );
        assert!(
            progress(&part, &seen(json!({"hard": {"pods": "5"}, "used": {"pods": "0"}})), false).is_ready()
        );
    }

    #[test]
    fn a_route_is_never_ready_by_the_gateways_word_alone() {
        assert_eq!(route(None).message, UNPROVED);
        assert!(!route(None).is_ready());
        assert_eq!(route(Some("no such Service")).message, "no such Service");
    }
}
