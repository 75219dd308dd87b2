//! What a pod says about its containers, as far as reading their logs needs it.

use api::marks;
use jiff::Timestamp;
use k8s_openapi::api::core::v1::{ContainerState, ContainerStatus, Pod};
use kube::ResourceExt;
use serde::Serialize;

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
    /// How its present run ended, if it has.
    pub exit: Option<Exit>,
    /// How the run before ended.
    pub before: Option<Exit>,
    /// It has ended and will not be started again.
    pub ended: bool,
    /// Its pod does not exist any more.
    pub gone: bool,
}

/// How one run of a container ended.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Exit {
    pub code: i32,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub signal: Option<i32>,
    /// `OOMKilled`, `Error`, `Completed`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    #[serde(skip)]
    pub at: Option<Timestamp>,
}

impl Exit {
    pub fn is_crash(&self) -> bool {
        self.code != 0 || self.signal.is_some_and(|signal| signal != 0)
    }
}

/// The component, job or service that a pod belongs to.
pub fn part(pod: &Pod) -> Option<&str> {
    pod.labels().get(marks::PART).map(String::as_str)
}

/// The names of a pod's containers, also of those that have not been made yet.
pub fn names(pod: &Pod) -> impl Iterator<Item = &str> {
    let spec = pod.spec.iter();
    let init = spec.clone().flat_map(|spec| spec.init_containers.iter().flatten());
    init.chain(spec.flat_map(|spec| &spec.containers)).map(|container| container.name.as_str())
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
    let exit = status.state.as_ref().and_then(exit);
    let before = status.last_state.as_ref().and_then(self::exit);
    let running = status.state.as_ref().is_some_and(|state| state.running.is_some());
    let waits = !running && exit.is_none();
    let prepared = is_init && exit.as_ref().is_some_and(|exit| exit.code == 0);
    Snapshot {
        started: running || exit.is_some() || before.is_some(),
        restarts: status.restart_count,
        ended: exit.is_some() && (never_again || prepared),
        // One that waits for its next start counts as restarted only then: until then its last run is its present one.
        exit: if waits { before.clone() } else { exit },
        before: before.filter(|_| !waits),
        gone: false,
    }
}

fn exit(state: &ContainerState) -> Option<Exit> {
    let terminated = state.terminated.as_ref()?;
    Some(Exit {
        code: terminated.exit_code,
        signal: terminated.signal,
        reason: terminated.reason.clone().filter(|reason| !reason.is_empty()),
        at: terminated.finished_at.as_ref().map(|time| time.0),
    })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn pod(policy: &str, state: &serde_json::Value) -> Pod {
        serde_json::from_value(json!({
            "metadata": {"name": "web-1", "labels": {"outboard.dev/part": "web"}},
            "spec": {"containers": [{"name": "web"}], "initContainers": [{"name": "wait"}], "restartPolicy": policy},
            "status": {"containerStatuses": [{
                "name": "web", "image": "", "imageID": "", "ready": false, "restartCount": 1, "state": state,
                "lastState": {"terminated": {"exitCode": 137, "reason": "OOMKilled", "finishedAt": "2026-11-23T10:00:00Z"}},
            }]},
        }))
        .unwrap()
    }

    fn seen(policy: &str, state: &serde_json::Value) -> Snapshot {
        containers(&pod(policy, state)).remove(0).snapshot
    }

    #[test]
    fn a_crashed_container_will_write_again_unless_it_is_a_jobs() {
        let crashed = json!({"terminated": {"exitCode": 1}});
        assert!(!seen("Always", &crashed).ended);
        assert!(seen("Never", &crashed).ended);
    }

    #[test]
    fn a_container_that_waits_for_its_next_start_has_written_before() {
        let waiting = seen("Always", &json!({"waiting": {"reason": "CrashLoopBackOff"}}));
        assert!(waiting.started);
        assert_eq!((waiting.exit.map(|exit| exit.code), waiting.before), (Some(137), None));
        assert_eq!(part(&pod("Always", &json!({}))), Some("web"));
    }

    #[test]
    fn how_a_run_ended_is_told_with_code_reason_and_time() {
        let running = seen("Always", &json!({"running": {}}));
        assert_eq!(running.exit, None);
        let before = running.before.unwrap();
        assert_eq!((before.code, before.reason.as_deref()), (137, Some("OOMKilled")));
        assert_eq!(before.at, Some("2026-11-23T10:00:00Z".parse().unwrap()));
        assert!(before.is_crash() && !Exit::default().is_crash());
    }

    #[test]
    fn a_container_has_a_name_before_it_has_a_state() {
        assert_eq!(names(&pod("Always", &json!({}))).collect::<Vec<_>>(), ["wait", "web"]);
    }
}
