//! Leader election by a Lease: at most one process acts, and a successor takes over as soon as it may.
//!
//! Who leads is decided by `plan` and by the API server's compare-and-swap, nowhere else. What cannot be
//! prevented is a write already on its way when a leader freezes; for that, writes are fenced by UID.

mod candidate;
mod leadership;
pub mod plan;
mod store;
#[cfg(test)]
mod tests;

use std::time::Duration;

use tokio::time::timeout;

pub(crate) use candidate::Candidate;
pub(crate) use leadership::Leadership;
pub use leadership::Lost;
pub(crate) use store::KubernetesStore;

/// How long one request about the lease may take: a lost packet must not cost the leadership.
const REQUEST: Duration = Duration::from_secs(3);

#[derive(Debug, thiserror::Error)]
pub(crate) enum Failure {
    #[error("{}", words(.0))]
    Kube(#[from] kube::Error),
    #[error("no answer within {} s", REQUEST.as_secs())]
    NoAnswer,
}

/// What Kubernetes said, without the record of the whole answer; else the innermost reason.
pub(crate) fn words(error: &kube::Error) -> String {
    if let kube::Error::Api(status) = error {
        return status.message.clone();
    }
    let mut cause: &dyn std::error::Error = error;
    while let Some(inner) = cause.source() {
        cause = inner;
    }
    cause.to_string()
}

async fn bounded<T>(request: impl Future<Output = Result<T, kube::Error>>) -> Result<T, Failure> {
    match timeout(REQUEST, request).await {
        Ok(answer) => answer.map_err(Failure::Kube),
        Err(_) => Err(Failure::NoAnswer),
    }
}

fn is_conflict(error: &kube::Error) -> bool {
    matches!(error, kube::Error::Api(status) if status.code == 409)
}

fn is_gone(error: &kube::Error) -> bool {
    matches!(error, kube::Error::Api(status) if status.code == 404)
}
