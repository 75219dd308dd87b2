//! Two environments side by side: created, asked, read, one destroyed. The shortest proof that outboard works.

use anyhow::{Context, Result, ensure};
use api::Exit;
use std::time::Duration;
use stories::{contains, same, story, until};

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs the testbed"]
async fn two_environments_serve_their_own_version_and_data_and_one_goes_without_the_other() -> Result<()> {
    story(async |world| {
        let applied = world.apply(|_| {}).await?;
        contains(&applied.stdout, "created")?;

        // One, as data.
        let created = world.create("qa-42", &["-o", "json"]).await?;
        let result = created.last()?;
        same("the last event", &result["event"], &"result".into())?;
        same("its state", &result["result"]["summary"]["state"], &"ready".into())?;
        let url = result["result"]["summary"]["urls"]["web"].as_str().context("no URL")?;
        same("its URL", &url, &format!("http://{}:8080", world.host("qa-42")).as_str())?;
        let page = world.get("qa-42", "/").await?;
        same("the page's status", &page.status, &200)?;
        contains(&page.body, "version 1")?;
        contains(&page.body, "Coffee, one pound")?;

        // Another one beside it, for people.
        let created = world.create("qa-43", &["--set", "web=2"]).await?;
        contains(&created.stdout, "qa-43 is ready")?;
        contains(&created.stdout, &world.host("qa-43"))?;
        let versions = (world.get("qa-42", "/").await?, world.get("qa-43", "/").await?);
        contains(&versions.1.body, "Coffee, one pound")?;
        same("versions", &(versions.0.version, versions.1.version), &(Some("1".into()), Some("2".into())))?;

        // Each has its own data.
        let order = world.order("qa-42").await?;
        ensure!(world.orders("qa-42").await?.contains(&order), "the order is gone");
        same("orders of the other", &world.orders("qa-43").await?, &vec![])?;

        // Both are listed, and each tells its own log.
        let listed = world.outboard(&["env", "list"]).await?.ended(Exit::Success)?;
        for name in ["qa-42", "qa-43"] {
            contains(&listed.stdout, name)?;
            let log = world.outboard(&["logs", name]).await?.ended(Exit::Success)?;
            let version = if name == "qa-42" { "version 1 listens" } else { "version 2 listens" };
            for wanted in ["web ", "db ", "migrate ", version] {
                contains(&log.stdout, wanted)?;
            }
        }

        // One goes.
        let before = world.uids("qa-42").await?;
        let destroyed = world.outboard(&["env", "destroy", "qa-43", "--yes"]).await?.ended(Exit::Success)?;
        contains(&destroyed.stdout, &format!("namespace {}", world.namespace("qa-43")))?;
        contains(&destroyed.stdout, "volume data-db-0 (1Gi) are gone")?;
        ensure!(!world.namespace_exists("qa-43").await?, "the namespace is still there");
        same("volumes left", &world.volumes().await?.len(), &1)?;

        // The other stays as it was.
        same("pods of the other", &world.uids("qa-42").await?, &before)?;
        ensure!(world.orders("qa-42").await?.contains(&order), "the order is gone");
        until("the route of the destroyed one gone", Duration::from_secs(5), async || {
            Ok((world.get("qa-43", "/").await?.status == 404).then_some(()))
        })
        .await
    })
    .await
}
