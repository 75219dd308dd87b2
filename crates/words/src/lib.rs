//! How what happened is said to people: sentence, hint and exit code of an error, a verdict, a plan, a part, a time. The
//! same words on the command line and in the browser. Draws nothing: colours and tables are the surfaces' own.

mod archive;
mod asked;
pub mod copy;
pub mod found;
mod harmless;
mod inside;
pub mod log;
pub mod plan;
pub mod preview;
pub mod size;
pub mod time;
mod verb;

use api::{Exit, PartState, PartStatus, Rotation, RotationPhase, Verdict};
use verbs::data::TargetState;

pub use asked::asked;
pub use harmless::harmless;
pub use verb::of_verb;

/// What is said of an error.
#[derive(Clone, Debug)]
pub struct Words {
    pub exit: Exit,
    pub sentence: String,
    pub details: Vec<String>,
    pub hint: Option<String>,
}

impl Words {
    pub fn new(exit: Exit, sentence: impl Into<String>) -> Self {
        Self { exit, sentence: sentence.into(), details: vec![], hint: None }
    }

    #[must_use]
    pub fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }

    #[must_use]
    pub fn details(mut self, details: Vec<String>) -> Self {
        self.details = details;
        self
    }
}

/// An error with its causes, each once.
pub fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(inner) = cause {
        let inner_text = inner.to_string();
        if !text.contains(&inner_text) {
            text.push_str(&format!(": {inner_text}"));
        }
        cause = inner.source();
    }
    text
}

/// What is wrong with what, naming it once.
pub fn finding(verdict: &Verdict) -> String {
    if verdict.message.contains(&verdict.about) {
        verdict.message.clone()
    } else {
        format!("{}: {}", verdict.about, verdict.message)
    }
}

/// A part's state in words: its replicas, then what it is doing.
pub fn doing(part: &PartStatus) -> String {
    let message = if part.message.is_empty() { part.state.as_str() } else { part.message.as_str() };
    match part.replicas.as_deref().filter(|_| part.state != PartState::Ready) {
        Some(replicas) if !message.contains(replicas) => format!("{replicas} {message}"),
        _ => message.to_owned(),
    }
}

/// How far the change of a service's password is.
pub fn rotation(service: &str, rotation: &Rotation) -> String {
    let phase = match rotation.phase {
        RotationPhase::Waiting => "waits",
        RotationPhase::Preparing => "its server is told to take a new password beside the old one",
        RotationPhase::Replacing => "whoever uses it gets new pods with the new one",
        RotationPhase::Retiring => "its server is told to forget the old one",
        RotationPhase::Done => "the old password is forgotten",
        RotationPhase::Refused => "its password stays as it is",
    };
    match rotation.message.as_str() {
        "" => format!("service {service}: {phase}"),
        message => format!("service {service}: {phase} ({message})"),
    }
}

/// What a copy that did not end well left behind; one without a target is a backup or a scan.
pub fn left(target: Option<TargetState>) -> &'static str {
    let Some(target) = target else { return "no environment's data was changed" };
    match target {
        TargetState::Untouched => "the target's data is what it was",
        TargetState::Incomplete => {
            "the target holds part of the copy: nothing to work with; the same copy again takes it up where it was"
        }
        TargetState::Emptied => "what was copied has been dropped: the target's databases are empty",
        TargetState::Copied => "the target holds the copy, whole and verified",
    }
}
