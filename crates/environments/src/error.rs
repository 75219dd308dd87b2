//! What stops a reconcile, told apart by what happens next.

use api::Verdict;
use thiserror::Error;

#[derive(Debug, Error)]
pub enum Error {
    /// Kubernetes did not answer, or something moved under us: the next run finishes the work.
    #[error(transparent)]
    Kube(#[from] kube::Error),
    #[error(transparent)]
    Apply(#[from] apply::Error),
    /// A person has to change something first; it is written into the status.
    #[error("{}: {}", .0.about, .0.message)]
    Verdict(Box<Verdict>),
    /// A bug of ours. It must not take the other objects along.
    #[error("a bug in outboard: {0}")]
    Bug(String),
}

impl From<Verdict> for Error {
    fn from(verdict: Verdict) -> Self {
        Self::Verdict(Box::new(verdict))
    }
}
