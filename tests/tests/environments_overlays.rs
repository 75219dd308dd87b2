//! What others hold for a time runs nothing, and comes back by itself: an overlay is ignored once its time is up.

use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use api::condition::{self, HELD, READY as READY_CONDITION};
use api::{Environment, Exit, PartState, Role};
use k8s_openapi::api::apps::v1::Deployment;
use k8s_openapi::api::batch::v1::CronJob;
use k8s_openapi::jiff::{SignedDuration, Timestamp};
use kube::api::{Api, Patch, PatchParams};
use serde_json::{Value, json};
use stories::{World, contains, light, millis, restart_operator, same, story, until};

/// Pods are given time to end.
const STOPPED: Duration = Duration::from_secs(90);
const READY: Duration = Duration::from_secs(120);

/// As a slice writes it: its own entry and nothing else.
async fn hold(world: &World, by: &str, until: Timestamp) -> Result<()> {
    let overlay = json!({
        "by": by, "until": until.to_string(), "reason": "a copy of its data",
        "patch": {"hold": ["jobs", "components", "schedules"]},
    });
    let object = json!({
        "apiVersion": api::API_VERSION, "kind": "Environment", "metadata": {"name": "qa"},
        "spec": {"overlays": [overlay]},
    });
    let params =
        PatchParams { field_manager: Some(format!("story-{by}")), force: true, ..PatchParams::default() };
    world.environments().patch("qa", &params, &Patch::Apply(&object)).await?;
    Ok(())
}

fn from_now(seconds: i64) -> Timestamp {
    // Kubernetes keeps whole seconds.
    let then = Timestamp::now() + SignedDuration::from_secs(seconds);
    Timestamp::from_second(then.as_second()).unwrap_or(then)
}

async fn stopped(world: &World) -> Result<Environment> {
    until("everything that writes has stopped", STOPPED, async || {
        let environment = world.environments().get("qa").await?;
        let conditions =
            environment.status.iter().flat_map(|status| &status.conditions).cloned().collect::<Vec<_>>();
        let held = condition::find(&conditions, HELD);
        let now = held.is_some_and(|held| {
            held.is_true() && Some(held.observed_generation) == environment.metadata.generation
        });
        Ok(now.then_some(environment))
    })
    .await
}

fn with_schedule(spec: &mut Value) {
    spec["components"]["nightly"] = json!({
        "image": "registry.testbed:5000/shop/web", "version": "1", "args": ["--help"], "schedule": "0 2 29 2 *",
    });
}

async fn suspended(world: &World) -> Result<bool> {
    let jobs = Api::<CronJob>::namespaced(world.client.clone(), &world.namespace("qa"));
    Ok(jobs.get("nightly").await?.spec.suspend.unwrap_or(false))
}

async fn replicas(world: &World) -> Result<Option<i32>> {
    let deployments = Api::<Deployment>::namespaced(world.client.clone(), &world.namespace("qa"));
    Ok(deployments.get("web").await?.spec.and_then(|spec| spec.replicas))
}

/// Which parts have pods that have not ended.
async fn running(world: &World) -> Result<Vec<String>> {
    let pods = world.pods("qa").await?;
    let runs = |phase: Option<&str>| !matches!(phase, Some("Succeeded" | "Failed"));
    let mut parts: Vec<String> = pods
        .iter()
        .filter(|pod| runs(pod.status.as_ref().and_then(|status| status.phase.as_deref())))
        .filter_map(|pod| pod.metadata.labels.as_ref()?.get(api::marks::PART).cloned())
        .collect();
    parts.sort();
    parts.dedup();
    Ok(parts)
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs the testbed"]
async fn what_is_held_stops_its_services_stay_and_all_of_it_comes_back_by_itself() -> Result<()> {
    story(async |world| {
        world.apply(with_schedule).await?;
        world.create("qa", &[]).await?;
        let order = world.order("qa").await?;
        let database: Vec<_> =
            world.uids("qa").await?.into_iter().filter(|(name, _)| name.starts_with("db")).collect();
        let revision = world.environments().get("qa").await?.status.and_then(|status| status.revision);

        let end = from_now(60);
        hold(world, "datacopy/nightly", end).await?;
        let held = stopped(world).await?;
        same("what still runs", &running(world).await?, &vec!["db".to_owned()])?;
        ensure!(suspended(world).await?, "the schedule goes on");
        let status = held.status.unwrap_or_default();
        let ready = condition::find(&status.conditions, READY_CONDITION).context("no condition")?;
        same("why it is not ready", &ready.message, &format!("held by datacopy/nightly until {end}"))?;
        same("the verdict", &status.verdict, &None)?;
        same("the drift", &status.drift, &vec![])?;
        let web = status.parts.iter().find(|part| part.role == Role::Component && part.name == "web");
        same("the component", &web.map(|part| part.state), &Some(PartState::Waiting))?;

        // It is told, in words, wherever people look.
        let shown = world.outboard(&["env", "show", "qa"]).await?.ended(Exit::Success)?;
        contains(&shown.stdout, "datacopy/nightly until")?;
        contains(&shown.stdout, "a copy of its data")?;
        let listed = world.outboard(&["env", "list"]).await?.ended(Exit::Success)?;
        contains(&listed.stdout, "held")?;
        let planned = world.outboard(&["env", "plan", "qa", "--set", "web=2"]).await?.ended(Exit::Success)?;
        contains(&planned.stdout, "held by datacopy/nightly")?;
        // Nobody takes it for what somebody wanted.
        let kept = world.outboard(&["env", "keep", "qa"]).await?;
        ensure!(kept.code != 0, "{}", kept.stdout);
        contains(&kept.stderr, "held by datacopy/nightly")?;

        // Whoever scales it up meanwhile does not get through.
        let deployments = Api::<Deployment>::namespaced(world.client.clone(), &world.namespace("qa"));
        let two = Patch::Merge(json!({"spec": {"replicas": 2}}));
        deployments.patch_scale("web", &PatchParams::default(), &two).await?;
        until("none again", STOPPED, async || Ok((replicas(world).await? == Some(0)).then_some(()))).await?;

        // Nobody undoes anything.
        world.ready("qa", READY).await?;
        println!("ready {} s after the hold was over", Timestamp::now().as_second() - end.as_second());
        ensure!(Timestamp::now() >= end, "it was ready before its time");
        ensure!(!suspended(world).await?, "the schedule is still suspended");
        same("the replicas", &replicas(world).await?, &Some(2))?;
        same("the orders", &world.orders("qa").await?, &vec![order])?;
        let after: Vec<_> =
            world.uids("qa").await?.into_iter().filter(|(name, _)| name.starts_with("db")).collect();
        same("the database's pod", &after, &database)?;
        let status = world.environments().get("qa").await?.status.unwrap_or_default();
        same("the revision", &status.revision, &revision)?;
        same("the drift", &status.drift, &vec![])
    })
    .await
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs the testbed"]
async fn a_hold_that_is_taken_away_is_over_at_once_and_survives_the_operator() -> Result<()> {
    story(async |world| {
        world.apply(|spec| *spec = light()).await?;
        world.create("qa", &[]).await?;
        hold(world, "datacopy/a", from_now(600)).await?;
        hold(world, "datacopy/b", from_now(600)).await?;
        stopped(world).await?;
        restart_operator(&world.client).await?;
        // Both wrote their own entry: the end of one is not the end of the other.
        let entries = |by: &'static str| async move {
            let object = json!({
                "apiVersion": api::API_VERSION, "kind": "Environment", "metadata": {"name": "qa"},
                "spec": {"overlays": []},
            });
            let params = PatchParams {
                field_manager: Some(format!("story-{by}")),
                force: true,
                ..PatchParams::default()
            };
            world.environments().patch("qa", &params, &Patch::Apply(&object)).await
        };
        let left = entries("datacopy/a").await?;
        same(
            "those left",
            &left.spec.overlays.iter().map(|overlay| overlay.by.as_str()).collect::<Vec<_>>(),
            &vec!["datacopy/b"],
        )?;
        stopped(world).await?;
        same("the replicas", &replicas(world).await?, &Some(0))?;

        let begun = Instant::now();
        entries("datacopy/b").await?;
        world.ready("qa", READY).await?;
        println!("ready {} ms after the hold was taken away", millis(begun));
        same("it serves", &world.get("qa", "/version").await?.version.as_deref(), &Some("1"))?;
        // A change that was asked for meanwhile is one that people see through.
        hold(world, "datacopy/a", from_now(20)).await?;
        world.outboard(&["env", "set", "qa", "--set", "web=2"]).await?.ended(Exit::Success)?;
        same("it serves", &world.get("qa", "/version").await?.version.as_deref(), &Some("2"))
    })
    .await
}
