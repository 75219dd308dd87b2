//! Logs: the lines of every container of an environment, as one stream.

mod containers;
mod follow;
mod line;
mod merge;
pub(crate) mod position;
mod read;
mod source;

use std::time::Duration;

use api::{Environment, PartStatus, Role};
use tokio::sync::mpsc;

pub use line::Line;

use crate::suggest::nearest;
use crate::{Cluster, Error, Event, Result, environment};

/// Which lines are wanted.
#[derive(Clone, Debug, Default)]
pub struct Query {
    pub environment: String,
    /// Only these components, jobs and services; empty: all.
    pub parts: Vec<String>,
    /// Go on until the environment is destroyed.
    pub follow: bool,
    /// Only lines younger than this.
    pub since: Option<Duration>,
    /// Only so many last lines of every container.
    pub tail: Option<u32>,
}

/// What comes out.
#[derive(Clone, Debug)]
pub enum Entry {
    Line(Line),
    /// The API server went away or came back.
    Event(Event),
}

/// How a stream of lines ended by itself.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Ended {
    /// Everything there was has been told.
    Complete,
    /// The environment was destroyed.
    Destroyed,
    /// Nobody listens any more.
    Unheard,
}

/// Sends the wanted lines to `out`. A slow listener slows the reading down; nothing is dropped.
pub async fn logs(
    cluster: &Cluster,
    namespace: &str,
    query: &Query,
    out: mpsc::Sender<Entry>,
) -> Result<Ended> {
    let environment = environment::get(cluster, namespace, &query.environment).await?;
    check_parts(&environment, &query.parts)?;
    let runs_in = runs_in(&environment);
    if query.follow {
        follow::follow(cluster, namespace, &runs_in, query, out).await
    } else {
        read::read(cluster, &runs_in, query, out).await
    }
}

/// Also right for an environment whose namespace is about to be made.
fn runs_in(environment: &Environment) -> String {
    let named = environment.status.as_ref().and_then(|status| status.namespace.clone());
    let name = environment.metadata.name.as_deref().unwrap_or_default();
    named.unwrap_or_else(|| format!("{}-{name}", environment.spec.project))
}

fn check_parts(environment: &Environment, wanted: &[String]) -> Result<()> {
    let parts = environment.status.as_ref().map(|status| status.parts.as_slice()).unwrap_or_default();
    // Before the operator has looked, nobody knows the parts.
    if parts.is_empty() {
        return Ok(());
    }
    let known: Vec<&str> = parts
        .iter()
        .filter(|part| part.role != Role::Route)
        .map(|part: &PartStatus| part.name.as_str())
        .collect();
    match wanted.iter().find(|name| !known.contains(&name.as_str())) {
        None => Ok(()),
        Some(unknown) => Err(Error::NotFound {
            kind: "component",
            name: unknown.clone(),
            place: format!("environment `{}`", environment.metadata.name.as_deref().unwrap_or_default()),
            nearest: nearest(unknown, known.iter().copied()),
            known: known.into_iter().map(str::to_owned).collect(),
        }),
    }
}
