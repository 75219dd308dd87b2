//! What the operator does while there is little to do: it asks nothing, leaves autoscalers alone, and does not fight
//! for ever with somebody who changes the same thing again and again.

use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use api::Environment;
use k8s_openapi::api::apps::v1::Deployment;
use k8s_openapi::api::autoscaling::v2::HorizontalPodAutoscaler;
use kube::api::{Api, DeleteParams, Patch, PatchParams, PostParams};
use serde_json::json;
use stories::{Metrics, World, millis, same, story, until};

/// Five times what is aimed at: the machine may be busy with other things.
const SOON: Duration = Duration::from_secs(10);
const READY: Duration = Duration::from_secs(120);

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs the testbed"]
async fn a_settled_environment_is_looked_at_without_a_single_request() -> Result<()> {
    story(async |world| {
        world.apply(|_| {}).await?;
        world.create("qa", &[]).await?;
        let quiet = quiet(world).await?;
        // Each of these wakes the operator, and none of them is anything to do.
        for number in 0..20 {
            let patch = json!({"metadata": {"annotations": {"example.com/number": number.to_string()}}});
            world.environments().patch("qa", &PatchParams::default(), &Patch::Merge(&patch)).await?;
        }
        let after = until("the looks", SOON, async || {
            let now = Metrics::of_operator(&world.client).await?;
            Ok((now.looks() >= quiet.looks() + 10.0).then_some(now))
        })
        .await?;
        let asked = after.requests() - quiet.requests();
        println!("{} looks, {asked} requests", after.looks() - quiet.looks());
        ensure!(asked == 0.0, "{asked} requests: {:?}", after.since(&quiet));
        Ok(())
    })
    .await
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs the testbed"]
async fn replicas_belong_to_an_autoscaler_while_there_is_one() -> Result<()> {
    story(async |world| {
        world.apply(|spec| spec["components"]["web"]["scale"] = json!({"min": 1})).await?;
        world.create("qa", &[]).await?;
        let namespace = world.namespace("qa");
        let autoscalers = Api::<HorizontalPodAutoscaler>::namespaced(world.client.clone(), &namespace);
        // What it is given is below its own least: it scales up without waiting for any metric.
        let autoscaler: HorizontalPodAutoscaler = serde_json::from_value(json!({
            "metadata": {"name": "web"},
            "spec": {
                "minReplicas": 3, "maxReplicas": 4,
                "scaleTargetRef": {"apiVersion": "apps/v1", "kind": "Deployment", "name": "web"},
                "metrics": [{"type": "Resource", "resource": {"name": "cpu", "target": {"type": "Utilization", "averageUtilization": 80}}}],
            },
        }))?;
        autoscalers.create(&PostParams::default(), &autoscaler).await?;
        let web = Api::<Deployment>::namespaced(world.client.clone(), &namespace);
        until("three replicas, and nobody minds", READY, async || {
            let environment = world.environments().get("qa").await?;
            Ok((replicas(&environment, "web").as_deref() == Some("3/3")).then_some(()))
        })
        .await?;
        world.ready("qa", READY).await?;
        let status = world.environments().get("qa").await?.status.unwrap_or_default();
        same("the drift that is told", &status.drift, &vec![])?;
        same("the replicas", &web.get("web").await?.spec.and_then(|spec| spec.replicas), &Some(3))?;
        // A new revision leaves them alone as well.
        world.outboard(&["env", "restart", "qa", "web"]).await?.ended(api::Exit::Success)?;
        same("the replicas", &web.get("web").await?.spec.and_then(|spec| spec.replicas), &Some(3))?;

        autoscalers.delete("web", &DeleteParams::default()).await?;
        let begun = Instant::now();
        until("as many as the project says", SOON, async || {
            Ok((web.get("web").await?.spec.and_then(|spec| spec.replicas) == Some(1)).then_some(()))
        })
        .await?;
        println!("without its autoscaler: put back after {} ms", millis(begun));
        Ok(())
    })
    .await
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs the testbed"]
async fn what_is_changed_again_and_again_is_put_back_later_and_told() -> Result<()> {
    story(async |world| {
        world.apply(|_| {}).await?;
        world.create("qa", &[]).await?;
        let web = Api::<Deployment>::namespaced(world.client.clone(), &world.namespace("qa"));
        let params = PatchParams { field_manager: Some("rival".to_owned()), ..PatchParams::default() };
        let label = |value: &str| json!({"metadata": {"labels": {"rival": value}}});
        let told = until("a wait", READY, async || {
            web.patch("web", &params, &Patch::Strategic(&label("mine"))).await?;
            let status = world.environments().get("qa").await?.status.unwrap_or_default();
            Ok(status.drift.into_iter().find(|drift| !drift.reverted && drift.heals_at.is_some()))
        })
        .await?;
        same("who", &told.by, &vec!["rival".to_owned()])?;
        // It is a pause, not a surrender.
        until("put back", READY, async || {
            let labels = web.get("web").await?.metadata.labels.context("no labels")?;
            Ok((!labels.contains_key("rival")).then_some(()))
        })
        .await?;
        until("nothing stands any more", SOON, async || {
            let status = world.environments().get("qa").await?.status.unwrap_or_default();
            Ok(status.drift.iter().all(|drift| drift.reverted).then_some(()))
        })
        .await
    })
    .await
}

/// The operator's numbers once it asks nothing any more.
async fn quiet(world: &World) -> Result<Metrics> {
    let (mut last, mut since) = (Metrics::of_operator(&world.client).await?, Instant::now());
    until("the operator quiet", READY, async || {
        let now = Metrics::of_operator(&world.client).await?;
        if now.requests() > last.requests() {
            (last, since) = (now, Instant::now());
        }
        Ok((since.elapsed() > Duration::from_secs(2)).then_some(()))
    })
    .await?;
    Metrics::of_operator(&world.client).await
}

fn replicas(environment: &Environment, part: &str) -> Option<String> {
    let parts = environment.status.iter().flat_map(|status| &status.parts);
    parts.into_iter().find(|found| found.name == part && found.role == api::Role::Component)?.replicas.clone()
}
