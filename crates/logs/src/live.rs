//! What containers write, as it is written: every container of an environment as one stream, nothing lost in silence.
//!
//! ```text
//!  watch of pods ─▶ gather ─▶ a Tail for every container ─▶ Outlet ─▶ merge (Order, Filter) ─▶ pages of entries
//! ```
//!
//! What cannot be read any more is told as a gap. Keeps nothing but what waits for its place in order of time.

mod batch;
mod beat;
mod containers;
mod files;
mod filter;
mod gather;
mod hold;
mod log;
mod marks;
mod merge;
mod order;
mod outlet;
pub mod position;
mod splitter;
mod stamp;
mod tail;
#[cfg(test)]
mod tests;
mod trace;
mod watchdog;

use std::collections::BTreeSet;

use jiff::Timestamp;
use kube::Client;
use thiserror::Error;
use tokio::sync::mpsc;

use beat::Beat;

pub use batch::{Entry, Page, Told};
pub use containers::Exit;
pub use filter::{Filter, Pattern, level};
pub use marks::{Gap, Mark, Source, What};

/// Which lines are wanted.
#[derive(Clone, Debug, Default)]
pub struct Wanted {
    pub project: String,
    pub environment: String,
    /// Where it runs.
    pub namespace: String,
    /// Only these components, jobs and services; empty: all.
    pub components: BTreeSet<String>,
    /// Only containers of these names; empty: all.
    pub containers: BTreeSet<String>,
    pub since: Option<Timestamp>,
    pub until: Option<Timestamp>,
    /// Only so many last lines of every container, before anything is left out.
    pub tail: Option<u32>,
    /// Also the run of every container before its present one. One that crashed a moment ago is told anyway.
    pub previous: bool,
    pub filter: Filter,
    /// Entries are looked at as such: a stack trace is whole when it is told, for a moment's delay.
    pub entries: bool,
}

#[derive(Debug, Error)]
pub enum Error {
    #[error("Kubernetes refused")]
    Kubernetes(#[source] Box<kube::Error>),
    #[error("the log of {pod} does not come")]
    Silent { pod: String },
    #[error("there is no container `{name}`")]
    UnknownContainer { name: String, known: Vec<String> },
}

/// How a stream of pages ended by itself.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Ended {
    /// Everything there was has been told.
    Complete,
    /// Nobody listens any more.
    Unheard,
}

/// Sends what has been written, in order of time.
pub async fn read(client: &Client, wanted: &Wanted, out: mpsc::Sender<Page>) -> Result<Ended, Error> {
    let (arrivals, arrived) = mpsc::unbounded_channel();
    let beat = Beat::begin();
    gather::with_merge(gather::read(client, wanted, beat, arrivals), merge::merge(arrived, wanted, beat, out))
        .await
}

/// Sends what has been written and what is written from now on, until `gone` ends: the environment was destroyed.
pub async fn follow(
    client: &Client,
    wanted: &Wanted,
    gone: impl Future<Output = ()>,
    out: mpsc::Sender<Page>,
) -> Result<Ended, Error> {
    let (arrivals, arrived) = mpsc::unbounded_channel();
    let beat = Beat::begin();
    let gathering = gather::follow(client, wanted, gone, beat, arrivals);
    gather::with_merge(gathering, merge::merge(arrived, wanted, beat, out)).await
}
