//! Whether a container has started, has ended, or never will start: read from its pod.

use api::{Cause, Part, Verdict};
use environments::plan::diagnose::{self, Case, Facts, Pull, Symptom, Unready};
use jiff::Timestamp;
use k8s_openapi::api::core::v1::{ContainerState, ContainerStateWaiting, ContainerStatus, Pod, PodStatus};

use super::session::no_such_command;

/// How a container is.
#[derive(Clone, Debug, PartialEq)]
pub enum State {
    /// Not yet; in words, why.
    Waiting(String),
    Running,
    Ended(i32),
    NoSuchCommand,
    Stuck(Box<Verdict>),
}

/// Who is told what to do when the container can't start.
pub struct Starting<'a> {
    pub environment: &'a str,
    /// The component whose settings it has.
    pub part: &'a Part,
    /// The image was named by hand, not by the environment's revision.
    pub image_by_hand: bool,
}

/// How the container called `container` is.
pub fn state(pod: &Pod, container: &str, starting: &Starting<'_>, now: Timestamp) -> State {
    let found = status(pod, container);
    if let Some(state) = found.and_then(|status| status.state.as_ref())
        && let Some(state) = begun(state)
    {
        return state;
    }
    let unready = Unready::of(alone(pod, found), unschedulable_since(pod).unwrap_or(now));
    match diagnose::symptom(&unready, now) {
        Some(Symptom::Image { image, message, pull: Pull::Missing }) if starting.image_by_hand => {
            return State::Stuck(Box::new(no_image(starting, &image, message)));
        }
        Some(symptom @ (Symptom::Image { .. } | Symptom::Unschedulable { .. })) => {
            let case = Case::new(starting.part, starting.environment);
            let verdict = diagnose::verdict(&case, &symptom, &Facts::default());
            if let Some(verdict) = verdict.filter(|verdict| verdict.terminal) {
                return State::Stuck(Box::new(verdict));
            }
        }
        _ => {}
    }
    let waiting = found.and_then(|status| status.state.as_ref()?.waiting.as_ref());
    let reason = waiting.and_then(|waiting| waiting.reason.clone()).unwrap_or_default();
    let message = waiting.and_then(|waiting| waiting.message.clone()).unwrap_or_default();
    let image = found.map(|status| status.image.as_str()).unwrap_or_default();
    match reason.as_str() {
        "" => State::Waiting("waiting for a node".to_owned()),
        "ImagePullBackOff" | "InvalidImageName" | "ErrImageNeverPull" => {
            State::Stuck(Box::new(no_image(starting, image, message)))
        }
        "CreateContainerConfigError" => State::Stuck(Box::new(no_settings(starting, &message))),
        "CreateContainerError" | "RunContainerError" if no_such_command(&message) => State::NoSuchCommand,
        "CreateContainerError" | "RunContainerError" => State::Stuck(Box::new(refused(starting, message))),
        _ => State::Waiting(if message.is_empty() { reason } else { format!("{reason}: {message}") }),
    }
}

fn unschedulable_since(pod: &Pod) -> Option<Timestamp> {
    let conditions = pod.status.as_ref()?.conditions.iter().flatten();
    let scheduled = conditions.into_iter().find(|condition| condition.type_ == "PodScheduled")?;
    scheduled.last_transition_time.as_ref().map(|time| time.0)
}

/// The pod with this one container: others beside it may be in trouble of their own.
fn alone(pod: &Pod, container: Option<&ContainerStatus>) -> Pod {
    let conditions = pod.status.as_ref().and_then(|status| status.conditions.clone());
    let container_statuses = container.map(|status| vec![status.clone()]);
    Pod {
        metadata: pod.metadata.clone(),
        status: Some(PodStatus { conditions, container_statuses, ..PodStatus::default() }),
        spec: None,
    }
}

/// What an Event says of a pull that failed: a pod that runs already tells it in its status only much later.
pub fn pull_failed(
    starting: &Starting<'_>,
    image: &str,
    message: &str,
    now: Timestamp,
) -> Option<Box<Verdict>> {
    let waiting =
        ContainerStateWaiting { reason: Some("ErrImagePull".to_owned()), message: Some(message.to_owned()) };
    let status = ContainerStatus {
        name: image.to_owned(),
        image: image.to_owned(),
        state: Some(ContainerState { waiting: Some(waiting), ..ContainerState::default() }),
        ..ContainerStatus::default()
    };
    let status = PodStatus { container_statuses: Some(vec![status]), ..PodStatus::default() };
    match state(&Pod { status: Some(status), ..Pod::default() }, image, starting, now) {
        State::Stuck(verdict) => Some(verdict),
        _ => None,
    }
}

fn begun(state: &ContainerState) -> Option<State> {
    if state.running.is_some() {
        return Some(State::Running);
    }
    let ended = state.terminated.as_ref()?;
    let message = ended.message.as_deref().unwrap_or_default();
    let never_began = matches!(ended.reason.as_deref(), Some("StartError" | "ContainerCannotRun"));
    Some(if never_began && no_such_command(message) {
        State::NoSuchCommand
    } else {
        State::Ended(ended.exit_code)
    })
}

/// Among the containers of the pod and those that were added to it later.
fn status<'a>(pod: &'a Pod, container: &str) -> Option<&'a ContainerStatus> {
    let status = pod.status.as_ref()?;
    let main = status.container_statuses.iter().flatten();
    main.chain(status.ephemeral_container_statuses.iter().flatten()).find(|status| status.name == container)
}

fn about(part: &Part) -> String {
    format!("{} {}", part.role.as_str(), part.name)
}

fn no_image(starting: &Starting<'_>, image: &str, message: String) -> Verdict {
    let fix = if starting.image_by_hand {
        "name an image that this cluster can pull: --image IMAGE, or OUTBOARD_DEBUG_IMAGE".to_owned()
    } else {
        format!(
            "see that the cluster can pull it, or choose another version: outboard env set {} --set {}=VERSION",
            starting.environment, starting.part.name
        )
    };
    Verdict {
        cause: Cause::ImageNotFound,
        about: about(starting.part),
        message: format!("image {image} cannot be pulled"),
        evidence: vec![message],
        fix,
        terminal: true,
        holds: false,
    }
}

fn no_settings(starting: &Starting<'_>, message: &str) -> Verdict {
    Verdict {
        cause: Cause::Refused,
        about: about(starting.part),
        message: format!("its settings are not complete: {message}"),
        evidence: vec![],
        fix: format!(
            "see whether the environment is ready: outboard env show {} --wait",
            starting.environment
        ),
        terminal: true,
        holds: false,
    }
}

fn refused(starting: &Starting<'_>, message: String) -> Verdict {
    Verdict {
        cause: Cause::Refused,
        about: about(starting.part),
        message: "the node cannot start its container".to_owned(),
        evidence: vec![message],
        fix: "read what the node says above".to_owned(),
        terminal: true,
        holds: false,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(second).unwrap()
    }

    fn look(status: &Value, image_by_hand: bool) -> State {
        let pod = json!({"metadata": {"name": "web-run-x"}, "status": status});
        let pod: Pod = serde_json::from_value(pod).unwrap();
        let part = json!({"name": "web", "role": "component", "objects": []});
        let part: Part = serde_json::from_value(part).unwrap();
        state(&pod, "web", &Starting { environment: "qa", part: &part, image_by_hand }, at(10))
    }

    fn container(state: &Value) -> Value {
        json!({"containerStatuses": [{
            "name": "web", "image": "r/web:9", "imageID": "", "ready": false, "restartCount": 0, "state": state,
        }]})
    }

    fn waiting(reason: &str, message: &str) -> Value {
        container(&json!({"waiting": {"reason": reason, "message": message}}))
    }

    #[test]
    fn what_cannot_start_is_said_at_once_with_its_cause() {
        let causes = [
            (waiting("ErrImagePull", "r/web:9: not found"), Cause::ImageNotFound),
            (waiting("ImagePullBackOff", "401 Unauthorized"), Cause::ImageDenied),
            (waiting("CreateContainerConfigError", "secret \"web-env\" not found"), Cause::Refused),
        ];
        for (status, cause) in causes {
            let State::Stuck(verdict) = look(&status, false) else { panic!("{status}") };
            assert_eq!(verdict.cause, cause, "{status}");
        }
    }

    #[test]
    fn no_room_counts_once_it_has_lasted() {
        let waiting = |second: u32| {
            json!({"conditions": [{
                "type": "PodScheduled", "status": "False", "reason": "Unschedulable",
                "message": "0/1 nodes are available: 1 Insufficient memory.",
                "lastTransitionTime": format!("1970-01-01T00:00:{second:02}Z"),
            }]})
        };
        assert!(matches!(look(&waiting(9), false), State::Waiting(_)));
        let State::Stuck(verdict) = look(&waiting(5), false) else { panic!("not stuck") };
        assert_eq!(verdict.cause, Cause::Unschedulable);
    }

    #[test]
    fn a_registry_that_is_away_for_a_moment_is_waited_for() {
        let away = look(&waiting("ErrImagePull", "dial tcp: connection refused"), false);
        assert_eq!(away, State::Waiting("ErrImagePull: dial tcp: connection refused".into()));
    }

    #[test]
    fn an_image_named_by_hand_is_answered_with_the_flag_that_named_it() {
        let State::Stuck(verdict) = look(&waiting("ImagePullBackOff", "not found"), true) else {
            panic!("not stuck")
        };
        assert!(verdict.fix.contains("--image"), "{}", verdict.fix);
    }

    #[test]
    fn an_event_tells_a_missing_image_from_a_registry_that_is_away() {
        let part: Part =
            serde_json::from_value(json!({"name": "web", "role": "component", "objects": []})).unwrap();
        let starting = Starting { environment: "qa", part: &part, image_by_hand: true };
        let told = |message: &str| pull_failed(&starting, "r/tools:1", message, at(0));
        assert_eq!(told("r/tools:1: not found").map(|verdict| verdict.cause), Some(Cause::ImageNotFound));
        assert_eq!(told("connection refused"), None);
    }

    #[test]
    fn a_program_that_is_not_there_is_no_exit_code() {
        let ended = |reason: &str, message: &str| {
            container(&json!({"terminated": {"exitCode": 128, "reason": reason, "message": message}}))
        };
        let missing = "exec: \"nosuch\": executable file not found in $PATH";
        assert_eq!(look(&ended("StartError", missing), false), State::NoSuchCommand);
        assert_eq!(look(&ended("Error", ""), false), State::Ended(128));
    }
}
