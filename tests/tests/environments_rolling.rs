//! Another version is rolled out under load.

use std::time::Duration;

use anyhow::{Result, ensure};
use api::Exit;
use k8s_openapi::api::core::v1::Pod;
use kube::api::{Api, ListParams};
use stories::{same, story, until};

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs the testbed"]
async fn another_version_rolls_in_without_a_failed_request() -> Result<()> {
    story(async |world| {
        world.apply(|_| {}).await?;
        world.create("qa", &["--set", "web=2"]).await?;
        let order = world.order("qa").await?;

        let load = world.load("qa");
        let set = world.outboard(&["env", "set", "qa", "--set", "web=1"]).await?.ended(Exit::Success)?;
        // Ready means all of it: not one answer of the old version after the command has ended.
        for _ in 0..20 {
            same("the version", &world.get("qa", "/version").await?.version, &Some("1".to_owned()))?;
        }
        // The load stays on until the last old pod has gone.
        let pods = Api::<Pod>::namespaced(world.client.clone(), &world.namespace("qa"));
        let web = ListParams::default().labels(&format!("{}=web", api::marks::PART));
        until("old pods gone", Duration::from_secs(60), async || {
            Ok((pods.list(&web).await?.items.len() == 2).then_some(()))
        })
        .await?;
        let tally = load.end().await?;
        println!("env set took {:.1} s", set.took.as_secs_f32());
        ensure!(tally.failed == 0, "{} requests failed: {:#?}", tally.failed, tally.failures);
        ensure!(tally.by_version.len() == 2, "one version answered everything: {:?}", tally.by_version);
        ensure!(world.orders("qa").await?.contains(&order), "the order is gone");
        Ok(())
    })
    .await
}
