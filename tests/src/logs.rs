//! Logs that are followed while everything that can happen to them does.

use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use api::Exit;
use k8s_openapi::api::core::v1::Pod;
use kube::Api;
use kube::api::LogParams;
use serde_json::json;
use tokio::task::spawn_blocking;

use crate::chatter::{Following, Summary, chatter};
use crate::{Proxy, World, images, kubeconfig_file, story, until};

/// A node looks every ten seconds whether a log has become too long.
const ROTATION: Duration = Duration::from_secs(60);
const SOON: Duration = Duration::from_secs(60);

/// Each round has a crash, a cut connection, a rolling update, a rotation and a restart of the API server.
pub async fn follow_through_everything(rounds: usize) -> Result<()> {
    story(async |world| {
        images(&["testbed/chatter"]).await?;
        world
            .apply(|spec| {
                *spec = json!({
                    "components": {"fast": chatter(200, 2), "slow": chatter(2, 1)},
                    "classes": {"qa": {}},
                });
            })
            .await?;
        world.create("qa-42", &[]).await?;
        let begun = Instant::now();
        let (proxy, kubeconfig) = Proxy::between(world).await?;
        let mut logs = Following::begin(world, &kubeconfig, "qa-42")?;
        logs.sees("both components", |tally| tally.pods("fast").len() == 2 && tally.pods("slow").len() == 1)
            .await?;
        for round in 0..rounds {
            crash(world, &mut logs).await?;
            cut(&proxy, &mut logs).await?;
            update(world, &mut logs, round).await?;
            rotation(world, &mut logs).await?;
            restart(&mut logs).await?;
            println!("round {round}: {:?} after {} s", logs.tally()?.summary(), begun.elapsed().as_secs());
        }
        world.outboard(&["env", "destroy", "qa-42", "--yes"]).await?.ended(Exit::Success)?;
        let (told, said) = logs.ended().await?;
        println!("{told:?} in {} s", begun.elapsed().as_secs());
        ensure!(told.missing == 0 && told.again == 0 && told.without_end == 0, "{told:?}\n{said}");
        ensure!(!said.contains("gap"), "gaps were told: {said}");
        // Two pods and one, those that crashed twice, and all of them replaced.
        let least = Summary { runs: 3 + rounds * 3, ..Summary::default() };
        ensure!(told.runs >= least.runs, "only {told:?}");
        Ok(())
    })
    .await
}

async fn crash(world: &World, logs: &mut Following) -> Result<()> {
    let runs = |pods: std::collections::BTreeMap<&str, usize>| pods.values().sum::<usize>();
    let before = runs(logs.tally()?.pods("fast"));
    let told = ["exec", "qa-42", "fast", "--", "/usr/bin/chatter", "tell", "crash"];
    // The command may end with the container that it ran in.
    world.outboard(&told).await?;
    logs.sees("the next run", |tally| runs(tally.pods("fast")) > before).await
}

async fn cut(proxy: &Proxy, logs: &mut Following) -> Result<()> {
    let refused = proxy.refused();
    proxy.break_off();
    until("it noticed", SOON, async || Ok((proxy.refused() > refused).then_some(()))).await?;
    proxy.mend();
    logs.goes_on("fast-").await?;
    logs.goes_on("slow-").await
}

async fn update(world: &World, logs: &mut Following, round: usize) -> Result<()> {
    let before = logs.tally()?.pods("fast").len();
    let version = if round.is_multiple_of(2) { "fast=2" } else { "fast=1" };
    world.outboard(&["env", "set", "qa-42", "--set", version]).await?.ended(Exit::Success)?;
    logs.sees("the new pods", |tally| tally.pods("fast").len() >= before + 2).await
}

/// So much is written that the node puts the log away and begins another.
async fn rotation(world: &World, logs: &mut Following) -> Result<()> {
    let pods = world.pods("qa-42").await?;
    let ready = |pod: &&Pod| {
        let name = pod.metadata.name.as_deref().unwrap_or_default();
        name.starts_with("fast-") && pod.metadata.deletion_timestamp.is_none()
    };
    let pod = pods.iter().find(ready).and_then(|pod| pod.metadata.name.clone()).context("no pod")?;
    let told = ["exec", "qa-42", "fast", "--pod", &pod, "--", "/usr/bin/chatter", "tell", "burst"];
    world.outboard(&told).await?.ended(Exit::Success)?;
    let api = Api::<Pod>::namespaced(world.client.clone(), &world.namespace("qa-42"));
    until("the log rotated", ROTATION, async || {
        let beginning = LogParams { limit_bytes: Some(200), ..LogParams::default() };
        let text = api.logs(&pod, &beginning).await?;
        let first = text.split(' ').nth(2).and_then(|number| number.parse::<u64>().ok());
        Ok(first.is_some_and(|first| first > 0).then_some(()))
    })
    .await?;
    logs.goes_on(&pod).await
}

async fn restart(logs: &mut Following) -> Result<()> {
    if kubeconfig_file()? != testbed::kubeconfig_path()? {
        println!("the API server is left alone: it is not the testbed's");
        return Ok(());
    }
    let away = spawn_blocking(|| testbed::restart(&testbed::Cache::open()?, "apiserver")).await??;
    println!("API server away for {:.1} s", away.as_secs_f32());
    logs.goes_on("fast-").await?;
    logs.goes_on("slow-").await
}
