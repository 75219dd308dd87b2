//! What can go wrong inside an environment, as values. What any verb may meet stays in [`crate::Error`].

use std::time::Duration;

use api::Verdict;
use thiserror::Error;

use crate::error::duration;

/// Trouble of `exec`, `forward`, `debug` and `env run` alone.
#[derive(Debug, Error)]
pub enum Trouble {
    #[error("`{part}` is a {role}, and a {role} cannot be entered")]
    NotEnterable { part: String, role: &'static str, environment: String },
    /// What it waits for, if that is known.
    #[error("{environment} has no revision yet: nothing of it runs")]
    NoRevision { environment: String, waits: Option<Box<Verdict>> },
    #[error("{part} of {environment} has no pod that is ready")]
    NotRunning { part: String, environment: String, pods: Vec<String> },
    #[error("{place} has no command `{command}`")]
    NoSuchCommand { command: String, place: String },
    #[error("{what} did not start: {}", .verdict.message)]
    NotStarted { what: String, verdict: Box<Verdict> },
    #[error("{what} has not started within {}", duration(*after))]
    SlowStart { what: String, after: Duration, pending: Vec<String> },
    #[error("{what} was cut off: {reason}")]
    CutOff { what: String, reason: String },
    #[error("cannot listen on {address}: {reason}")]
    Listen { address: String, reason: String },
    #[error("failed to write the output")]
    Output(#[source] std::io::Error),
    /// Somebody stopped it before there was anything to tidy away.
    #[error("stopped before it began")]
    Stopped,
}
