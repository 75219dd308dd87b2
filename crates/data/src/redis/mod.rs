//! Copies of Redis: every key by its own, as it is on the source when its turn comes; what was written is read back, and
//! what changed meanwhile is taken again.
//!
//! [`copy`] and [`attempt`] read as the list of steps; decisions are in [`plan`].

mod attempt;
mod batch;
mod copy;
mod feed;
mod functions;
pub mod job;
mod ledger;
mod link;
mod looked_for;
mod outcome;
pub mod plan;
pub mod report;
mod server;
mod slices;
mod snapshot;
mod stream;
mod surplus;
mod values;
mod walk;
mod watch;

pub use copy::{copy, copy_steered, plan as dry_run};
