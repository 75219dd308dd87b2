//! Changing an environment: planned before, exactly what was shown, back again, and onwards to another one.

use std::collections::BTreeMap;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use api::Exit;
use serde_json::Value;
use stories::{World, same, story, until};

const READY: Duration = Duration::from_secs(120);

/// Index digest by image reference of the revision that runs.
async fn digests(world: &World, environment: &str) -> Result<BTreeMap<String, String>> {
    let found = world.outboard(&["env", "history", environment, "-o", "json"]).await?.ended(Exit::Success)?;
    let current = found.last()?;
    let current = current.as_array().into_iter().flatten().find(|entry| entry["current"] == true).cloned();
    Ok(serde_json::from_value(current.context("no current revision")?["digests"].clone())?)
}

/// The newest entry of the history.
async fn newest(world: &World, environment: &str) -> Result<Value> {
    let found = world.outboard(&["env", "history", environment, "-o", "json"]).await?.ended(Exit::Success)?;
    found.last()?.as_array().and_then(|entries| entries.first().cloned()).context("no history")
}

async fn version(world: &World, environment: &str) -> Result<Option<String>> {
    Ok(world.get(environment, "/version").await?.version)
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs the testbed"]
async fn a_plan_shows_what_will_change_and_changes_nothing() -> Result<()> {
    story(async |world| {
        world.apply(|_| {}).await?;
        let before =
            world.outboard(&["env", "plan", "qa", "-o", "json"]).await?.ended(Exit::Success)?.last()?;
        ensure!(
            before["changes"]
                .as_array()
                .is_some_and(|changes| changes.iter().all(|change| change["action"] == "create"))
        );
        ensure!(world.environments().get_opt("qa").await?.is_none(), "a plan made an environment");
        world.create("qa", &[]).await?;
        let pods = world.uids("qa").await?;

        let plan = world.outboard(&["env", "set", "qa", "--set", "web=2", "--dry-run", "-o", "json"]).await?;
        let plan = plan.ended(Exit::Success)?.last()?;
        let changes = plan["changes"].as_array().context("a plan without changes")?;
        same("the changed objects", &changes.len(), &1)?;
        same("what changes", &changes[0]["object"], &Value::from("Deployment web"))?;
        let fields = changes[0]["fields"].as_array().context("a change without fields")?;
        same("changed fields", &fields.len(), &1)?;
        ensure!(fields[0]["to"].as_str().is_some_and(|image| image.contains("/web:2@sha256:")), "{fields:?}");
        same("pods", &world.uids("qa").await?, &pods)?;

        let same_again =
            world.outboard(&["env", "set", "qa", "--set", "web=1"]).await?.ended(Exit::Success)?;
        ensure!(
            same_again.stderr.contains("as it is asked for")
                || same_again.stderr.contains("no object changes"),
            "{}",
            same_again.stderr
        );
        same("pods", &world.uids("qa").await?, &pods)?;
        let nothing =
            world.outboard(&["env", "plan", "qa", "--set", "wbe=2"]).await?.ended(Exit::NotFound)?;
        ensure!(nothing.stderr.contains("did you mean `web`"), "{}", nothing.stderr);
        let left = kube::Api::<api::Plan>::namespaced(world.client.clone(), &world.name);
        until("no plan left", READY, async || {
            Ok(left.list(&kube::api::ListParams::default()).await?.items.is_empty().then_some(()))
        })
        .await
    })
    .await
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs the testbed"]
async fn a_rollback_stays_rolled_back_and_runs_no_job() -> Result<()> {
    story(async |world| {
        world.apply(|_| {}).await?;
        world.create("qa", &[]).await?;
        let first = digests(world, "qa").await?;
        let order = world.order("qa").await?;
        // Version and settings change together, so they have to come back together.
        world
            .apply(|spec| {
                spec["components"]["web"]["version"] = "2".into();
                spec["components"]["web"]["env"]["GREETING"] = "hello".into();
            })
            .await?;
        until("the lag told", READY, async || {
            let status = world.environments().get("qa").await?.status.unwrap_or_default();
            let outdated = api::condition::find(&status.conditions, api::condition::PROJECT_OUTDATED);
            Ok(outdated.is_some_and(api::Condition::is_true).then_some(()))
        })
        .await?;
        world.outboard(&["env", "update", "qa"]).await?.ended(Exit::Success)?;
        same("the version", &version(world, "qa").await?, &Some("2".to_owned()))?;

        let back = world.outboard(&["env", "rollback", "qa"]).await?.ended(Exit::Success)?;
        println!("env rollback took {:.1} s", back.took.as_secs_f32());
        same("the version", &version(world, "qa").await?, &Some("1".to_owned()))?;
        same("the bytes", &digests(world, "qa").await?, &first)?;
        let entry = newest(world, "qa").await?;
        same("what it restores", &entry["restores"], &Value::from(1))?;
        let revision = world.outboard(&["env", "show", "qa", "--revision", "3", "-o", "yaml"]).await?;
        ensure!(!revision.stdout.contains("GREETING"), "settings did not come back");
        ensure!(!revision.stdout.contains("kind: Job"), "an old job would run again");
        ensure!(world.orders("qa").await?.contains(&order), "data went back");

        // Neither time nor a new operator brings the newer one back.
        stories::restart_operator(&world.client).await?;
        world.ready("qa", READY).await?;
        same("the version", &version(world, "qa").await?, &Some("1".to_owned()))?;
        same("the newest entry", &newest(world, "qa").await?, &entry)?;
        world.outboard(&["env", "rollback", "qa", "--to", "99"]).await?.ended(Exit::NotFound)?;
        world.outboard(&["env", "rollback", "qa"]).await?.ended(Exit::NotFound)?;
        Ok(())
    })
    .await
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs the testbed"]
async fn a_promotion_brings_exactly_what_was_tested() -> Result<()> {
    story(async |world| {
        let production =
            serde_json::json!({"scale": {"web": {"min": 3}}, "services": {"db": {"storage": "2Gi"}}});
        world.apply(|spec| spec["classes"]["production"] = production.clone()).await?;
        world.create("qa", &["--set", "web=2"]).await?;
        world.create("live", &["--class", "production"]).await?;
        world.outboard(&["env", "promote", "qa", "live"]).await?.ended(Exit::Success)?;
        same("the version", &version(world, "live").await?, &Some("2".to_owned()))?;
        same("digests", &digests(world, "live").await?, &digests(world, "qa").await?)?;

        let found = world
            .outboard(&["env", "diff", "qa", "live", "-o", "json"])
            .await?
            .ended(Exit::Success)?
            .last()?;
        same("the digests", &found["sameDigests"], &Value::from(true))?;
        let fields: Vec<&Value> = found["changes"]
            .as_array()
            .into_iter()
            .flatten()
            .flat_map(|c| c["fields"].as_array().into_iter().flatten())
            .collect();
        let of_class = |field: &&Value| {
            let path = field["path"].as_str().unwrap_or_default();
            path == "spec.replicas" || path.ends_with("resources.requests.storage")
        };
        ensure!(!fields.is_empty() && fields.iter().all(of_class), "more than the class differs: {found:#}");

        // What has never been ready was never tested.
        world
            .apply(|spec| {
                spec["classes"]["production"] = production;
                spec["components"]["web"]["health"]["ready"]["http"] = "/nothing-here".into();
            })
            .await?;
        world.outboard(&["env", "update", "qa", "--no-wait"]).await?.ended(Exit::Success)?;
        until("the untested revision stored", READY, async || {
            let status = world.environments().get("qa").await?.status;
            Ok((status.and_then(|status| status.revision) == Some(2)).then_some(()))
        })
        .await?;
        let refused = world.outboard(&["env", "promote", "qa", "live"]).await?.ended(Exit::Invalid)?;
        ensure!(refused.stderr.contains("never been ready"), "{}", refused.stderr);
        same("the version", &version(world, "live").await?, &Some("2".to_owned()))
    })
    .await
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs the testbed"]
async fn a_clone_has_the_same_bytes_and_data_of_its_own() -> Result<()> {
    story(async |world| {
        world.apply(|_| {}).await?;
        world.create("qa", &["--set", "web=2"]).await?;
        let order = world.order("qa").await?;
        world.outboard(&["env", "clone", "qa", "copy"]).await?.ended(Exit::Success)?;
        same("digests", &digests(world, "copy").await?, &digests(world, "qa").await?)?;
        ensure!(!world.orders("copy").await?.contains(&order), "a clone has the data of the original");
        let found =
            world.outboard(&["env", "diff", "qa", "copy", "-o", "json"]).await?.ended(Exit::Success)?;
        same("differences", &found.last()?["changes"], &Value::Array(vec![]))?;
        world.outboard(&["env", "clone", "qa", "copy"]).await?.ended(Exit::Conflict)?;
        Ok(())
    })
    .await
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs the testbed"]
async fn a_restart_replaces_the_pods_without_a_failed_request_and_leaves_the_rest() -> Result<()> {
    story(async |world| {
        world.apply(|_| {}).await?;
        world.create("qa", &[]).await?;
        let before = world.uids("qa").await?;
        let load = world.load("qa");
        world.outboard(&["env", "restart", "qa", "web"]).await?.ended(Exit::Success)?;
        let tally = load.end().await?;
        ensure!(tally.failed == 0, "{} requests failed: {:#?}", tally.failed, tally.failures);
        let after = world.uids("qa").await?;
        let server = |pods: &stories::Uids| pods.get("db-0").cloned();
        same("the database's pod", &server(&after), &server(&before))?;
        let replaced = before
            .iter()
            .filter(|(name, _)| name.starts_with("web-"))
            .all(|(name, _)| after.get(name).is_none_or(|uid| Some(uid) != before.get(name)));
        ensure!(
            replaced || after.len() > before.len(),
            "a pod of web is still the old one: {before:?} {after:?}"
        );
        Ok(())
    })
    .await
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs the testbed"]
async fn an_environment_holds_for_an_image_that_is_pushed_later() -> Result<()> {
    story(async |world| {
        world.apply(|_| {}).await?;
        world.create("qa", &[]).await?;
        let pods = world.uids("qa").await?;
        let tag = format!("late-{}", world.name);
        let choice = format!("web={tag}");
        let set =
            world.outboard(&["env", "set", "qa", "--set", &choice]).await?.ended(Exit::ImageNotFound)?;
        ensure!(set.stderr.contains("waiting for image"), "{}", set.stderr);
        same("pods", &world.uids("qa").await?, &pods)?;
        same("the version", &version(world, "qa").await?, &Some("1".to_owned()))?;

        stories::tag("shop/web", "2", &tag).await?;
        world.ready("qa", READY).await?;
        same("the version", &version(world, "qa").await?, &Some("2".to_owned()))?;

        // From now on it is these bytes, wherever the tag moves; until somebody asks for the tag again.
        let held = digests(world, "qa").await?;
        stories::tag("shop/web", "1", &tag).await?;
        world.outboard(&["env", "restart", "qa", "web"]).await?.ended(Exit::Success)?;
        same("digests", &digests(world, "qa").await?, &held)?;
        world.outboard(&["env", "set", "qa", "--set", &choice]).await?.ended(Exit::Success)?;
        same("the version", &version(world, "qa").await?, &Some("1".to_owned()))
    })
    .await
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs the testbed"]
async fn the_newest_change_wins_and_the_older_command_says_that_it_was_superseded() -> Result<()> {
    story(async |world| {
        world.apply(|_| {}).await?;
        world.create("qa", &[]).await?;
        let tag = format!("web=never-{}", world.name);
        let waiting = ["env", "set", "qa", "--set", &tag, "--hold", "2m"];
        let waits = world.outboard(&waiting);
        let second = async {
            until("the first change written", READY, async || {
                Ok((world.environments().get("qa").await?.metadata.generation > Some(1)).then_some(()))
            })
            .await?;
            world.outboard(&["env", "set", "qa", "--set", "web=2"]).await?.ended(Exit::Success)
        };
        let (first, second) = futures::join!(waits, second);
        second?;
        let first = first?.ended(Exit::Superseded)?;
        ensure!(first.stderr.contains("set web=2"), "{}", first.stderr);
        same("the version", &version(world, "qa").await?, &Some("2".to_owned()))
    })
    .await
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs the testbed"]
async fn a_stale_plan_is_refused_and_what_runs_stays() -> Result<()> {
    story(async |world| {
        world.apply(|_| {}).await?;
        world.create("qa", &[]).await?;
        let patch = serde_json::json!({"spec": {
            "versions": {"web": "2"},
            "change": {"action": "set web=2", "plan": "0123456789abcdef"},
        }});
        let params = kube::api::PatchParams::default();
        world.environments().patch("qa", &params, &kube::api::Patch::Merge(&patch)).await?;
        let shown = world.outboard(&["env", "show", "qa", "--wait"]).await?.ended(Exit::Conflict)?;
        ensure!(shown.stderr.contains("no longer what the plan showed"), "{}", shown.stderr);
        same("the version", &version(world, "qa").await?, &Some("1".to_owned()))?;
        world.outboard(&["env", "set", "qa", "--set", "web=2"]).await?.ended(Exit::Success)?;
        same("the version", &version(world, "qa").await?, &Some("2".to_owned()))
    })
    .await
}
