//! Asks for all environments at once and watches until the last of them is ready.

use std::collections::HashSet;
use std::time::{Duration, Instant};

use anyhow::{Context, ensure};
use api::{Environment, EnvironmentSpec, Project, condition};
use futures::{StreamExt, TryStreamExt, stream};
use kube::api::PostParams;
use kube::runtime::{WatchStreamExt, watcher};
use kube::{Api, Client, ResourceExt};
use tokio::task::spawn_blocking;

use super::environment;
use crate::scrape::Scrape;

/// Writers at the same time.
const AT_ONCE: usize = 10;
const LOOK: Duration = Duration::from_secs(5);
const LIMIT: Duration = Duration::from_secs(3 * 3600);

pub struct Created {
    /// Until the last Environment was written, and until the last was ready.
    pub asked: Duration,
    pub ready: Duration,
    /// The most resident memory the operator was seen with.
    pub peak_mib: f64,
    pub operator_cpu: f64,
    pub operator_requests: f64,
}

pub async fn run(client: &Client, control: &str, count: usize) -> anyhow::Result<Created> {
    let before = spawn_blocking(Scrape::operator).await??;
    let begun = Instant::now();
    let (asked, (ready, peak_mib)) =
        tokio::try_join!(ask(client, control, count, begun), wait(client, control, count, begun))?;
    let after = spawn_blocking(Scrape::operator).await??;
    Ok(Created {
        asked,
        ready,
        peak_mib,
        operator_cpu: after.cpu() - before.cpu(),
        operator_requests: after.requests()? - before.requests()?,
    })
}

async fn ask(client: &Client, control: &str, count: usize, begun: Instant) -> anyhow::Result<Duration> {
    let project = Api::<Project>::namespaced(client.clone(), control).get(control).await?;
    let revision =
        project.status.and_then(|status| status.revision).context("the project has no revision")?;
    let api = Api::<Environment>::namespaced(client.clone(), control);
    let spec = EnvironmentSpec {
        project: control.to_owned(),
        project_revision: revision,
        class: "default".to_owned(),
        ..EnvironmentSpec::default()
    };
    stream::iter(0..count)
        .map(|number| {
            let (api, wanted) = (&api, Environment::new(&environment(number), spec.clone()));
            async move { api.create(&PostParams::default(), &wanted).await }
        })
        .buffer_unordered(AT_ONCE)
        .try_for_each(|_| std::future::ready(Ok(())))
        .await?;
    Ok(begun.elapsed())
}

async fn wait(
    client: &Client,
    control: &str,
    count: usize,
    begun: Instant,
) -> anyhow::Result<(Duration, f64)> {
    let api = Api::<Environment>::namespaced(client.clone(), control);
    let events = watcher(api, watcher::Config::default()).default_backoff().touched_objects();
    let mut events = std::pin::pin!(events);
    let mut tick = tokio::time::interval(LOOK);
    let (mut ready, mut peak) = (HashSet::new(), 0.0_f64);
    loop {
        tokio::select! {
            event = events.next() => {
                // The watch begins anew by itself.
                let Some(Ok(environment)) = event else { continue };
                if is_ready(&environment) { ready.insert(environment.name_any()); } else { ready.remove(&environment.name_any()); }
                if ready.len() == count {
                    return Ok((begun.elapsed(), peak));
                }
            }
            _ = tick.tick() => {
                let memory = spawn_blocking(Scrape::operator).await?.map_or(0.0, |scrape| scrape.resident_mib());
                peak = peak.max(memory);
                println!("{:.0} s: {} of {count} ready, operator {memory:.0} MiB", begun.elapsed().as_secs_f64(), ready.len());
                ensure!(begun.elapsed() < LIMIT, "only {} of {count} became ready", ready.len());
            }
        }
    }
}

/// Whether it is, as it is wanted now.
pub fn is_ready(environment: &Environment) -> bool {
    let conditions =
        environment.status.as_ref().map(|status| status.conditions.as_slice()).unwrap_or_default();
    condition::find(conditions, condition::READY).is_some_and(|ready| {
        ready.is_true() && Some(ready.observed_generation) == environment.metadata.generation
    })
}
