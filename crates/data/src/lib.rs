//! Slice 4: data between environments: MariaDB databases, at one moment, without locks, verified, resumable and masked;
//! keys of Redis, each verified and masked alike; objects of S3.
//!
//! Two halves. The engine knows servers and no cluster: [`copy::copy`] reads as the list of its steps, what is asked of
//! servers is in `mysql`; [`redis`] is the same for Redis, [`s3`] for S3; which of them a job is for is known to [`stores`]. The
//! operator's half knows the cluster and no server: [`controller`] looks after DataCopies, whose pods run the engine
//! through [`courier`]. Decisions of both are in [`plan`].

mod acts;
mod attempt;
pub mod backup;
mod beside;
mod board;
mod context;
pub mod controller;
pub mod copy;
pub mod courier;
mod error;
mod gather;
mod halt;
pub mod job;
mod leaks;
mod mask_key;
pub mod masks;
mod mysql;
pub mod plan;
mod pressure;
pub mod progress;
mod quiesce;
pub mod redis;
mod resume;
pub mod s3;
pub mod scan;
mod schedule;
mod servers;
pub mod share;
pub mod stores;
mod sweep;
mod throttle;
mod worker;

use std::sync::Arc;

pub use context::{Observer, Settings};
pub use error::{Error, Result, Side};
pub use halt::Halt;
pub use mysql::ledger::LEDGER;
pub use plan::backup::told::Standing;
pub use progress::{Event, Report};
pub use share::Share;

/// The limits as they are now; none: as they were.
pub type Steer<Limits = job::Limits> = Arc<dyn Fn() -> Option<Limits> + Send + Sync>;

/// Whoever listens to events.
pub type Say = Arc<dyn Fn(Event) + Send + Sync>;
