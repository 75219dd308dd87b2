//! What comes next when the password of a service is changed on both sides: what lies in its Secret and was seen in, the next
//! act out.
//!
//! All of the state lies in the Secret itself, so whoever is killed anywhere goes on from there; and the kubelet brings all of it
//! into the server's pod at once, so the pod says which state it has. A server takes exactly the passwords that lie in its pod,
//! when it starts as when it is told to. So there is no moment in which somebody is refused who has one of them.

use std::collections::BTreeMap;
use std::time::Duration;

use api::revision::{EnvironmentRevision, Rotates};
use api::{Cause, Role, Rotation, RotationPhase, Verdict};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
use k8s_openapi::jiff::Timestamp;
use serde::{Deserialize, Serialize};

pub mod clients;
mod server;

#[cfg(test)]
mod tests;

pub use server::{Answer, unsupported};

/// Keys of a service's credentials: the password that everybody is given, the one that is to come, the one that was, and
/// how far this is.
pub const PASSWORD: &str = "password";
pub const NEXT: &str = "next";
pub const PREVIOUS: &str = "previous";
pub const STATE: &str = "rotation";

/// When a change that runs is looked at again. What kubelets do is no event, nor what pods of environments do that share the
/// service; those of the environment itself wake it.
const SOON: Duration = Duration::from_secs(3);
const LATER: Duration = Duration::from_secs(15);

/// The longest request: it is copied into a Secret and a status.
const LONGEST: usize = 64;

/// How far the change of a password is, as it lies beside it.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct State {
    pub request: String,
    pub step: Step,
    /// When it was done.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub at: Option<Time>,
}

#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub enum Step {
    /// `next` is there, and everybody has `password`.
    Both,
    /// They changed places: everybody gets what was `next`, `previous` is what they had.
    Exchanged,
    /// `previous` is gone, and the server is still to forget it.
    Forgetting,
    Done,
}

impl State {
    /// None: nothing that we wrote.
    pub fn read(bytes: &[u8]) -> Option<Self> {
        serde_json::from_slice(bytes).ok()
    }

    pub fn text(&self) -> String {
        // Serialising our own types cannot fail.
        serde_json::to_string(self).unwrap_or_default()
    }

    fn at_step(&self, step: Step) -> Self {
        Self { request: self.request.clone(), step, at: None }
    }
}

/// A service whose password may have to be changed.
pub struct Service<'a> {
    pub name: &'a str,
    pub environment: &'a str,
    /// What asks for it.
    pub wanted: Option<&'a str>,
    /// How its server is told; none: nobody can tell it, as it was rendered.
    pub rotates: Option<Rotates>,
    pub state: Option<State>,
    /// There is a state, and it cannot be read.
    pub unread: bool,
    /// What was last said of it.
    pub told: Option<&'a Rotation>,
    /// Why nothing is begun now.
    pub hindered: Option<&'a str>,
    /// Nothing may be changed for a time.
    pub frozen: bool,
}

/// What has to be looked at before it can go on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Need {
    Nothing,
    /// Whether the server can be told.
    Ask,
    /// The server takes what its pod has.
    Take,
    /// It does, and then: who may still have the old one.
    Clients,
}

/// What was seen.
#[derive(Clone, Debug)]
pub enum Found {
    Nothing,
    /// What the server's pod said, or why it said nothing.
    Server(Result<Answer, String>),
    /// Who may still have the old one, for people.
    Clients(Vec<String>),
}

/// What comes next.
#[derive(Clone, Debug, PartialEq)]
pub enum Act {
    /// Nothing runs.
    Rest,
    Wait(String),
    Refuse(String),
    /// Another state is written, and with it the keys change.
    Write(Keys, State),
}

/// What becomes of the passwords.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Keys {
    /// One is drawn as `next`.
    Draw,
    /// `next` becomes `password`, `password` becomes `previous`.
    Exchange,
    /// `previous` goes.
    Forget,
    Stay,
}

/// A new request, unless it was done or refused before.
fn asked<'a>(service: &Service<'a>) -> Option<&'a str> {
    let done = service.state.as_ref().map(|state| state.request.as_str());
    let refused = service.told.filter(|told| told.phase == RotationPhase::Refused);
    let refused = refused.map(|told| told.request.as_str());
    service.wanted.filter(|wanted| Some(*wanted) != done && Some(*wanted) != refused)
}

/// What has begun is brought to its end, whatever is asked for meanwhile.
fn running<'a>(service: &'a Service<'_>) -> Option<&'a State> {
    service.state.as_ref().filter(|state| state.step != Step::Done)
}

pub fn need(service: &Service<'_>) -> Need {
    if service.frozen || service.unread {
        return Need::Nothing;
    }
    match running(service).map(|state| state.step) {
        Some(Step::Both | Step::Forgetting) => Need::Take,
        Some(Step::Exchanged) => Need::Clients,
        Some(Step::Done) => Need::Nothing,
        None if asked(service).is_some() && service.hindered.is_none() && service.rotates.is_some() => {
            Need::Ask
        }
        None => Need::Nothing,
    }
}

pub fn next(service: &Service<'_>, found: &Found, now: Timestamp) -> Act {
    if service.frozen && (running(service).is_some() || asked(service).is_some()) {
        return Act::Wait("the environment is frozen".to_owned());
    }
    if service.unread && service.wanted.is_some() {
        return Act::Wait(format!(
            "another outboard has begun to change the password of {}, and this one cannot read how far it is: that one \
             goes on with it",
            service.name
        ));
    }
    let Some(state) = running(service) else { return begin(service, found) };
    if let (Found::Server(Ok(answer)), Some(rotates)) = (found, service.rotates)
        && let Some(why) = unsupported(rotates, &answer.version)
    {
        // It was another one when this began.
        return Act::Wait(format!("{}: {why}", service.name));
    }
    match (state.step, found) {
        (_, Found::Server(Err(why))) => Act::Wait(why.clone()),
        (_, Found::Server(Ok(answer))) if answer.holds != state.text() => Act::Wait(format!(
            "the pod of {} is to get it from Kubernetes, which takes a minute",
            service.name
        )),
        (Step::Both, Found::Server(Ok(_))) => Act::Write(Keys::Exchange, state.at_step(Step::Exchanged)),
        (Step::Exchanged, Found::Clients(clients)) if clients.is_empty() => {
            Act::Write(Keys::Forget, state.at_step(Step::Forgetting))
        }
        (Step::Exchanged, Found::Clients(clients)) => Act::Wait(listed(clients)),
        (Step::Forgetting, Found::Server(Ok(_))) => {
            Act::Write(Keys::Stay, State { at: Some(Time(now)), ..state.at_step(Step::Done) })
        }
        _ => Act::Wait(String::new()),
    }
}

fn begin(service: &Service<'_>, found: &Found) -> Act {
    let Some(request) = asked(service) else { return Act::Rest };
    let Service { name, environment, .. } = *service;
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b":._-".contains(&byte);
    if request.is_empty() || request.len() > LONGEST || !request.bytes().all(plain) {
        // It goes through a Secret, a file and a shell.
        return Act::Refuse(format!("a request has 1 to {LONGEST} letters, digits and :._-"));
    }
    if let Some(why) = service.hindered {
        return Act::Wait(why.to_owned());
    }
    let Some(rotates) = service.rotates else {
        return Act::Refuse(format!(
            "{name} cannot be told of a second password as it runs now: outboard env update {environment} renders it \
             anew, if it is a mariadb, mysql or redis of its own; then ask again"
        ));
    };
    match found {
        Found::Server(Ok(answer)) => match unsupported(rotates, &answer.version) {
            Some(why) => Act::Refuse(format!("{name}: {why}")),
            None => Act::Write(Keys::Draw, State { request: request.to_owned(), step: Step::Both, at: None }),
        },
        Found::Server(Err(why)) => Act::Wait(why.clone()),
        _ => Act::Wait(String::new()),
    }
}

/// Services of a revision that could not be told any more while their password is being changed.
pub fn untold(revision: &EnvironmentRevision) -> impl Iterator<Item = &str> {
    revision.parts_of(Role::Service).filter(|part| part.rotates.is_none()).map(|part| part.name.as_str())
}

/// A revision of long ago has servers that know one password: whoever has the other one would be refused. It waits.
pub fn waits(
    environment: &str,
    revision: &EnvironmentRevision,
    rotations: &BTreeMap<String, Rotation>,
) -> Option<Verdict> {
    use RotationPhase::{Preparing, Replacing, Retiring};
    let runs = |name: &&str| {
        rotations.get(*name).is_some_and(|told| matches!(told.phase, Preparing | Replacing | Retiring))
    };
    let service = untold(revision).find(runs)?;
    Some(Verdict {
        cause: Cause::Invalid,
        about: format!("environment {environment}"),
        message: format!(
            "the password of service {service} is being changed, and as this revision has it its server takes one alone"
        ),
        evidence: vec![],
        fix: format!(
            "the change follows by itself once that is done; see outboard env rotate {environment} {service}"
        ),
        terminal: true,
        holds: true,
    })
}

/// The first of them, and how many more.
fn listed(clients: &[String]) -> String {
    const SHOWN: usize = 3;
    let mut text = clients[..clients.len().min(SHOWN)].join("; ");
    if clients.len() > SHOWN {
        text.push_str(&format!("; and {} more", clients.len() - SHOWN));
    }
    text
}

/// How soon it has to be looked at again; none: what it waits for is an event, or nothing.
pub fn again(service: &Service<'_>, act: &Act) -> Option<Duration> {
    match act {
        Act::Write(..) => Some(SOON),
        Act::Wait(_) if service.frozen || service.unread => None,
        Act::Wait(_) => match running(service).map(|state| state.step) {
            Some(Step::Both | Step::Forgetting) => Some(SOON),
            Some(_) => Some(LATER),
            None => service.hindered.is_none().then_some(LATER),
        },
        Act::Rest | Act::Refuse(_) => None,
    }
}

/// What is said of it; none: nothing was ever asked for.
pub fn told(service: &Service<'_>, act: &Act) -> Option<Rotation> {
    let phase = |step| match step {
        Step::Both => RotationPhase::Preparing,
        Step::Exchanged => RotationPhase::Replacing,
        Step::Forgetting => RotationPhase::Retiring,
        Step::Done => RotationPhase::Done,
    };
    let of = |state: &State, message: &str| Rotation {
        request: state.request.clone(),
        phase: phase(state.step),
        message: message.to_owned(),
        rotated_at: state.at.clone(),
    };
    match act {
        Act::Write(_, state) => Some(of(state, "")),
        Act::Wait(why) => match running(service) {
            Some(state) => Some(of(state, why)),
            None => asked(service).map(|request| Rotation {
                request: request.to_owned(),
                phase: RotationPhase::Waiting,
                message: why.clone(),
                rotated_at: None,
            }),
        },
        Act::Refuse(why) => asked(service).map(|request| Rotation {
            request: request.to_owned(),
            phase: RotationPhase::Refused,
            message: why.clone(),
            rotated_at: None,
        }),
        Act::Rest => match (service.told, &service.state) {
            // A refusal is known from nowhere else.
            (Some(told), _)
                if told.phase == RotationPhase::Refused && Some(told.request.as_str()) == service.wanted =>
            {
                Some(told.clone())
            }
            (_, Some(state)) => Some(of(state, "")),
            (_, None) => None,
        },
    }
}
