//! `env run`: a one-off pod with a component's image, settings and secrets; recorded, followed and tidied away.

mod audit;
mod pod;
mod revision;

use std::pin::pin;
use std::time::Duration;

use api::{Part, Role};
use k8s_openapi::api::core::v1::Pod;
use kube::api::{DeleteParams, PostParams, Preconditions};
use kube::{Api, ResourceExt};
use serde::Serialize;
use tokio::time::timeout;

use self::audit::{Outcome, Record};
use super::enter::{self, Inside};
use super::error::Trouble;
use super::pods;
use super::process::{Process, Step, named};
use super::session::Streams;
use super::start::Starting;
use crate::{Cluster, Error, Result};

/// Somebody who has pressed Ctrl-C waits no longer than this for each of the last requests.
const TIDYING: Duration = Duration::from_secs(15);

/// What is to be run, and how.
#[derive(Clone, Debug)]
pub struct Run {
    pub environment: String,
    /// A component or job.
    pub component: String,
    /// Empty: what the component itself runs.
    pub command: Vec<String>,
    /// Leave the pod when it has ended.
    pub keep: bool,
    /// Return once it runs.
    pub detach: bool,
    /// It has to start within this time.
    pub timeout: Duration,
}

/// What came of it.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Ran {
    pub environment: String,
    pub component: String,
    pub namespace: String,
    pub pod: String,
    pub revision: i64,
    /// Of the command; `None` if it was not waited for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub exit_code: Option<i32>,
    pub interrupted: bool,
    /// Whether the pod is still there.
    pub kept: bool,
}

/// Runs it to its end, or until `stop` says that nobody waits any more; either way the pod is deleted.
pub async fn run(
    cluster: &Cluster,
    control: &str,
    wanted: &Run,
    streams: Streams,
    stop: impl Future<Output = ()>,
    tell: &mut (dyn FnMut(Step) + Send),
) -> Result<Ran> {
    let mut stop = pin!(stop);
    let (inside, number, part, by) = tokio::select! {
        found = Box::pin(find(cluster, control, wanted)) => found?,
        () = &mut stop => return Err(Trouble::Stopped.into()),
    };
    let name = named(&format!("{}-run", part.name));
    let built = pod::build(&pod::Wanted {
        name: &name,
        namespace: &inside.namespace,
        control_namespace: control,
        project: &inside.environment.spec.project,
        environment: &wanted.environment,
        revision: number,
        part: &part,
        command: &wanted.command,
        stdin: streams.stdin.is_some(),
        terminal: streams.is_terminal(),
        by: &by,
    });
    let built = built.ok_or_else(|| Trouble::NotEnterable {
        part: part.name.clone(),
        role: part.role.as_str(),
        environment: wanted.environment.clone(),
    })?;

    let record = Record { by: &by, part: &part.name, pod: &name, command: &wanted.command };
    record.begin(cluster, &inside.environment).await?;
    let pods = pods::api(cluster, &inside);
    let made = match pods.create(&PostParams::default(), &built).await {
        Ok(made) => made,
        Err(error) => {
            // Why there is no pod matters more than that this could not be recorded.
            let _ = record.complete(cluster, &inside.environment, &Outcome::NotStarted).await;
            return Err(cluster.explain(error));
        }
    };
    let container = made.spec.as_ref().and_then(|spec| spec.containers.first());
    let (container, image) = container
        .map(|container| (container.name.clone(), container.image.clone().unwrap_or_default()))
        .unwrap_or_default();
    tell(Step::Created {
        environment: wanted.environment.clone(),
        part: part.name.clone(),
        namespace: inside.namespace.clone(),
        pod: name.clone(),
        container: container.clone(),
        image,
        revision: Some(number),
    });
    let process = Process {
        cluster,
        pods: pods.clone(),
        namespace: &inside.namespace,
        pod: &name,
        container: &container,
        command: wanted.command.first().map_or("", String::as_str),
        starting: Starting { environment: &wanted.environment, part: &part, image_by_hand: false },
    };
    let outcome = tokio::select! {
        outcome = Box::pin(attended(&process, wanted, streams, tell)) => outcome,
        () = &mut stop => Ok(Outcome::Interrupted),
    };
    if !stays(wanted, outcome.as_ref().ok())
        && let Err(why) = in_time(cluster, delete(cluster, &pods, &made, outcome.as_ref().ok())).await
    {
        tell(Step::Problem { message: format!("pod {name} could not be deleted: {why}") });
    }
    let completing = record.complete(cluster, &inside.environment, recorded(&outcome));
    if let Err(why) = in_time(cluster, completing).await {
        tell(Step::Problem { message: format!("the record of this run could not be completed: {why}") });
    }
    let outcome = outcome?;
    Ok(Ran {
        environment: wanted.environment.clone(),
        component: part.name.clone(),
        revision: number,
        exit_code: if let Outcome::Exit(code) = outcome { Some(code) } else { None },
        interrupted: outcome == Outcome::Interrupted,
        kept: stays(wanted, Some(&outcome)),
        namespace: inside.namespace,
        pod: name,
    })
}

/// Where it is to run, the revision and the part in it, and who asks.
async fn find(cluster: &Cluster, control: &str, wanted: &Run) -> Result<(Inside, i64, Part, String)> {
    let roles = [Role::Component, Role::Job, Role::Schedule, Role::After];
    let inside = enter::enter(cluster, control, &wanted.environment, &wanted.component, &roles).await?;
    let (number, part) = revision::part(cluster, &inside.environment, &inside.part).await?;
    let by = cluster.user().await.unwrap_or_else(|| "somebody unknown".to_owned());
    Ok((inside, number, part, by))
}

async fn attended(
    process: &Process<'_>,
    wanted: &Run,
    streams: Streams,
    tell: &mut (dyn FnMut(Step) + Send),
) -> Result<Outcome> {
    process.started(wanted.timeout).await?;
    tell(Step::Started { pod: process.pod.to_owned(), container: process.container.to_owned() });
    if wanted.detach {
        return Ok(Outcome::Detached);
    }
    process.attend(streams).await.map(Outcome::Exit)
}

fn stays(wanted: &Run, outcome: Option<&Outcome>) -> bool {
    wanted.keep || outcome == Some(&Outcome::Detached)
}

/// What the record says of it.
fn recorded(outcome: &Result<Outcome>) -> &Outcome {
    match outcome {
        Ok(outcome) => outcome,
        Err(Error::Inside(
            Trouble::NotStarted { .. } | Trouble::SlowStart { .. } | Trouble::NoSuchCommand { .. },
        )) => &Outcome::NotStarted,
        Err(_) => &Outcome::Lost,
    }
}

/// One of the last requests.
async fn in_time(cluster: &Cluster, request: impl Future<Output = Result<()>>) -> Result<()> {
    match timeout(TIDYING, request).await {
        Ok(done) => done,
        Err(_) => {
            let reason = format!("no answer within {} s", TIDYING.as_secs());
            Err(Error::Unreachable { server: cluster.server.clone(), reason })
        }
    }
}

/// Only the very pod that was made.
async fn delete(cluster: &Cluster, pods: &Api<Pod>, made: &Pod, outcome: Option<&Outcome>) -> Result<()> {
    let parameters = DeleteParams {
        preconditions: Some(Preconditions { uid: made.uid(), resource_version: None }),
        // What has ended needs no time to stop; what was interrupted gets what its component gets.
        grace_period_seconds: matches!(outcome, Some(Outcome::Exit(_))).then_some(0),
        ..DeleteParams::default()
    };
    match pods.delete(&made.name_any(), &parameters).await {
        Err(kube::Error::Api(status)) if status.code == 404 => Ok(()),
        deleted => deleted.map(|_| ()).map_err(|error| cluster.explain(error)),
    }
}
