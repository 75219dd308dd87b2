//! What is wrong with a pod, as far as it says so itself.

use k8s_openapi::api::core::v1::{ContainerStatus, PodStatus};
use k8s_openapi::jiff::Timestamp;

use super::image::{self, Pull};
use super::unready::Unready;

/// How long a started container may be not ready before that is worth a word.
const UNREADY_SECONDS: i64 = 5;
/// How long a node may take to make a pod before that is.
const NOT_STARTED_SECONDS: i64 = 3;
/// How long after its time a pod may still be there.
const OVERDUE_SECONDS: i64 = 30;
/// A pod that was given up longer ago than this explains nothing any more.
const GIVEN_UP_SECONDS: i64 = 600;

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Symptom {
    /// A node cannot have an image.
    Image {
        image: String,
        message: String,
        pull: Pull,
    },
    /// A node cannot make a container as it is set up.
    Setup {
        container: String,
        message: String,
    },
    Crash(Crash),
    Unready {
        container: String,
        init: bool,
        seconds: i64,
    },
    Unschedulable {
        message: String,
        seconds: i64,
    },
    /// Its node gave it up, or would not have it; so many of its like.
    GivenUp {
        reason: String,
        message: String,
        times: usize,
    },
    /// Its node has made no container of it.
    NotStarted {
        node: String,
        seconds: i64,
    },
    /// Its containers run and were ready, or it should be gone: its node has not said otherwise.
    Silent {
        node: String,
        seconds: i64,
    },
}

/// A container that ended with an error and has been, or is about to be, started again.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Crash {
    pub container: String,
    /// It has to end well before the others begin.
    pub init: bool,
    pub exit_code: i32,
    pub reason: String,
    /// In the runtime's words.
    pub message: String,
    pub restarts: i32,
    pub settled: bool,
}

impl Crash {
    /// The runtime could not start it at all: then it has written nothing.
    pub fn never_began(&self) -> bool {
        matches!(self.reason.as_str(), "StartError" | "ContainerCannotRun")
    }
}

/// The worst that pods of one part say, and the pod that says it.
pub fn worst(pods: &[impl AsRef<Unready>], now: Timestamp) -> Option<(&Unready, Symptom)> {
    let mut found: Vec<(&Unready, Symptom)> =
        pods.iter().filter_map(|pod| Some((pod.as_ref(), symptom(pod.as_ref(), now)?))).collect();
    let given_up = found.iter().filter(|(_, symptom)| matches!(symptom, Symptom::GivenUp { .. })).count();
    found.sort_by_key(|(_, symptom)| rank(symptom));
    let (pod, mut worst) = found.into_iter().next()?;
    if let Symptom::GivenUp { times, .. } = &mut worst {
        *times = given_up;
    }
    Some((pod, worst))
}

/// A pod that merely is not ready yet explains less than one that cannot start.
fn rank(symptom: &Symptom) -> u8 {
    match symptom {
        Symptom::Image { pull: Pull::Away, .. } => 1,
        Symptom::Image { .. } | Symptom::Setup { .. } | Symptom::Crash(_) | Symptom::Unschedulable { .. } => {
            0
        }
        Symptom::GivenUp { .. } => 2,
        Symptom::NotStarted { .. } | Symptom::Silent { .. } => 3,
        Symptom::Unready { .. } => 4,
    }
}

/// The first symptom of a pod, worst first.
pub fn symptom(unready: &Unready, now: Timestamp) -> Option<Symptom> {
    let (pod, seconds) = (&unready.pod, seconds_between(unready.since, now));
    let silent = |seconds| unready.node.clone().map(|node| Symptom::Silent { node, seconds });
    if let Some(due) = &pod.metadata.deletion_timestamp {
        let overdue = seconds_between(due.0, now);
        return (overdue >= OVERDUE_SECONDS).then(|| silent(seconds)).flatten();
    }
    let status = pod.status.as_ref()?;
    let conditions = status.conditions.as_deref().unwrap_or_default();
    let condition = |r#type: &str| conditions.iter().find(|condition| condition.type_ == r#type);
    if let Some(found) =
        condition("PodScheduled").filter(|found| found.reason.as_deref() == Some("Unschedulable"))
    {
        let message = found.message.clone().unwrap_or_default();
        return Some(Symptom::Unschedulable { message, seconds });
    }
    if let Some(symptom) = given_up(status, seconds, now) {
        return symptom;
    }
    let init = status.init_container_statuses.iter().flatten();
    let containers: Vec<&ContainerStatus> = init.chain(status.container_statuses.iter().flatten()).collect();
    let is_init = |container: &ContainerStatus| unready.inits.contains(&container.name);
    containers
        .iter()
        .find_map(|container| missing_image(container))
        .or_else(|| containers.iter().find_map(|container| setup(container)))
        .or_else(|| containers.iter().find_map(|container| crash(container, is_init(container))))
        .or_else(|| {
            containers.iter().find_map(|container| not_answering(container, is_init(container), seconds))
        })
        .or_else(|| {
            let says_ready = !containers.is_empty() && containers.iter().all(|container| container.ready);
            let unready = condition("Ready").is_some_and(|found| found.status == "False");
            (says_ready && unready).then(|| silent(seconds)).flatten()
        })
        .or_else(|| {
            let begun = |container: &&ContainerStatus| {
                let state = container.state.as_ref();
                state.is_some_and(|state| state.running.is_some() || state.terminated.is_some())
            };
            let none = !containers.iter().any(begun) && seconds >= NOT_STARTED_SECONDS;
            none.then(|| unready.node.clone().map(|node| Symptom::NotStarted { node, seconds })).flatten()
        })
}

fn seconds_between(from: Timestamp, to: Timestamp) -> i64 {
    to.as_second() - from.as_second()
}

/// A pod whose node ended it by itself: it says so as a whole, and another takes its place. The outer `None`: it was not
/// given up; the inner: too long ago to explain anything.
fn given_up(status: &PodStatus, seconds: i64, now: Timestamp) -> Option<Option<Symptom>> {
    let reason = status.reason.clone().filter(|_| status.phase.as_deref() == Some("Failed"))?;
    let conditions = status.conditions.iter().flatten();
    let disrupted = conditions.filter(|found| found.type_ == "DisruptionTarget");
    let since = disrupted.filter_map(|found| found.last_transition_time.as_ref()).map(|time| time.0).next();
    let age = since.map_or(seconds, |since| seconds_between(since, now));
    let message = status.message.clone().unwrap_or_default();
    Some((age < GIVEN_UP_SECONDS).then_some(Symptom::GivenUp { reason, message, times: 1 }))
}

fn missing_image(container: &ContainerStatus) -> Option<Symptom> {
    let waiting = container.state.as_ref()?.waiting.as_ref()?;
    let message = waiting.message.clone().unwrap_or_default();
    let pull = image::judge(waiting.reason.as_deref().unwrap_or_default(), &message)?;
    Some(Symptom::Image { image: container.image.clone(), message, pull })
}

fn setup(container: &ContainerStatus) -> Option<Symptom> {
    const REASONS: [&str; 3] = ["CreateContainerConfigError", "CreateContainerError", "RunContainerError"];
    let waiting = container.state.as_ref()?.waiting.as_ref()?;
    let reason = waiting.reason.as_deref().unwrap_or_default();
    REASONS.contains(&reason).then(|| Symptom::Setup {
        container: container.name.clone(),
        message: waiting.message.clone().unwrap_or_default(),
    })
}

fn crash(container: &ContainerStatus, init: bool) -> Option<Symptom> {
    let state = container.state.as_ref()?;
    let waiting = state.waiting.as_ref().and_then(|waiting| waiting.reason.as_deref());
    let ended = state
        .terminated
        .as_ref()
        .or(container.last_state.as_ref().and_then(|last| last.terminated.as_ref()))
        .filter(|ended| ended.exit_code != 0 || waiting == Some("CrashLoopBackOff"))?;
    (!container.ready).then(|| {
        Symptom::Crash(Crash {
            container: container.name.clone(),
            init,
            exit_code: ended.exit_code,
            reason: ended.reason.clone().unwrap_or_default(),
            message: ended.message.clone().unwrap_or_default(),
            restarts: container.restart_count,
            settled: waiting == Some("CrashLoopBackOff") || container.restart_count >= 2,
        })
    })
}

fn not_answering(container: &ContainerStatus, init: bool, seconds: i64) -> Option<Symptom> {
    container.state.as_ref()?.running.as_ref()?;
    let symptom = Symptom::Unready { container: container.name.clone(), init, seconds };
    (!container.ready && seconds >= UNREADY_SECONDS).then_some(symptom)
}
