//! Hostnames in Route 53: what is wanted against what is there (`plan`, pure), and the outside that reads zones and
//! carries plans out. Never touches a record that is not ours, and waits until what it wrote is in sync.
//!
//! ```text
//! wanted ─┐
//! zone ───┴▶ plan ──▶ batches ──▶ carry_out ──▶ in_sync
//!   ▲ read                        journal ◀── before and after each batch
//! ```
//!
//! `controller` does that for the operator, `site` for one zone of it.

mod admit;
mod carry_out;
mod cases;
mod certificates;
mod client;
mod context;
pub mod controller;
mod endings;
mod failure;
mod gateway;
mod in_sync;
mod journal;
mod kept;
mod name_servers;
mod plan;
mod prepared;
mod read;
mod route53;
mod scheduler;
mod served;
mod settings;
mod site;
mod status;
#[cfg(test)]
mod tests;
mod watch;
mod wire;
mod zones;

pub use carry_out::{Done, NotSent, Who, carry_out};
pub use client::Aws;
pub use context::Observer;
pub use failure::Failure;
pub use gateway::target;
pub use in_sync::{Waited, in_sync};
pub use journal::{Asked, Entry, Journal, State};
pub use kept::{Kept, journal};
pub use name_servers::{address, ask};
pub use plan::*;
pub use read::{read, read_all};
pub use route53::{Page, Route53, Start, Zone};
pub use scheduler::{Request, Scheduler};
pub use settings::Settings;
pub use zones::{NoZone, Which, find};
