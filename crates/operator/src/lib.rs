//! The operator: one process that starts the slices' controllers while it leads.
//!
//! Knows nothing of what a controller does. Logging is set up by whoever calls [`run`].

mod definitions;
mod error;
mod http;
mod identity;
pub mod lease;
pub mod metrics;
mod options;
mod phase;
mod process;
mod signals;

pub use error::Error;
pub use options::Options;
pub use process::run;
