//! Logs: the lines of every container of an environment, as one stream.

/// What can be said of a bucket that cannot be read.
pub mod archive {
    pub use aws::Failure;
    pub use logs::archive::{Doing, Error};
}
pub mod histogram;
mod lag;
mod scope;
pub mod search;
pub mod served;

use std::collections::BTreeSet;
use std::convert::Infallible;
use std::time::Duration;

use api::{Environment, Role};
use jiff::Timestamp;
use kube::Api;
use logs::live::{self, Wanted};
use tokio::sync::{mpsc, oneshot};

pub use logs::archive::{Estimate, Progress, Skipped};
pub use logs::line::fields;
pub use logs::live::{Ended as Told, Entry, Filter, Gap, Mark, Page, Pattern, Source, What, level};
pub use logs::{Histogram, Level, Line, Origin, Query as Words, QueryError};

use crate::suggest::nearest;
use crate::wait::{Look, Wait};
use crate::{Cluster, Error, Event, Result, environment};

/// A moment, as somebody says it.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Moment {
    At(Timestamp),
    /// So long ago, by the cluster's clock.
    Ago(Duration),
}

/// Which lines are wanted.
#[derive(Clone, Debug, Default)]
pub struct Query {
    pub environment: String,
    /// Only these components, jobs and services; empty: all.
    pub parts: Vec<String>,
    /// Only containers of these names; empty: all.
    pub containers: Vec<String>,
    /// Go on until the environment is destroyed.
    pub follow: bool,
    pub since: Option<Moment>,
    pub until: Option<Moment>,
    /// Only so many last lines of every container, before anything is left out.
    pub tail: Option<u32>,
    /// Also the run of every container before its present one.
    pub previous: bool,
    pub filter: Filter,
    /// A stack trace is one entry, whole when it is told.
    pub entries: bool,
}

/// What comes out.
#[derive(Debug)]
pub enum Item {
    Page(Page),
    /// The API server went away or came back.
    Event(Event),
    /// Lines come so late, since they are written faster than this is read; zero: in time again.
    Late(Duration),
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

/// Pages on their way to whoever turns them into something; beyond that the reading slows down.
const PAGES: usize = 4;

/// Sends the wanted lines to `out`. A slow listener slows the reading down; nothing is dropped.
pub async fn logs(
    cluster: &Cluster,
    namespace: &str,
    query: &Query,
    out: mpsc::Sender<Item>,
) -> Result<Ended> {
    let environment = environment::get(cluster, namespace, &query.environment).await?;
    check_parts(&environment, &query.parts)?;
    let wanted = wanted(cluster, &environment, query).await?;
    let (pages, mut turned) = mpsc::channel::<Page>(PAGES);
    let forwarding = async {
        let mut lag = lag::Lag::default();
        loop {
            let page = tokio::select! {
                biased;
                () = out.closed() => break,
                page = turned.recv() => page,
            };
            let Some(page) = page else { break };
            let newest = if query.follow { page.last() } else { None };
            let late = newest.and_then(|entry| match entry {
                Entry::Line(line) => lag.look(line.time, Timestamp::now()),
                Entry::Mark(_) => None,
            });
            if out.send(Item::Page(page)).await.is_err() {
                break;
            }
            if let Some(late) = late
                && out.send(Item::Late(late)).await.is_err()
            {
                break;
            }
        }
        // Dropped here, so that the reading side learns that nobody listens.
        drop(turned);
    };
    let reading = async {
        if query.follow {
            Box::pin(follow(cluster, namespace, &wanted, pages, &out)).await
        } else {
            let read = live::read(&cluster.client, &wanted, pages).await;
            read.map(|told| ended(told, Ended::Complete)).map_err(|error| explain(cluster, &wanted, error))
        }
    };
    tokio::join!(reading, forwarding).0
}

async fn follow(
    cluster: &Cluster,
    namespace: &str,
    wanted: &Wanted,
    pages: mpsc::Sender<Page>,
    out: &mpsc::Sender<Item>,
) -> Result<Ended> {
    let (tell, told) = oneshot::channel();
    let watching = async {
        until_destroyed(cluster, namespace, &wanted.environment, out).await?;
        let _ = tell.send(());
        std::future::pending::<Result<Infallible>>().await
    };
    // Also when whoever watches is gone.
    let gone = async { drop(told.await) };
    tokio::select! {
        followed = live::follow(&cluster.client, wanted, gone, pages) => {
            followed.map(|told| ended(told, Ended::Destroyed)).map_err(|error| explain(cluster, wanted, error))
        }
        Err(error) = watching => Err(error),
    }
}

fn ended(told: Told, complete: Ended) -> Ended {
    match told {
        Told::Complete => complete,
        Told::Unheard => Ended::Unheard,
    }
}

/// Also keeps an eye on the API server for everybody here.
async fn until_destroyed(
    cluster: &Cluster,
    namespace: &str,
    name: &str,
    out: &mpsc::Sender<Item>,
) -> Result<()> {
    let api: Api<Environment> = Api::namespaced(cluster.client.clone(), namespace);
    let mut tell = |event| {
        let _ = out.try_send(Item::Event(event));
    };
    Wait { cluster, api, name, what: format!("environment {name}"), timeout: None }
        .until(&mut tell, |environment, _| {
            Ok(if environment.is_none() { Look::Done(()) } else { Look::Wait })
        })
        .await
}

async fn wanted(cluster: &Cluster, environment: &Environment, query: &Query) -> Result<Wanted> {
    let ago = [query.since, query.until].iter().any(|moment| matches!(moment, Some(Moment::Ago(_))));
    let now = if ago { cluster.now().await } else { Timestamp::UNIX_EPOCH };
    let at = |moment: Option<Moment>| {
        moment.map(|moment| match moment {
            Moment::At(time) => time,
            Moment::Ago(ago) => now.checked_sub(ago).unwrap_or(Timestamp::MIN),
        })
    };
    let (since, until) = (at(query.since), at(query.until));
    if let (Some(since), Some(until)) = (since, until)
        && since > until
    {
        return Err(Error::Backwards { since, until });
    }
    let set = |names: &[String]| names.iter().cloned().collect::<BTreeSet<String>>();
    Ok(Wanted {
        project: environment.spec.project.clone(),
        environment: query.environment.clone(),
        namespace: inside(environment, &query.environment),
        components: set(&query.parts),
        containers: set(&query.containers),
        since,
        until,
        tail: query.tail,
        previous: query.previous,
        filter: query.filter.clone(),
        entries: query.entries,
    })
}

/// The namespace that an environment runs in, also one that is about to be made.
fn inside(environment: &Environment, name: &str) -> String {
    let named = environment.status.as_ref().and_then(|status| status.namespace.clone());
    named.unwrap_or_else(|| format!("{}-{name}", environment.spec.project))
}

fn explain(cluster: &Cluster, wanted: &Wanted, error: live::Error) -> Error {
    match error {
        live::Error::Kubernetes(error) => cluster.explain(*error),
        live::Error::Silent { .. } => {
            Error::Unreachable { server: cluster.server.clone(), reason: error.to_string() }
        }
        live::Error::UnknownContainer { name, known } => Error::NotFound {
            kind: "container",
            place: format!("environment `{}`", wanted.environment),
            nearest: nearest(&name, known.iter().map(String::as_str)),
            name,
            known,
        },
    }
}

fn check_parts(environment: &Environment, wanted: &[String]) -> Result<()> {
    let parts = environment.status.as_ref().map(|status| status.parts.as_slice()).unwrap_or_default();
    // Before the operator has looked, nobody knows the parts.
    if parts.is_empty() {
        return Ok(());
    }
    let known: Vec<&str> =
        parts.iter().filter(|part| part.role != Role::Route).map(|part| part.name.as_str()).collect();
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
