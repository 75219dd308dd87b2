//! Slice 4: data between environments. What is here copies MariaDB databases: at one moment, without locks, verified,
//! resumable and masked. [`redis`] does the same for Redis, key by key.
//!
//! [`copy::copy`] reads as the list of its steps; decisions are in [`plan`], what is asked of servers in `mysql`.

mod attempt;
mod board;
pub mod copy;
mod error;
pub mod job;
mod leaks;
pub mod masks;
mod mysql;
pub mod plan;
mod pressure;
pub mod progress;
pub mod redis;
mod resume;
pub mod scan;
mod throttle;
mod worker;

use std::sync::Arc;

pub use error::{Error, Result, Side};
pub use mysql::ledger::LEDGER;
pub use progress::{Event, Report};

/// Whoever listens to events.
pub type Say = Arc<dyn Fn(Event) + Send + Sync>;
