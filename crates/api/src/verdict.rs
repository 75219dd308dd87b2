//! Verdicts: why something is not ready — cause, evidence, fix — in words that a tired person can act on.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::Exit;

/// The first cause along the owner chain, not its symptoms.
#[derive(Clone, Copy, Debug, Deserialize, Eq, JsonSchema, PartialEq, PartialOrd, Ord, Serialize)]
pub enum Cause {
    /// The environment's settings contradict its project revision.
    Invalid,
    ProjectNotFound,
    RevisionNotFound,
    /// A namespace of the wanted name exists and is not this environment's.
    NamespaceTaken,
    /// Another environment has a hostname that this one is to serve.
    HostTaken,
    /// An object of the wanted name exists in the namespace and is not ours.
    ObjectTaken,
    /// Kubernetes refused an object for a reason outboard has no better word for.
    Refused,
    /// What would be applied is no longer what the plan showed.
    PlanStale,
    /// Nothing is changed before the freeze ends.
    Frozen,
    SecretLost,
    /// A Secret that others keep, or a key of it, is not there or does not serve the class.
    SecretMissing,
    /// The environment whose service is to be used is not there, or runs none.
    ServiceNotFound,
    ImageNotFound,
    /// The registry wants other credentials.
    ImageDenied,
    /// The registry does not answer.
    RegistryUnreachable,
    CrashLoop,
    ReadinessFailing,
    JobFailed,
    Unschedulable,
    /// A copy is to go from or to an environment that is not there, or that is being destroyed.
    EnvironmentNotFound,
    /// A service has to be ready before its data is copied.
    ServiceNotReady,
    /// A protected class is concerned, and nobody with the right said so.
    Protected,
    /// Personal data would be copied for which the project has no mask, or one that does not fit.
    MasksInvalid,
    /// Values of masked columns were found in others.
    DataLeaked,
    /// Another copy is bringing data into the same environment.
    CopyUnderWay,
    /// A server of a copy refuses its user.
    AccessDenied,
    CopyFailed,
    /// A record of DNS that somebody else has stands in the way of a hostname.
    RecordTaken,
    /// A hostname cannot be had as it is written, or in no zone that outboard keeps.
    HostnameInvalid,
    /// Route 53 refuses or does not answer, or the gateway has no address.
    DnsUnavailable,
    /// A cause that a newer outboard gave.
    #[serde(other)]
    Unknown,
}

impl Cause {
    pub fn exit(self) -> Exit {
        match self {
            Self::Invalid | Self::Refused | Self::MasksInvalid | Self::DataLeaked | Self::HostnameInvalid => {
                Exit::Invalid
            }
            Self::ProjectNotFound
            | Self::RevisionNotFound
            | Self::ServiceNotFound
            | Self::EnvironmentNotFound => Exit::NotFound,
            Self::NamespaceTaken
            | Self::HostTaken
            | Self::ObjectTaken
            | Self::PlanStale
            | Self::Frozen
            | Self::RecordTaken
            | Self::CopyUnderWay => Exit::Conflict,
            Self::Protected | Self::AccessDenied => Exit::Forbidden,
            Self::SecretLost => Exit::SecretLost,
            Self::SecretMissing => Exit::SecretMissing,
            Self::ImageNotFound => Exit::ImageNotFound,
            Self::ImageDenied | Self::RegistryUnreachable => Exit::Registry,
            Self::CrashLoop => Exit::CrashLoop,
            Self::ReadinessFailing | Self::ServiceNotReady => Exit::ReadinessFailing,
            Self::JobFailed => Exit::JobFailed,
            Self::Unschedulable => Exit::Unschedulable,
            Self::CopyFailed => Exit::CopyFailed,
            Self::DnsUnavailable => Exit::Dns,
            Self::Unknown => Exit::Failure,
        }
    }
}

/// Why something is not ready.
#[derive(Clone, Debug, Deserialize, JsonSchema, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Verdict {
    pub cause: Cause,
    /// What it is about: `component web`, `service db`, `namespace shop-qa-42`.
    pub about: String,
    /// One sentence saying what is wrong.
    pub message: String,
    /// What was seen: the last log lines, events, answers.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub evidence: Vec<String>,
    /// One sentence saying what to do.
    pub fix: String,
    /// Waiting longer cannot help: something has to change first.
    pub terminal: bool,
    /// The operator goes on by itself once that has changed: an image was pushed, say.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub holds: bool,
}
