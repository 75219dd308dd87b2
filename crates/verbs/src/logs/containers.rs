//! What a pod says about its containers, as far as reading their logs needs it.

use api::marks;
use k8s_openapi::api::core::v1::{ContainerStatus, Pod};
use kube::ResourceExt;

/// A container and how it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Container {
    pub name: String,
    pub snapshot: Snapshot,
}

/// How a container is.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Snapshot {
    /// It has written, or may have written, something.
    pub started: bool,
    pub restarts: i32,
    /// It has ended and will not be started again.
    pub ended: bool,
    /// Its pod does not exist any more.
    pub gone: bool,
}

/// The component, job or service that a pod belongs to.
pub fn part(pod: &Pod) -> Option<&str> {
    pod.labels().get(marks::PART).map(String::as_str)
}

/// Every container of a pod, those that prepare it first.
pub fn containers(pod: &Pod) -> Vec<Container> {
    let Some(status) = &pod.status else { return vec![] };
    let pod_ended = matches!(status.phase.as_deref(), Some("Succeeded" | "Failed"));
    let restarts_never =
        pod.spec.as_ref().is_some_and(|spec| spec.restart_policy.as_deref() == Some("Never"));
    let init = status.init_container_statuses.iter().flatten().map(|container| (container, true));
    let main = status.container_statuses.iter().flatten().map(|container| (container, false));
    init.chain(main)
        .map(|(container, is_init)| Container {
            name: container.name.clone(),
            snapshot: snapshot(container, pod_ended || restarts_never, is_init),
        })
        .collect()
}

fn snapshot(status: &ContainerStatus, never_again: bool, is_init: bool) -> Snapshot {
    let terminated = status.state.as_ref().and_then(|state| state.terminated.as_ref());
    let running = status.state.as_ref().is_some_and(|state| state.running.is_some());
    let ended_before = status.last_state.as_ref().is_some_and(|state| state.terminated.is_some());
    let prepared = is_init && terminated.is_some_and(|state| state.exit_code == 0);
    Snapshot {
        started: running || terminated.is_some() || ended_before,
        restarts: status.restart_count,
        ended: terminated.is_some() && (never_again || prepared),
        gone: false,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn pod(policy: &str, state: &serde_json::Value) -> Pod {
        serde_json::from_value(json!({
            "metadata": {"name": "web-1", "labels": {"outboard.dev/part": "web"}},
            "spec": {"containers": [], "restartPolicy": policy},
            "status": {"containerStatuses": [{
                "name": "web", "image": "", "imageID": "", "ready": false, "restartCount": 1, "state": state,
                "lastState": {"terminated": {"exitCode": 1}},
            }]},
        }))
        .unwrap()
    }

    #[test]
    fn a_crashed_container_will_write_again_unless_it_is_a_jobs() {
        let crashed = json!({"terminated": {"exitCode": 1}});
        assert!(!containers(&pod("Always", &crashed))[0].snapshot.ended);
        assert!(containers(&pod("Never", &crashed))[0].snapshot.ended);
    }

    #[test]
    fn a_container_that_waits_for_its_next_start_has_written_before() {
        let waiting = containers(&pod("Always", &json!({"waiting": {"reason": "CrashLoopBackOff"}})));
        assert!(waiting[0].snapshot.started);
        assert_eq!(part(&pod("Always", &json!({}))), Some("web"));
    }
}
