//! Copies of Redis: all keys as they stand in a snapshot of the source, or, where it gives none, every key by its own, as it
//! is when its turn comes, and what changed meanwhile again. What was written is read back.
//!
//! [`copy`] and [`attempt`] read as the list of steps; decisions are in [`plan`].

mod attempt;
mod batch;
mod choice;
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
mod wire;

pub(crate) use feed::{Denied, Feed, Glimpse};
pub(crate) use link::End;

pub use copy::{copy, copy_steered, plan as dry_run};
