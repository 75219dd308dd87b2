//! `hostname`: names of their own for routes, what the zones hold of them, and what nobody asks for any more.
//!
//! Claiming and releasing write objects that the operator carries out. Planning, checking and tidying look at the zones
//! themselves, as whoever asks is known to AWS.

mod check;
mod claim;
mod gc;
mod ground;
mod journal;
mod list;
mod preview;
mod release;

pub use ::hostnames::{Action, Entry, Host, Outcome, Owner, Policy, Settings, State, Zone};
pub(crate) use check::delegation;
pub use check::{Checked, Delegation, check};
pub use claim::{Wanted, claim, wait};
pub use gc::{Swept, gc, orphans};
pub use journal::journal;
pub use list::{Summary, by_name, list, named, summary};
pub use preview::{ZonePlan, plan};
pub use release::release;

use api::Hostname;
use kube::Api;

use crate::Cluster;

fn api(cluster: &Cluster, namespace: &str) -> Api<Hostname> {
    Api::namespaced(cluster.client.clone(), namespace)
}
