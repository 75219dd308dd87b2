//! Replicas follow the load up and down, and nobody who asks meanwhile is turned away.

use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use k8s_openapi::api::apps::v1::Deployment;
use kube::api::Api;
use serde_json::json;
use stories::{Load, images, same, story, until};

/// The autoscaler looks every 15 s at what was measured in the last 10.
const UP: Duration = Duration::from_secs(120);
const DOWN: Duration = Duration::from_secs(120);

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs the testbed"]
async fn load_scales_a_component_up_and_down_without_a_failed_request() -> Result<()> {
    story(async |world| {
        images(&["testbed/talk"]).await?;
        world
            .apply(|spec| {
                *spec = json!({
                    "components": {"web": {
                        "image": "registry.testbed:5000/testbed/talk", "version": "1",
                        "ports": {"http": 8080},
                        "health": {"ready": {"http": "/"}},
                        "resources": {"cpu": "50m", "memory": "64Mi"},
                        "scale": {"min": 1, "max": 3, "cpu": 60, "settle": "15s"},
                    }},
                    "routes": [{"host": "web", "to": "web"}],
                });
            })
            .await?;
        world.create("qa", &[]).await?;
        let host = world.host("qa");
        let deployments = Api::<Deployment>::namespaced(world.client.clone(), &world.namespace("qa"));
        let replicas = async || -> Result<(i32, i32)> {
            let web = deployments.get("web").await?;
            let wanted = web.spec.and_then(|spec| spec.replicas).context("no replicas")?;
            Ok((wanted, web.status.and_then(|status| status.ready_replicas).unwrap_or_default()))
        };
        same("replicas without load", &replicas().await?, &(1, 1))?;

        let light = Load::begin(&host, "/", 2);
        let heavy = Load::begin(&host, "/work?ms=10", 2);
        let begun = Instant::now();
        until("three replicas", UP, async || Ok((replicas().await? == (3, 3)).then_some(()))).await?;
        println!("three replicas are ready after {:.1} s", begun.elapsed().as_secs_f32());
        // What the autoscaler says is not taken back.
        world.ready("qa", UP).await?;
        same("replicas under load", &replicas().await?, &(3, 3))?;

        let heavy = heavy.end().await?;
        let ended = Instant::now();
        until("one replica", DOWN, async || {
            let pods = world.pods("qa").await?.len();
            Ok((replicas().await? == (1, 1) && pods == 1).then_some(()))
        })
        .await?;
        println!("one replica is left {:.1} s after the load", ended.elapsed().as_secs_f32());
        let light = light.end().await?;
        ensure!(heavy.failed + light.failed == 0, "failed: {:#?} {:#?}", heavy.failures, light.failures);
        world.ready("qa", UP).await
    })
    .await
}
