//! Why a part is not ready: reads its pods and what was gathered about them, and gives a verdict.

use api::revision::Part;
use api::{Cause, Verdict};
use k8s_openapi::api::core::v1::{ContainerStatus, Pod};
use k8s_openapi::jiff::Timestamp;
use kube::ResourceExt;

/// How long a pod may be unschedulable before that counts: volumes are bound a moment later.
const UNSCHEDULABLE_SECONDS: i64 = 3;
/// … when it is not room that is lacking, but nodes that take pods: one that starts or was away comes back.
const UNTOLERATED_SECONDS: i64 = 60;
/// How long a started container may be not ready before that is worth a word.
const UNREADY_SECONDS: i64 = 5;
/// How many log lines are evidence.
pub const LOG_LINES: i64 = 20;

/// Something to fetch before a verdict can be given.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Need {
    /// The last lines of a container that ended; `previous` when it has been started again.
    Logs { pod: String, container: String, previous: bool },
    /// The newest readiness event of a pod.
    Readiness { pod: String },
}

/// What is wrong with one pod.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Symptom {
    ImageNotFound { image: String, message: String },
    ImageDenied { image: String, message: String },
    Crash { container: String, exit_code: i32, reason: String, restarts: i32, settled: bool },
    Unready { seconds: i64 },
    Unschedulable { message: String, seconds: i64 },
}

/// A pod that is not ready, and since when it has been seen so.
///
/// By this clock alone: the node's may be minutes away from it, and a verdict must not come before its time.
#[derive(Clone, Debug, PartialEq)]
pub struct Unready {
    pub pod: Pod,
    pub since: Timestamp,
}

/// What is remembered of a pod: nothing once it serves or is done. `before` is what was known of it.
pub fn unready(mut pod: Pod, before: Option<&Unready>, now: Timestamp) -> Option<Unready> {
    let status = pod.status.as_ref();
    let conditions = status.and_then(|status| status.conditions.as_deref()).unwrap_or_default();
    let ready = conditions.iter().any(|condition| condition.type_ == "Ready" && condition.status == "True");
    let done = status.is_some_and(|status| status.phase.as_deref() == Some("Succeeded"));
    if ready || done {
        return None;
    }
    pod.metadata.managed_fields = None;
    pod.metadata.annotations = None;
    pod.spec = None;
    let same = |before: &&Unready| {
        before.pod.metadata.uid == pod.metadata.uid && started(&before.pod) == started(&pod)
    };
    let since = before.filter(same).map_or(now, |before| before.since);
    Some(Unready { pod, since })
}

/// Which of its containers have been started when: after a restart its time begins anew.
fn started(pod: &Pod) -> Vec<Option<Timestamp>> {
    let containers = pod.status.iter().flat_map(|status| status.container_statuses.iter().flatten());
    let running = containers.map(|container| container.state.as_ref()?.running.as_ref()?.started_at.as_ref());
    running.map(|time| time.map(|time| time.0)).collect()
}

/// The first symptom of a pod, worst first.
pub fn symptom(unready: &Unready, now: Timestamp) -> Option<Symptom> {
    let (pod, seconds) = (&unready.pod, seconds_between(unready.since, now));
    if pod.metadata.deletion_timestamp.is_some() {
        return None;
    }
    let status = pod.status.as_ref()?;
    let conditions = status.conditions.as_deref().unwrap_or_default();
    let scheduled = conditions.iter().find(|condition| condition.type_ == "PodScheduled");
    if let Some(condition) =
        scheduled.filter(|condition| condition.reason.as_deref() == Some("Unschedulable"))
    {
        let message = condition.message.clone().unwrap_or_default();
        return Some(Symptom::Unschedulable { message, seconds });
    }
    let init = status.init_container_statuses.iter().flatten();
    let containers: Vec<&ContainerStatus> = init.chain(status.container_statuses.iter().flatten()).collect();
    containers
        .iter()
        .find_map(|container| missing_image(container))
        .or_else(|| containers.iter().find_map(|container| crash(container)))
        .or_else(|| containers.iter().find_map(|container| not_answering(container, seconds)))
}

fn seconds_between(from: Timestamp, to: Timestamp) -> i64 {
    to.as_second() - from.as_second()
}

/// An image that is missing or not for us, told apart from a registry that is away.
fn missing_image(container: &ContainerStatus) -> Option<Symptom> {
    // Whole words: a digest has every number in it.
    const DENIED: [&str; 5] =
        ["401 Unauthorized", "403 Forbidden", "access denied", "authorization failed", "no basic auth"];
    const ABSENT: [&str; 4] = ["not found", "manifest unknown", "name unknown", "404 Not Found"];
    let waiting = container.state.as_ref()?.waiting.as_ref()?;
    let reason = waiting.reason.as_deref().unwrap_or_default();
    let (image, message) = (container.image.clone(), waiting.message.clone().unwrap_or_default());
    let says = |words: &[&str]| words.iter().any(|word| message.contains(word));
    match reason {
        "InvalidImageName" => Some(Symptom::ImageNotFound { image, message }),
        "ErrImagePull" | "ImagePullBackOff" if says(&DENIED) => Some(Symptom::ImageDenied { image, message }),
        "ErrImagePull" | "ImagePullBackOff" if says(&ABSENT) => {
            Some(Symptom::ImageNotFound { image, message })
        }
        _ => None,
    }
}

/// A container that ended with an error and has been, or is about to be, started again.
fn crash(container: &ContainerStatus) -> Option<Symptom> {
    let state = container.state.as_ref()?;
    let waiting = state.waiting.as_ref().and_then(|waiting| waiting.reason.as_deref());
    let ended = state
        .terminated
        .as_ref()
        .or(container.last_state.as_ref().and_then(|last| last.terminated.as_ref()))
        .filter(|ended| ended.exit_code != 0 || waiting == Some("CrashLoopBackOff"))?;
    (!container.ready).then(|| Symptom::Crash {
        container: container.name.clone(),
        exit_code: ended.exit_code,
        reason: ended.reason.clone().unwrap_or_default(),
        restarts: container.restart_count,
        settled: waiting == Some("CrashLoopBackOff") || container.restart_count >= 2,
    })
}

fn not_answering(container: &ContainerStatus, seconds: i64) -> Option<Symptom> {
    container.state.as_ref()?.running.as_ref()?;
    (!container.ready && seconds >= UNREADY_SECONDS).then_some(Symptom::Unready { seconds })
}

/// What to fetch to explain a symptom.
pub fn needs(pod: &Pod, symptom: &Symptom) -> Option<Need> {
    match symptom {
        Symptom::Crash { container, .. } => {
            let again = pod.status.iter().flat_map(|status| status.container_statuses.iter().flatten());
            let running = again.filter(|status| status.name == *container).any(|status| {
                status.state.as_ref().is_some_and(|state| state.running.is_some() || state.waiting.is_some())
            });
            Some(Need::Logs { pod: pod.name_any(), container: container.clone(), previous: running })
        }
        Symptom::Unready { .. } => Some(Need::Readiness { pod: pod.name_any() }),
        Symptom::ImageNotFound { .. } | Symptom::ImageDenied { .. } | Symptom::Unschedulable { .. } => None,
    }
}

/// The verdict on a part, from the symptom of one of its pods and the lines fetched for it.
pub fn verdict(part: &Part, pod: &str, symptom: &Symptom, lines: &[String], environment: &str) -> Verdict {
    let about = format!("{} {}", part.role.as_str(), part.name);
    let name = &part.name;
    match symptom {
        Symptom::ImageNotFound { image, message } => Verdict {
            cause: Cause::ImageNotFound,
            about,
            message: format!("image {image} does not exist"),
            evidence: vec![message.clone()],
            fix: format!(
                "push the image, or choose a version that exists: outboard env set {environment} --set {name}=VERSION"
            ),
            terminal: true,
            holds: false,
        },
        Symptom::ImageDenied { image, message } => Verdict {
            cause: Cause::ImageDenied,
            about,
            message: format!("the registry does not let nodes pull image {image}"),
            evidence: vec![message.clone()],
            fix: format!(
                "check the image's name, or put credentials that may pull it into Secret {} of the control namespace, then outboard env restart {environment} {name}",
                super::pull::NAME
            ),
            terminal: true,
            holds: false,
        },
        Symptom::Crash { exit_code, reason, restarts, settled, .. } if !part.role.completes() => {
            let why =
                if reason.is_empty() || reason == "Error" { String::new() } else { format!(" ({reason})") };
            Verdict {
                cause: Cause::CrashLoop,
                about,
                message: format!(
                    "{name} keeps crashing with exit code {exit_code}{why}, {restarts} restarts so far"
                ),
                evidence: lines.to_vec(),
                fix: format!(
                    "read the last lines above (outboard logs {environment} {name}), then set a version or settings that start"
                ),
                terminal: *settled,
                holds: false,
            }
        }
        Symptom::Crash { exit_code, .. } => job_failed(part, Some(*exit_code), lines, environment),
        Symptom::Unready { seconds } => {
            let allowed = i64::from(part.start_seconds.unwrap_or(60));
            let terminal = *seconds >= allowed;
            // Without a running number: a message that changes every second would be a write every second.
            let so_far = if terminal { format!("after {allowed} s") } else { "yet".to_owned() };
            Verdict {
                cause: Cause::ReadinessFailing,
                about,
                message: format!("{name} runs but is not ready {so_far}"),
                evidence: if lines.is_empty() {
                    vec![format!("pod {pod} has not answered its readiness check")]
                } else {
                    lines.to_vec()
                },
                fix: format!(
                    "see why its health check fails: outboard logs {environment} {name}; a slow start needs a longer health.start (now {allowed}s)"
                ),
                terminal,
                holds: false,
            }
        }
        Symptom::Unschedulable { message, seconds } => Verdict {
            cause: Cause::Unschedulable,
            about,
            message: format!("no node has room for {name}: {}", shortage(message)),
            evidence: vec![message.clone()],
            fix: format!(
                "ask for less ({name}.resources in outboard.yaml), destroy an environment, or add a node"
            ),
            terminal: *seconds >= patience(message),
            holds: false,
        },
    }
}

fn patience(unschedulable: &str) -> i64 {
    let lasts =
        ["Insufficient", "didn't match", "didn't satisfy"].iter().any(|word| unschedulable.contains(word));
    let passes = ["untolerated taint", "were unschedulable"].iter().any(|word| unschedulable.contains(word));
    if passes && !lasts { UNTOLERATED_SECONDS } else { UNSCHEDULABLE_SECONDS }
}

/// The verdict on a part whose pods Kubernetes does not even create.
pub fn no_pods(part: &Part, why: &str, environment: &str) -> Verdict {
    let name = &part.name;
    Verdict {
        cause: Cause::Refused,
        about: format!("{} {name}", part.role.as_str()),
        message: format!("Kubernetes does not let {name} have pods: {why}"),
        evidence: vec![],
        fix: format!(
            "correct what it names in outboard.yaml, then outboard env update {environment}; where a quota is used up, ask for less or destroy an environment"
        ),
        terminal: true,
        holds: false,
    }
}

/// The verdict on a failed job.
pub fn job_failed(part: &Part, exit_code: Option<i32>, lines: &[String], environment: &str) -> Verdict {
    let name = &part.name;
    let code = exit_code.map(|code| format!(" with exit code {code}")).unwrap_or_default();
    Verdict {
        cause: Cause::JobFailed,
        about: format!("{} {name}", part.role.as_str()),
        message: format!("{name} failed{code}; nothing that depends on it was changed"),
        evidence: lines.to_vec(),
        fix: format!(
            "correct it and set the corrected version: outboard env set {environment} --set {name}=VERSION"
        ),
        terminal: true,
        holds: false,
    }
}

/// The resources a scheduler message names: `Insufficient memory`.
fn shortage(message: &str) -> String {
    let mut found: Vec<&str> = Vec::new();
    for piece in message.split(['.', ',', ':']) {
        let piece = piece.trim().trim_start_matches(|c: char| c.is_ascii_digit()).trim();
        if let Some(resource) = piece.strip_prefix("Insufficient ")
            && !found.contains(&resource)
        {
            found.push(resource);
        }
    }
    if found.is_empty() { message.to_owned() } else { format!("not enough {}", found.join(" and ")) }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn pod(status: serde_json::Value) -> Unready {
        let mut pod = json!({"metadata": {"name": "web-1"}});
        pod["status"] = status;
        unready(serde_json::from_value(pod).unwrap(), None, at(10)).unwrap()
    }

    fn part() -> Part {
        serde_json::from_value(json!({"name": "web", "role": "component", "startSeconds": 5, "objects": []}))
            .unwrap()
    }

    fn container(state: &serde_json::Value, restarts: i32) -> serde_json::Value {
        json!({"containerStatuses": [{
            "name": "web", "image": "r/web:nope", "imageID": "", "ready": false, "restartCount": restarts, "state": state,
            "lastState": {},
        }]})
    }

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(second).unwrap()
    }

    #[test]
    fn a_missing_image_is_told_apart_from_a_registry_that_is_away() {
        let waiting =
            |message: &str| container(&json!({"waiting": {"reason": "ErrImagePull", "message": message}}), 0);
        let missing = symptom(&pod(waiting("r/web:nope: not found")), at(10));
        assert!(matches!(missing, Some(Symptom::ImageNotFound { .. })), "{missing:?}");
        let denied = symptom(&pod(waiting("unexpected status from HEAD request: 401 Unauthorized")), at(10));
        assert!(matches!(denied, Some(Symptom::ImageDenied { .. })), "{denied:?}");
        assert_eq!(symptom(&pod(waiting("dial tcp: connection refused")), at(10)), None);
    }

    #[test]
    fn a_crash_becomes_terminal_when_kubernetes_backs_off() {
        let first = pod(container(&json!({"terminated": {"exitCode": 42, "reason": "Error"}}), 0));
        let found = symptom(&first, at(10)).unwrap();
        assert!(!verdict(&part(), "web-1", &found, &[], "qa").terminal);
        let mut status = container(&json!({"waiting": {"reason": "CrashLoopBackOff"}}), 1);
        status["containerStatuses"][0]["lastState"] =
            json!({"terminated": {"exitCode": 42, "reason": "Error"}});
        let backed_off = pod(status);
        let found = symptom(&backed_off, at(10)).unwrap();
        let verdict = verdict(&part(), "web-1", &found, &["boom".into()], "qa");
        assert!(verdict.terminal);
        assert_eq!(verdict.message, "web keeps crashing with exit code 42, 1 restarts so far");
        assert_eq!(
            needs(&backed_off.pod, &found),
            Some(Need::Logs { pod: "web-1".into(), container: "web".into(), previous: true })
        );
    }

    #[test]
    fn not_ready_is_terminal_only_after_the_start_time_given() {
        let running = pod(container(&json!({"running": {"startedAt": "1970-01-01T00:00:10Z"}}), 0));
        let patient: Part = serde_json::from_value(
            json!({"name": "web", "role": "component", "startSeconds": 60, "objects": []}),
        )
        .unwrap();
        let terminal = |part: &Part, second| {
            let found = symptom(&running, at(second)).unwrap();
            verdict(part, "web-1", &found, &[], "qa").terminal
        };
        assert_eq!(symptom(&running, at(12)), None, "a start of two seconds is no symptom");
        assert!(terminal(&part(), 15));
        assert!(!terminal(&patient, 15));
    }

    #[test]
    fn an_unschedulable_pod_names_the_resource() {
        let message = "0/1 nodes are available: 1 Insufficient memory. preemption: 0/1 nodes are available: 1 No victims.";
        let waiting = pod(json!({"conditions": [{
            "type": "PodScheduled", "status": "False", "reason": "Unschedulable", "message": message,
            "lastTransitionTime": "1970-01-01T00:00:00Z",
        }]}));
        let found = symptom(&waiting, at(20)).unwrap();
        let verdict = verdict(&part(), "web-1", &found, &[], "qa");
        assert_eq!(verdict.message, "no node has room for web: not enough memory");
        assert!(verdict.terminal);
    }

    #[test]
    fn a_node_that_takes_no_pods_for_a_moment_is_waited_for() {
        let verdict = |message: &str, seconds| {
            let symptom = Symptom::Unschedulable { message: message.into(), seconds };
            verdict(&part(), "web-1", &symptom, &[], "qa")
        };
        let away =
            "0/1 nodes are available: 1 node(s) had untolerated taint(s). no new claims to deallocate.";
        assert!(!verdict(away, 30).terminal);
        assert!(verdict(away, 60).terminal);
        let full = "0/2 nodes are available: 1 Insufficient cpu, 1 node(s) had untolerated taint(s).";
        assert!(verdict(full, 3).terminal);
    }

    #[test]
    fn how_long_it_is_not_ready_is_told_by_one_clock_and_begins_anew_with_its_containers() {
        let running = |since: &str| {
            let status = container(&json!({"running": {"startedAt": since}}), 0);
            let pod = json!({"metadata": {"name": "web-1", "uid": "u"}, "status": status});
            serde_json::from_value::<Pod>(pod).unwrap()
        };
        // The node's clock is hours away.
        let first = unready(running("1970-01-01T09:00:00Z"), None, at(10)).unwrap();
        let later = unready(running("1970-01-01T09:00:00Z"), Some(&first), at(14)).unwrap();
        assert_eq!(symptom(&later, at(16)), Some(Symptom::Unready { seconds: 6 }));
        let restarted = unready(running("1970-01-01T09:00:07Z"), Some(&later), at(17)).unwrap();
        assert_eq!(restarted.since, at(17));
    }

    #[test]
    fn a_pod_that_serves_or_is_done_is_not_remembered() {
        for status in [
            json!({"conditions": [{"type": "Ready", "status": "True"}]}),
            json!({"phase": "Succeeded", "conditions": [{"type": "Ready", "status": "False"}]}),
        ] {
            let pod = json!({"metadata": {"name": "web-1"}, "status": status});
            assert_eq!(unready(serde_json::from_value(pod).unwrap(), None, at(0)), None);
        }
    }
}
