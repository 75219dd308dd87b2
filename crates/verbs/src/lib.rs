//! What a person can ask for, one file a noun. The command line and the server call only this.
//!
//! Nothing here prints: verbs return values, typed errors and streams of events.

pub mod access;
mod acting;
mod admitted;
pub mod audit;
pub mod cluster;
pub mod clusters;
pub mod data;
pub mod environment;
pub mod error;
pub mod event;
pub mod export;
#[cfg(test)]
mod fake;
pub mod file;
pub mod folder;
pub mod gc;
pub mod hostname;
pub mod import;
pub mod inside;
pub mod install;
pub mod logs;
pub mod operator;
pub mod preview;
pub mod project;
pub mod proxy;
mod question;
mod suggest;
mod wait;
mod watched;

pub use acting::PREFIX;
pub use cluster::{Cluster, Target};
pub use error::{Error, Result};
pub use event::{Change, Event, Sink};
pub use watched::{News, Silence, Watchable, Watched};
