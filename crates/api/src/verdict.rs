//! Verdicts: why something is not ready — cause, evidence, fix — in words that a tired person can act on.

use std::collections::BTreeMap;

use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{Exit, marks};

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
    /// The registry was asked too often.
    RateLimited,
    /// The image is made for another architecture than the nodes have.
    WrongArchitecture,
    CrashLoop,
    ReadinessFailing,
    JobFailed,
    Unschedulable,
    /// A quota of the namespace is used up, or wants to know what a container asks for.
    QuotaExceeded,
    /// A container asks for more or less than the namespace allows each.
    LimitRange,
    /// A policy of the cluster refuses what was asked for.
    AdmissionRefused,
    /// A container's settings name what is not there, or contradict its image.
    ConfigError,
    /// The command of a container cannot be started.
    CommandNotFound,
    /// A container that has to succeed before the others start did not.
    InitFailed,
    OutOfMemory,
    /// Kubernetes kills a container again and again, because it does not answer that it lives.
    LivenessFailing,
    /// The node of a pod is gone, or does not report.
    NodeGone,
    /// The node cannot make a pod: its network, say.
    PodNotStarted,
    /// A node gave a pod up.
    Evicted,
    /// A volume cannot be made, found, attached or mounted.
    VolumeUnavailable,
    /// The data lies on a node that is gone.
    VolumeLost,
    /// A container cannot resolve a hostname.
    NameNotResolved,
    /// What a part uses is not ready or does not answer.
    DependencyNotReady,
    /// A namespace that was deleted stays, because something holds it.
    NamespaceStuck,
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
            Self::ImageDenied | Self::RegistryUnreachable | Self::RateLimited => Exit::Registry,
            Self::WrongArchitecture => Exit::Architecture,
            Self::CrashLoop => Exit::CrashLoop,
            Self::ReadinessFailing | Self::ServiceNotReady => Exit::ReadinessFailing,
            Self::JobFailed => Exit::JobFailed,
            Self::Unschedulable => Exit::Unschedulable,
            Self::QuotaExceeded => Exit::Quota,
            Self::LimitRange | Self::AdmissionRefused => Exit::Admission,
            Self::ConfigError | Self::CommandNotFound => Exit::Config,
            Self::InitFailed => Exit::InitFailed,
            Self::OutOfMemory => Exit::OutOfMemory,
            Self::LivenessFailing => Exit::LivenessFailing,
            Self::NodeGone | Self::PodNotStarted | Self::Evicted => Exit::Node,
            Self::VolumeUnavailable | Self::VolumeLost => Exit::Volume,
            Self::NameNotResolved => Exit::NameNotResolved,
            Self::DependencyNotReady => Exit::DependencyNotReady,
            Self::NamespaceStuck => Exit::NamespaceStuck,
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

/// A verdict that was given on a revision, and when. Stands at the revision, so that it outlives pods and environment.
#[derive(Clone, Debug, Deserialize, JsonSchema, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Given {
    pub verdict: Verdict,
    pub at: Time,
    /// When the environment was ready again.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub until: Option<Time>,
}

impl Given {
    /// What is noted at an object. What cannot be read is as if nothing were noted.
    pub fn noted(annotations: &BTreeMap<String, String>) -> Vec<Self> {
        let text = annotations.get(marks::VERDICTS);
        text.and_then(|text| serde_json::from_str(text).ok()).unwrap_or_default()
    }
}
