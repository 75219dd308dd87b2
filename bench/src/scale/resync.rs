//! A restarted operator: how long until it leads, has looked at every environment, and has undone what was changed
//! while it was away.

use std::collections::HashSet;
use std::time::{Duration, Instant};

use anyhow::{Context, ensure};
use futures::TryStreamExt;
use k8s_openapi::api::apps::v1::Deployment;
use kube::api::{Api, ListParams, WatchEvent, WatchParams};
use kube::{Client, ResourceExt};
use rand::RngExt;
use tokio::task::{block_in_place, spawn_blocking};
use tokio::time::timeout;

use super::drift::{Edit, change};
use super::operator::Operator;
use super::{DRIFT, Size};
use crate::scrape::Scrape;

/// Objects that are changed while it is away.
const CHANGED: usize = 20;
const LIMIT: Duration = Duration::from_secs(1800);

pub struct Resync {
    /// From the order to start, in this order or the last two the other way round.
    pub led: Duration,
    pub looked: Duration,
    pub undone: Duration,
    pub changed: usize,
    /// Of the new process until it had looked at everything.
    pub cpu: f64,
    pub requests: f64,
}

pub async fn run(client: &Client, control: &str, size: &Size, operator: &Operator) -> anyhow::Result<Resync> {
    block_in_place(|| operator.stop())?;
    let changed = disturb(client, control, size).await?;
    let everywhere = Api::<Deployment>::all(client.clone());
    let before = everywhere.list_metadata(&ListParams::default().labels(DRIFT).limit(1)).await?;
    let version = before.metadata.resource_version.context("a list has a version")?;

    let begun = Instant::now();
    block_in_place(|| operator.start())?;
    let undone = undone(everywhere, &version, changed.clone(), begun);
    let both = async { tokio::try_join!(undone, looked(size.environments, begun)) };
    let (undone, Looked { led, looked, scrape }) =
        timeout(LIMIT, both).await.context("the operator does not get through all environments")??;
    Ok(Resync {
        led,
        looked,
        undone,
        changed: changed.len(),
        cpu: scrape.cpu(),
        requests: scrape.requests()?,
    })
}

/// Labels some Deployments, each once.
async fn disturb(client: &Client, control: &str, size: &Size) -> anyhow::Result<HashSet<(String, String)>> {
    let mut changed = HashSet::new();
    for _ in 0..CHANGED {
        let place = size.place(control, &mut |below| rand::rng().random_range(0..below));
        let api = Api::<Deployment>::namespaced(client.clone(), &place.namespace);
        change(&api, Edit::StrangeLabel, &place).await?;
        changed.insert((place.namespace, place.name));
    }
    Ok(changed)
}

/// Until none has the label any more: one that loses it leaves the watch.
async fn undone(
    api: Api<Deployment>,
    version: &str,
    mut waiting: HashSet<(String, String)>,
    begun: Instant,
) -> anyhow::Result<Duration> {
    let params = WatchParams::default().labels(DRIFT).timeout(290);
    let mut version = version.to_owned();
    while !waiting.is_empty() {
        let mut events = std::pin::pin!(api.watch_metadata(&params, &version).await?);
        while let Some(event) = events.try_next().await? {
            match event {
                WatchEvent::Deleted(object) => {
                    waiting.remove(&(object.namespace().unwrap_or_default(), object.name_any()));
                    version = object.resource_version().unwrap_or(version);
                }
                WatchEvent::Added(object) | WatchEvent::Modified(object) => {
                    version = object.resource_version().unwrap_or(version);
                }
                _ => {}
            }
            if waiting.is_empty() {
                break;
            }
        }
    }
    Ok(begun.elapsed())
}

struct Looked {
    led: Duration,
    looked: Duration,
    scrape: Scrape,
}

async fn looked(environments: usize, begun: Instant) -> anyhow::Result<Looked> {
    let mut led = None;
    loop {
        // No answer while it is away or only starts.
        let answer = spawn_blocking(Scrape::operator).await?.ok().filter(Scrape::leads);
        if let Some(scrape) = answer {
            let led = *led.get_or_insert_with(|| begun.elapsed());
            if scrape.looks() >= environments as f64 {
                return Ok(Looked { led, looked: begun.elapsed(), scrape });
            }
        }
        ensure!(begun.elapsed() < LIMIT, "the operator has not looked at {environments} environments");
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
}
