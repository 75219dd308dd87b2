//! Draws what happens while a command waits: live lines on a terminal, plain lines elsewhere, events in JSON.

mod live;
mod plain;

use std::io::IsTerminal;

use api::condition::AWAITS_HOSTS;
use serde_json::json;
use verbs::Event;
use verbs::environment::Planned;
use words::{copy, plan};

use self::live::Live;
use self::plain::Plain;
use super::Output;
use crate::args::Format;

pub enum Progress<'a> {
    Json(&'a Output),
    Live(Live),
    Plain(Plain<'a>),
}

impl<'a> Progress<'a> {
    pub fn new(output: &'a Output) -> Self {
        if output.format == Format::Json {
            Self::Json(output)
        } else if std::io::stderr().is_terminal() {
            Self::Live(Live::new(output.paint_err))
        } else {
            Self::Plain(Plain::new(output))
        }
    }

    pub fn event(&mut self, event: &Event) {
        match self {
            // If nobody listens, the result will notice.
            Self::Json(output) => drop(output.item(event)),
            Self::Live(live) => live.event(event),
            Self::Plain(plain) => plain.event(event),
        }
    }

    /// What is about to be done.
    pub fn planned(&self, planned: &Planned) {
        match self {
            Self::Json(output) => drop(output.item(&json!({"event": "planned", "plan": planned}))),
            Self::Live(live) => live.note(&plan::summary(planned)),
            Self::Plain(plain) => plain.note(&plan::summary(planned)),
        }
    }

    /// Leaves the last state on the screen.
    pub fn end(self) {
        if let Self::Live(live) = self {
            live.end();
        }
    }
}

/// Tells of one event outside of any waiting.
pub fn tell(output: &Output, event: &Event) {
    if output.is_json() {
        // If nobody listens, the result will notice.
        drop(output.item(event));
    } else if let Some(text) = sentence(event) {
        output.note(&text);
    }
}

/// What an event that is about no single part says to a person; `None`: nothing new.
fn sentence(event: &Event) -> Option<String> {
    Some(match event {
        Event::NamespaceCreated { namespace } => format!("created namespace {namespace}"),
        Event::ProjectStored { project, change, .. } => format!("{} project {project}", change.as_str()),
        Event::EnvironmentStored { environment, namespace, change } => {
            format!("{} environment {environment} in namespace {namespace}", change.as_str())
        }
        Event::Verdict { verdict, .. } if !verdict.terminal => {
            format!("{}: {}", verdict.about, verdict.message)
        }
        Event::Teardown { step, .. } => step.clone(),
        Event::CopyStored { copy, namespace, from, backup: Some(backup), .. } if copy == backup => {
            format!("backup {copy} of {from} in namespace {namespace}")
        }
        Event::CopyStored { namespace, to, backup: Some(backup), .. } => {
            format!("backup {backup} is brought into {to} in namespace {namespace}")
        }
        Event::CopyStored { copy, namespace, from, to, .. } if from == to => {
            format!("scan {copy} of {from} in namespace {namespace}")
        }
        Event::CopyStored { copy, namespace, from, to, .. } => {
            format!("copy {copy} from {from} to {to} in namespace {namespace}")
        }
        Event::CopyPhase { copy, phase } => format!("copy {copy}: {}", phase.as_str()),
        Event::Hostname { host, condition } => format!("{host}: {}", condition.message),
        Event::CopyWaits { verdict, .. } => format!("{}: {}", verdict.about, verdict.message),
        Event::ServerSilent { server, reason, retry_seconds } => {
            format!(
                "the API server {server} does not answer ({reason}), retrying for up to {retry_seconds} s"
            )
        }
        Event::ServerBack { .. } => "the API server answers again".to_owned(),
        Event::OperatorSilent { reason } => format!("waiting for the operator: {reason}"),
        Event::Copied { service, .. } => format!("{}: {}", service.name, copy::doing(service)),
        Event::Condition { condition, .. } if condition.reason == AWAITS_HOSTS => condition.message.clone(),
        Event::Rotation { service, rotation, .. } => words::rotation(service, rotation),
        Event::Observed { .. } | Event::Condition { .. } | Event::Part { .. } | Event::Verdict { .. } => {
            return None;
        }
    })
}
