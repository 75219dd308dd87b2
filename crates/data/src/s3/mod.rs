//! Copies of S3: objects from one bucket to another, of one endpoint or two. Both sides are listed in step, so that the
//! first object is copied at once and memory does not grow with their number; what was found equal is written down in
//! the target, so that it is not asked for again.
//!
//! [`copy`] and [`attempt`] read as the list of steps; decisions are in [`plan`].

mod answer;
mod attempt;
mod boundary;
mod census;
mod compare;
mod copy;
mod cursor;
mod deal;
mod end;
mod facts;
mod gate;
pub mod job;
mod ledger;
mod multipart;
pub mod plan;
mod read;
pub mod report;
mod shared;
mod sums;
mod together;
mod transfer;
mod turn;
mod walk;
mod watch;
mod write;

pub(crate) use answer::Answer;
pub(crate) use end::End;
pub(crate) use facts::About;
pub(crate) use job::Bucket;
pub(crate) use ledger::If;
pub(crate) use read::From;
pub(crate) use report::Kind;
pub(crate) use sums::Algorithm;
pub(crate) use write::{Part, Whole};

pub use copy::{copy, copy_steered, plan as dry_run};
