//! What is remembered of a pod that is not ready.

use k8s_openapi::api::core::v1::{ContainerStatus, Pod, PodSpec};
use k8s_openapi::jiff::Timestamp;
use kube::ResourceExt;

/// A pod that is not ready, and since when it has been seen so.
///
/// By this clock alone: the node's may be minutes away from it, and a verdict must not come before its time.
#[derive(Clone, Debug, PartialEq)]
pub struct Unready {
    pub pod: Pod,
    pub since: Timestamp,
    /// The node it was given to.
    pub node: Option<String>,
    /// Claims of its volumes.
    pub claims: Vec<String>,
    /// Containers that have to end before the others begin.
    pub inits: Vec<String>,
}

impl Unready {
    /// A pod, without what no verdict reads.
    pub fn of(mut pod: Pod, since: Timestamp) -> Self {
        pod.metadata.managed_fields = None;
        pod.metadata.annotations = None;
        let spec = pod.spec.take().unwrap_or_default();
        let claims = |spec: &PodSpec| {
            let volumes = spec.volumes.iter().flatten();
            let claims = volumes.filter_map(|volume| volume.persistent_volume_claim.as_ref());
            claims.map(|claim| claim.claim_name.clone()).collect()
        };
        let inits = |spec: &PodSpec| {
            let inits = spec.init_containers.iter().flatten();
            let first = inits.filter(|container| container.restart_policy.as_deref() != Some("Always"));
            first.map(|container| container.name.clone()).collect()
        };
        Self {
            claims: claims(&spec),
            inits: inits(&spec),
            node: spec.node_name.filter(|name| !name.is_empty()),
            pod,
            since,
        }
    }

    pub fn name(&self) -> String {
        self.pod.name_any()
    }

    /// Whether a container that ended has been started again, or is about to be: then its lines are the previous one's.
    pub(super) fn begun_again(&self, container: &str) -> bool {
        let status = self.pod.status.iter();
        let of_all = status.flat_map(|status| {
            let init = status.init_container_statuses.iter().flatten();
            init.chain(status.container_statuses.iter().flatten())
        });
        let own = of_all.filter(|status| status.name == container);
        own.filter_map(|status| status.state.as_ref())
            .any(|state| state.running.is_some() || state.waiting.is_some())
    }
}

/// What is remembered of a pod: nothing once it serves or is done. `before` is what was known of it.
pub fn unready(pod: Pod, before: Option<&Unready>, now: Timestamp) -> Option<Unready> {
    let status = pod.status.as_ref();
    let conditions = status.and_then(|status| status.conditions.as_deref()).unwrap_or_default();
    let ready = conditions.iter().any(|condition| condition.type_ == "Ready" && condition.status == "True");
    let done = status.is_some_and(|status| status.phase.as_deref() == Some("Succeeded"));
    if ready || done {
        return None;
    }
    let same = |before: &&Unready| {
        before.pod.metadata.uid == pod.metadata.uid && started(&before.pod) == started(&pod)
    };
    let since = before.filter(same).map_or(now, |before| before.since);
    Some(Unready::of(pod, since))
}

/// Which of its containers have been started when: after a restart its time begins anew.
fn started(pod: &Pod) -> Vec<Option<Timestamp>> {
    let containers = pod.status.iter().flat_map(|status| status.container_statuses.iter().flatten());
    containers.map(start).collect()
}

fn start(container: &ContainerStatus) -> Option<Timestamp> {
    container.state.as_ref()?.running.as_ref()?.started_at.as_ref().map(|time| time.0)
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;
    use crate::plan::diagnose::{Symptom, symptom};

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(second).unwrap()
    }

    fn pod(status: &Value) -> Pod {
        let pod = json!({"metadata": {"name": "web-1", "uid": "u"}, "status": status});
        serde_json::from_value(pod).unwrap()
    }

    #[test]
    fn how_long_it_is_not_ready_is_told_by_one_clock_and_begins_anew_with_its_containers() {
        let running = |since: &str| {
            pod(&json!({"containerStatuses": [{
                "name": "web", "image": "r/web:1", "imageID": "", "ready": false, "restartCount": 0,
                "state": {"running": {"startedAt": since}},
            }]}))
        };
        // The node's clock is hours away.
        let first = unready(running("1970-01-01T09:00:00Z"), None, at(10)).unwrap();
        let later = unready(running("1970-01-01T09:00:00Z"), Some(&first), at(14)).unwrap();
        let told = symptom(&later, at(16));
        assert!(matches!(told, Some(Symptom::Unready { seconds: 6, .. })), "{told:?}");
        let restarted = unready(running("1970-01-01T09:00:07Z"), Some(&later), at(17)).unwrap();
        assert_eq!(restarted.since, at(17));
    }

    #[test]
    fn a_pod_that_serves_or_is_done_is_not_remembered() {
        for status in [
            json!({"conditions": [{"type": "Ready", "status": "True"}]}),
            json!({"phase": "Succeeded", "conditions": [{"type": "Ready", "status": "False"}]}),
        ] {
            assert_eq!(unready(pod(&status), None, at(0)), None);
        }
    }
}
