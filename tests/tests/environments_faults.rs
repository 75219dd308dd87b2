//! What goes wrong around a change: it is refused or told, and what runs goes on.

use std::time::Duration;

use anyhow::{Context, Result, ensure};
use api::{Environment, Exit, Plan};
use k8s_openapi::api::core::v1::Pod;
use kube::api::{Api, DeleteParams, ListParams, Patch, PatchParams};
use serde_json::{Value, json};
use stories::{World, contains, light, same, story, until};

const READY: Duration = Duration::from_secs(60);
/// Revisions that are kept.
const KEPT: usize = 20;

async fn version(world: &World, environment: &str) -> Result<Option<String>> {
    Ok(world.get(environment, "/version").await?.version)
}

async fn history(world: &World, environment: &str) -> Result<Vec<Value>> {
    let found = world.outboard(&["env", "history", environment, "-o", "json"]).await?.ended(Exit::Success)?;
    found.last()?.as_array().cloned().context("no history")
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs the testbed"]
async fn bytes_that_vanish_from_the_registry_stop_what_needs_them_anew_and_nothing_else() -> Result<()> {
    story(async |world| {
        world.apply(|spec| *spec = light()).await?;
        world.create("qa", &[]).await?;
        let (kept, gone) = (format!("kept-{}", world.name), format!("gone-{}", world.name));

        // Pulled before they vanish: the node has them, for new pods as well.
        let digest = stories::vary("shop/web", "2", &kept).await?;
        world.outboard(&["env", "set", "qa", "--set", &format!("web={kept}")]).await?.ended(Exit::Success)?;
        stories::forget("shop/web", &digest).await?;
        let before = world.uids("qa").await?;
        let pods = Api::<Pod>::namespaced(world.client.clone(), &world.namespace("qa"));
        for pod in before.keys() {
            pods.delete(pod, &DeleteParams::default()).await?;
        }
        until("another pod of the same bytes", READY, async || {
            let now = world.uids("qa").await?;
            Ok((!now.is_empty() && now.keys().all(|pod| !before.contains_key(pod))).then_some(()))
        })
        .await?;
        world.ready("qa", READY).await?;
        same("the version", &version(world, "qa").await?, &Some("2".to_owned()))?;

        // Planned, and vanished before they were pulled.
        let digest = stories::vary("shop/web", "1", &gone).await?;
        world
            .outboard(&["env", "freeze", "qa", "--for", "1h", "--reason", "story"])
            .await?
            .ended(Exit::Success)?;
        let choice = format!("web={gone}");
        world.outboard(&["env", "set", "qa", "--set", &choice, "--no-wait"]).await?.ended(Exit::Success)?;
        stories::forget("shop/web", &digest).await?;
        world.outboard(&["env", "thaw", "qa"]).await?.ended(Exit::Success)?;
        let shown = world.outboard(&["env", "show", "qa", "--wait"]).await?.ended(Exit::ImageNotFound)?;
        contains(&shown.stderr, &gone)?;
        same("the version", &version(world, "qa").await?, &Some("2".to_owned()))?;
        world.outboard(&["env", "rollback", "qa"]).await?.ended(Exit::Success)?;
        same("the version", &version(world, "qa").await?, &Some("2".to_owned()))
    })
    .await
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs the testbed"]
async fn a_promotion_between_two_projects_is_refused_and_nothing_is_written() -> Result<()> {
    story(async |world| {
        world.apply(|spec| *spec = light()).await?;
        let other = format!("{}-two", world.name);
        world.apply_another(&other, &light()).await?;
        world.create("qa", &["--project", &world.name, "--set", "web=2"]).await?;
        world.create("live", &["--project", &other, "--class", "production"]).await?;
        let before: Environment = world.environments().get("live").await?;
        for arguments in
            [&["env", "promote", "qa", "live"][..], &["env", "promote", "qa", "live", "--dry-run"]]
        {
            let refused = world.outboard(arguments).await?.ended(Exit::Invalid)?;
            contains(&refused.stderr, &other)?;
            contains(&refused.stderr, "promote between environments of one project")?;
        }
        same("the spec", &json!(world.environments().get("live").await?.spec), &json!(before.spec))?;
        same("revisions", &history(world, "live").await?.len(), &1)?;
        let plans = Api::<Plan>::namespaced(world.client.clone(), &world.name);
        same("plans", &plans.list(&ListParams::default()).await?.items.len(), &0)
    })
    .await
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs the testbed"]
async fn a_revision_that_is_no_longer_kept_cannot_be_rolled_back_to_and_the_rest_can() -> Result<()> {
    story(async |world| {
        world.apply(|spec| *spec = light()).await?;
        world.create("qa", &[]).await?;
        for change in 0..=KEPT {
            let choice = if change % 2 == 0 { "web=2" } else { "web=1" };
            world.outboard(&["env", "set", "qa", "--set", choice]).await?.ended(Exit::Success)?;
        }
        same("revisions", &history(world, "qa").await?.len(), &KEPT)?;
        let expired = world.outboard(&["env", "rollback", "qa", "--to", "2"]).await?.ended(Exit::NotFound)?;
        contains(&expired.stderr, "revision `2` does not exist in the history of `qa`")?;

        // Whoever writes it by hand is told by the operator; what runs goes on.
        let patch =
            json!({"spec": {"restores": 2, "versions": {"web": "2"}, "digests": null, "change": null}});
        world.environments().patch("qa", &PatchParams::default(), &Patch::Merge(&patch)).await?;
        let shown = world.outboard(&["env", "show", "qa", "--wait"]).await?.ended(Exit::NotFound)?;
        contains(&shown.stderr, "revision 2 of qa is no longer kept")?;
        same("the version", &version(world, "qa").await?, &Some("2".to_owned()))?;
        world.outboard(&["env", "rollback", "qa", "--to", "21"]).await?.ended(Exit::Success)?;
        same("the version", &version(world, "qa").await?, &Some("1".to_owned()))
    })
    .await
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs the testbed"]
async fn a_clone_of_what_fails_fails_alike_with_a_verdict_of_its_own() -> Result<()> {
    story(async |world| {
        world
            .apply(|spec| {
                *spec = light();
                spec["components"]["web"]["health"] =
                    json!({"ready": {"http": "/nothing-here"}, "start": "3s"});
            })
            .await?;
        world.outboard(&["env", "create", "qa"]).await?.ended(Exit::ReadinessFailing)?;
        let clone = world.outboard(&["env", "clone", "qa", "copy"]).await?.ended(Exit::ReadinessFailing)?;
        contains(&clone.stderr, "copy is not ready")?;
        let digests = |entries: Vec<Value>| entries.first().map(|entry| entry["digests"].clone());
        let (original, copied) = (history(world, "qa").await?, history(world, "copy").await?);
        same("digests", &digests(copied), &digests(original))?;

        // What has no revision has nothing that could be cloned.
        world.outboard(&["env", "create", "new", "--set", "web=nope"]).await?.ended(Exit::ImageNotFound)?;
        let refused = world.outboard(&["env", "clone", "new", "newer"]).await?.ended(Exit::NotFound)?;
        contains(&refused.stderr, "has no revision yet")?;
        ensure!(world.environments().get_opt("newer").await?.is_none(), "a clone of nothing was written");
        Ok(())
    })
    .await
}
