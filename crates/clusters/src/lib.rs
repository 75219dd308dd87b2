//! Slice 1: clusters. A Cluster file becomes a root module for Terraform, whose plans are judged and told, whose runs are
//! followed, and whose states are kept in a bucket of outboard's own.
//!
//! `plan` holds the decisions. Only `addons`, `giving_back` and `reach` talk to Kubernetes: the one that was made.

pub mod addons;
mod adopt;
mod applying;
mod create;
mod destroy;
mod diagnose;
mod drift;
mod engine;
mod error;
mod folder;
mod giving_back;
mod kubeconfig;
mod modules;
mod own_lock;
mod pki;
pub mod plan;
mod planning;
mod preflight;
mod process;
mod reach;
mod recover;
mod run;
mod status;
mod stop;
mod stored;
mod sweep;
mod work;

use serde::Serialize;

pub use adopt::{Adopted, adopt, forget};
pub use create::{Created, apply};
pub use destroy::{Receipt, Way, destroy};
pub use diagnose::diagnose;
pub use drift::{LastLook, drift, last_look};
pub use engine::Engine;
pub use error::{Error, Result, Said};
pub use kubeconfig::{Kubeconfig, kubeconfig};
pub use plan::cost::{Cost, Prices};
pub use plan::diagnosis::Finding;
pub use plan::giving_back::Step;
pub use plan::lock::{Holder, Lock};
pub use plan::progress::Look;
pub use plan::spec::{ClusterFile, json_schema};
pub use plan::summary::PlanSummary;
pub use plan::sweep::{Count, Swept};
pub use planning::{Planned, Purpose, plan as planned, price};
pub use preflight::{is_begun, look as preflight};
pub use reach::{answering, client, of_doomed};
pub use recover::{settle, unlock};
pub use status::{Phase, Status, list, status};
pub use stop::unless;
pub use sweep::look as made_by_kubernetes;
pub use work::{Wanted, Work};

/// What happens, as it happens.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(tag = "event", rename_all = "camelCase")]
pub enum Event {
    /// Something was looked at before anything is spent, and is as it should be.
    Checked {
        what: &'static str,
        found: String,
    },
    /// Something is begun that takes a while.
    Doing {
        what: String,
    },
    /// A resource is done.
    Done {
        address: String,
        action: String,
        seconds: u64,
    },
    Progress(Look),
    /// What is worth knowing besides.
    Note {
        text: String,
    },
}

impl Event {
    pub(crate) fn note(text: impl Into<String>) -> Self {
        Self::Note { text: text.into() }
    }
}

pub type Sink<'a> = &'a mut (dyn FnMut(Event) + Send);
