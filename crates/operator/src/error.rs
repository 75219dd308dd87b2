//! Why the operator ended other than by being asked to.

use std::net::SocketAddr;

use api::Exit;
use thiserror::Error;

use crate::lease::Lost;

#[derive(Debug, Error)]
pub enum Error {
    #[error("failed to find out how to reach Kubernetes: {0}")]
    Config(#[source] Box<kube::config::InferConfigError>),
    #[error("failed to make a client for Kubernetes: {0}")]
    Client(#[source] Box<kube::Error>),
    #[error("failed to listen on {address}: {source}")]
    Listen { address: SocketAddr, source: std::io::Error },
    #[error("failed to listen for signals: {0}")]
    Signals(#[source] std::io::Error),
    #[error("leadership is lost: {0}")]
    LostLease(#[from] Lost),
    #[error("the controllers ended though nobody asked them to")]
    ControllersEnded,
}

impl Error {
    pub fn exit(&self) -> Exit {
        match self {
            Self::Config(_) => Exit::Unreachable,
            Self::Listen { .. } => Exit::Conflict,
            Self::Client(_) | Self::Signals(_) | Self::LostLease(_) | Self::ControllersEnded => Exit::Failure,
        }
    }

    /// What to do about it, in one sentence.
    pub fn hint(&self) -> Option<&'static str> {
        match self {
            Self::Config(_) => Some("Set KUBECONFIG, or run the operator in a pod with a service account."),
            Self::Listen { .. } => Some("Another process listens there: choose another address."),
            Self::LostLease(_) => Some("Start it again: it waits until it may lead."),
            Self::Client(_) | Self::Signals(_) | Self::ControllersEnded => None,
        }
    }
}
