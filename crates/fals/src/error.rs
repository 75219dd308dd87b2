//! Why shipping does not start, each with what to do.

use std::io;
use std::net::SocketAddr;
use std::path::PathBuf;

use api::Exit;
use aws::Failure;
use thiserror::Error;

use crate::config::Broken;

#[derive(Debug, Error)]
pub enum Error {
    #[error("failed to read {}: {source}", path.display())]
    Read { path: PathBuf, source: io::Error },
    #[error(transparent)]
    Config(#[from] Broken),
    #[error("failed to keep what is shipped in {}: {source}", folder.display())]
    State { folder: PathBuf, source: io::Error },
    #[error("another fals keeps what is shipped in {}", folder.display())]
    Locked { folder: PathBuf },
    #[error("failed to listen on {address}: {source}")]
    Listen { address: SocketAddr, source: io::Error },
    #[error("failed to listen for signals: {0}")]
    Signals(#[source] io::Error),
    #[error("no way to AWS: {}", .0.to_string())]
    Aws(AwsTrouble),
    #[error("the output takes no more lines")]
    Output,
    #[error("failed to reach Kubernetes: {0}")]
    Kubernetes(String),
}

/// What AWS has against it, in a sentence.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AwsTrouble(pub Failure);

impl std::fmt::Display for AwsTrouble {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match &self.0 {
            Failure::Missing => f.write_str("there is no such delivery stream"),
            Failure::Going => f.write_str("the delivery stream is being deleted"),
            Failure::Empty => f.write_str("the answer is empty"),
            Failure::TooMany(count) => write!(f, "{count} answers"),
            Failure::Denied(words) => write!(f, "denied: {words}"),
            Failure::Throttled(words) => write!(f, "throttled: {words}"),
            Failure::NoCredentials(words) => write!(f, "no credentials: {words}"),
            Failure::NoRegion => f.write_str("nobody said in which region"),
            Failure::Unreachable(words) => write!(f, "unreachable: {words}"),
            Failure::Refused(words) => write!(f, "refused: {words}"),
        }
    }
}

impl AwsTrouble {
    /// Somebody has to do something; waiting does not mend it.
    pub fn is_hopeless(&self) -> bool {
        match &self.0 {
            Failure::Missing
            | Failure::Going
            | Failure::Denied(_)
            | Failure::NoCredentials(_)
            | Failure::NoRegion => true,
            Failure::Throttled(_)
            | Failure::Unreachable(_)
            | Failure::Refused(_)
            | Failure::Empty
            | Failure::TooMany(_) => false,
        }
    }

    /// What to do about it.
    pub fn hint(&self) -> &'static str {
        match &self.0 {
            Failure::Missing | Failure::Going => "create it, or correct its name and region",
            Failure::Denied(_) => "allow firehose:PutRecordBatch on the stream",
            Failure::Throttled(_) => "the stream takes no more: ask for a higher quota if it goes on",
            Failure::NoCredentials(_) => {
                "give this machine a role, or set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY"
            }
            Failure::NoRegion => "set AWS_REGION",
            Failure::Unreachable(_) => "it is tried again; nothing is lost meanwhile",
            Failure::Refused(_) | Failure::Empty | Failure::TooMany(_) => "it is tried again",
        }
    }
}

impl Error {
    pub fn exit(&self) -> Exit {
        match self {
            Self::Config(_) => Exit::Invalid,
            Self::Read { source, .. } if source.kind() == io::ErrorKind::NotFound => Exit::NotFound,
            Self::Locked { .. } | Self::Listen { .. } => Exit::Conflict,
            Self::Kubernetes(_) => Exit::Unreachable,
            Self::Read { .. } | Self::State { .. } | Self::Signals(_) | Self::Aws(_) | Self::Output => {
                Exit::Failure
            }
        }
    }

    /// Every problem of a configuration, with its place.
    pub fn details(&self) -> Vec<String> {
        if let Self::Config(broken) = self { broken.lines() } else { Vec::new() }
    }

    pub fn hint(&self) -> Option<String> {
        match self {
            Self::Read { .. } => Some("name the file with --config".to_owned()),
            Self::Config(_) | Self::Signals(_) | Self::Output => None,
            Self::State { .. } => Some("choose a folder that it may write with --state".to_owned()),
            Self::Locked { .. } => {
                Some("stop the other one, or choose another folder with --state".to_owned())
            }
            Self::Listen { .. } => Some("another process listens there: choose another address".to_owned()),
            Self::Aws(trouble) => Some(trouble.hint().to_owned()),
            Self::Kubernetes(_) => Some("it runs in a pod with a service account".to_owned()),
        }
    }
}
