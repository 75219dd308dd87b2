//! fals: follows log files and ships what is added to them to a delivery stream of Firehose. Loses nothing: how far
//! each file is shipped stands on disk, and moves on only when Firehose has accepted it.
//!
//! Never keeps in memory what a file still holds.

pub mod config;
mod engine;
mod error;
pub mod gather;
pub mod host;
mod journal;
pub mod metrics;
pub mod node;
pub mod parcel;
pub mod plan;
pub mod record;
mod send;
pub mod shape;
pub mod sidecar;
mod tail;
#[cfg(test)]
mod tests;

pub use engine::Stream;
pub use error::Error;
pub use host::{Options, run};
