//! Why an installation could not be made, or does not come up.

use std::fmt;
use std::time::Duration;

use api::Exit;
use thiserror::Error;

use super::Lack;

/// An object in the way.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Taken {
    pub kind: String,
    pub name: String,
    /// The other installation of outboard that made it; `None`: not made by outboard at all.
    pub install: Option<String>,
}

impl fmt::Display for Taken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} `{}`", self.kind, self.name)?;
        match &self.install {
            Some(install) => write!(f, " (of installation `{install}`)"),
            None => f.write_str(" (not made by outboard)"),
        }
    }
}

#[derive(Debug, Error)]
pub enum Error {
    #[error(transparent)]
    Cluster(#[from] crate::Error),
    /// Nothing has been written.
    #[error("cannot install over what is there: {}", list(.0))]
    Taken(Vec<Taken>),
    /// Nothing has been written.
    #[error("the server needs what is not in namespace outboard-system: {}", list(.0))]
    Lacks(Vec<Lack>),
    /// Nothing has been written.
    #[error("this cluster has no kind {kind}")]
    NoKind { kind: String },
    #[error("the definition `{name}` was not established within {} s", .after.as_secs())]
    NotEstablished { name: String, after: Duration },
    #[error("the operator does not come up: {reason}")]
    OperatorFails { reason: String },
    #[error("what ships logs does not come up: {reason}")]
    ShippingFails { reason: String },
    #[error("the server does not come up: {reason}")]
    ServerFails { reason: String },
    #[error("not everything was ready within {} s: {waiting}", .after.as_secs())]
    Timeout { waiting: String, after: Duration },
    #[error("failed to write an object as JSON or YAML: {0}")]
    Malformed(String),
}

impl Error {
    pub fn exit(&self) -> Option<Exit> {
        match self {
            // The surface knows its own errors' codes.
            Self::Cluster(_) => None,
            Self::Taken(_) => Some(Exit::Conflict),
            Self::Lacks(_) | Self::NoKind { .. } => Some(Exit::NotFound),
            Self::NotEstablished { .. } | Self::Timeout { .. } => Some(Exit::Timeout),
            Self::OperatorFails { .. } => Some(Exit::NoOperator),
            Self::ShippingFails { .. } | Self::ServerFails { .. } | Self::Malformed(_) => Some(Exit::Failure),
        }
    }

    /// What to do about it, in one sentence.
    pub fn hint(&self) -> Option<String> {
        match self {
            Self::Taken(taken) => Some(match taken.iter().find_map(|taken| taken.install.as_ref()) {
                Some(install) => format!(
                    "A cluster has one operator: upgrade that installation with `--install {install}`, or remove it first."
                ),
                None => "Rename or delete what is in the way; nothing was changed.".to_owned(),
            }),
            Self::NotEstablished { name, .. } => {
                Some(format!("`kubectl describe crd {name}` says what Kubernetes has against it."))
            }
            Self::OperatorFails { .. } | Self::ShippingFails { .. } | Self::Timeout { .. } => Some(
                "`kubectl -n outboard-system get pods,events` shows more; running install again is safe."
                    .to_owned(),
            ),
            Self::NoKind { kind } if kind == "HTTPRoute" => Some(
                "the server's host is a route of the Gateway: install the definitions of Gateway API first".to_owned(),
            ),
            Self::NoKind { .. } => Some("outboard needs a newer Kubernetes; nothing was changed".to_owned()),
            Self::Lacks(_) => Some(
                "install without a server first, then `kubectl -n outboard-system create secret generic …` and `create configmap …` as \
                 docs/guide/server.md says; a public client needs no client-secret (--server-public-client)"
                    .to_owned(),
            ),
            Self::ServerFails { .. } => Some(
                "`kubectl -n outboard-system logs deployment/outboard-server` says what it lacks; running install again is safe."
                    .to_owned(),
            ),
            Self::Cluster(_) | Self::Malformed(_) => None,
        }
    }
}

fn list(all: &[impl fmt::Display]) -> String {
    all.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ")
}
