//! What can go wrong while writing, told apart by what has to happen next.

use thiserror::Error;

#[derive(Debug, Error)]
pub enum Error {
    /// An object of the wanted name exists and does not carry our marks.
    #[error("{kind} {namespace}/{name} exists and was not made by this environment")]
    Foreign { kind: &'static str, namespace: String, name: String },
    /// Kubernetes says the object itself is wrong; the same request will fail again.
    #[error("Kubernetes refused {kind} {namespace}/{name}: {reason}")]
    Refused { kind: &'static str, namespace: String, name: String, reason: String },
    /// The object is being deleted; it has to be gone before it can be made again.
    #[error("{kind} {namespace}/{name} is still being deleted")]
    Terminating { kind: &'static str, namespace: String, name: String },
    /// A rendered object is of a kind this crate does not write.
    #[error("object `{name}` is of a kind that outboard does not write")]
    UnknownKind { name: String },
    /// An object of a bundle is there and others made it.
    #[error("{kind} {}{name} is there, and others made it", namespace.as_ref().map(|namespace| format!("{namespace}/")).unwrap_or_default())]
    Others { kind: String, namespace: Option<String>, name: String },
    /// Kubernetes says that an object of a bundle is wrong.
    #[error("Kubernetes refused {what}: {reason}")]
    Rejected { what: String, reason: String },
    #[error("{what} is still being deleted")]
    StillGoing { what: String },
    #[error("failed to talk to Kubernetes: {0}")]
    Kube(#[from] kube::Error),
}

impl Error {
    /// Sorts an API error of a write to one object.
    pub fn of_write(error: kube::Error, kind: &'static str, namespace: &str, name: &str) -> Self {
        match error {
            kube::Error::Api(status) if status.code == 403 && status.message.contains("being terminated") => {
                Self::Terminating { kind, namespace: namespace.to_owned(), name: name.to_owned() }
            }
            kube::Error::Api(status) if matches!(status.code, 400 | 403 | 422) => Self::Refused {
                kind,
                namespace: namespace.to_owned(),
                name: name.to_owned(),
                reason: status.message.clone(),
            },
            other => Self::Kube(other),
        }
    }
}

/// Whether an API error has this HTTP status.
pub fn is_status(error: &kube::Error, code: u16) -> bool {
    matches!(error, kube::Error::Api(status) if status.code == code)
}
