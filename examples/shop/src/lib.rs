//! The shop: a small, honest application to try outboard with. A web front, a worker and a schema migration.
//!
//! Two versions are built from the same code; [`Version`] is the only place where they differ.

mod access_log;
mod config;
mod database;
mod http;
pub mod migrate;
mod migrations;
mod page;
mod process;
mod queue;
mod uploads;
mod version;
pub mod web;
pub mod worker;

pub use version::Version;
