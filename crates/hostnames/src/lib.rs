//! Hostnames in Route 53: what is wanted against what is there (`plan`, pure), and the outside that reads zones and
//! carries plans out. Never touches a record that is not ours, and waits until what it wrote is in sync.
//!
//! ```text
//! wanted ─┐
//! zone ───┴▶ plan ──▶ batches ──▶ carry_out ──▶ in_sync
//!   ▲ read                        journal ◀── before and after each batch
//! ```

mod carry_out;
mod client;
mod failure;
#[cfg(test)]
mod fake;
mod in_sync;
mod journal;
mod plan;
mod read;
mod route53;
mod scheduler;
#[cfg(test)]
mod tests;
mod wire;
mod zones;

pub use carry_out::{Done, NotSent, Who, carry_out};
pub use client::Aws;
pub use failure::Failure;
pub use in_sync::{Waited, in_sync};
pub use journal::{Asked, Entry, Journal, State};
pub use plan::*;
pub use read::{read, read_all};
pub use route53::{Page, Route53, Start, Zone};
pub use scheduler::{Request, Scheduler};
pub use zones::{NoZone, Which, find};
