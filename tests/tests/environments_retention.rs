//! What is left of a destroyed environment: its revisions, for a stated time, and not longer.

use std::time::Duration;

use anyhow::{Context, Result, ensure};
use api::{Exit, marks};
use k8s_openapi::api::apps::v1::ControllerRevision;
use kube::ResourceExt;
use kube::api::{Api, ListParams, PostParams};
use serde_json::{Value, json};
use stories::{World, contains, restart_operator, same, story, until};

const SOON: Duration = Duration::from_secs(30);

async fn revisions(world: &World) -> Result<Vec<ControllerRevision>> {
    let ours = format!("{}=environment,{}=qa", marks::REVISION_OF, marks::ENVIRONMENT);
    let api = Api::<ControllerRevision>::namespaced(world.client.clone(), &world.name);
    let mut found = api.list(&ListParams::default().labels(&ours)).await?.items;
    found.sort_by_key(|object| object.revision);
    Ok(found)
}

fn until_when(revision: &ControllerRevision) -> Option<&String> {
    revision.annotations().get(marks::KEPT_UNTIL)
}

/// Writes that everything was to be kept until long ago.
async fn expire(world: &World) -> Result<()> {
    let api = Api::<ControllerRevision>::namespaced(world.client.clone(), &world.name);
    for mut revision in revisions(world).await? {
        revision.annotations_mut().insert(marks::KEPT_UNTIL.to_owned(), "2020-01-01T00:00:00Z".to_owned());
        api.replace(&revision.name_any(), &PostParams::default(), &revision).await?;
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs the testbed"]
async fn a_destroyed_environment_has_a_history_until_that_is_swept() -> Result<()> {
    story(async |world| {
        world.apply(|_| {}).await?;
        world.create("qa", &[]).await?;
        world.outboard(&["env", "set", "qa", "--set", "web=2"]).await?.ended(Exit::Success)?;
        let destroyed = world.outboard(&["env", "destroy", "qa", "--yes", "-o", "json"]).await?;
        let receipt = destroyed.ended(Exit::Success)?.last()?["result"].clone();
        same("what is kept", &receipt["kept"]["revisions"], &json!([1, 2]))?;
        same("what else is left", &receipt["remaining"], &json!([]))?;
        same("where nobody looked", &receipt["unseen"], &json!([]))?;
        let until_then = receipt["kept"]["until"].as_str().context("no end")?.to_owned();

        let history = world.outboard(&["env", "history", "qa"]).await?.ended(Exit::Success)?;
        contains(&history.stderr, &format!("kept until {until_then}"))?;
        let entries = world.outboard(&["env", "history", "qa", "-o", "json"]).await?.last()?;
        same("entries", &entries.as_array().map(Vec::len), &Some(2))?;
        same("until when", &entries[0]["keptUntil"], &Value::from(until_then.clone()))?;
        let shown = world.outboard(&["env", "show", "qa", "--revision", "1"]).await?.ended(Exit::Success)?;
        contains(&shown.stdout, &until_then)?;
        world.outboard(&["env", "show", "qa", "--revision", "9"]).await?.ended(Exit::NotFound)?;
        world.outboard(&["env", "history", "nobody"]).await?.ended(Exit::NotFound)?;

        // A new one of that name goes on with the numbers, and nothing of it is on its way out.
        let plan =
            world.outboard(&["env", "plan", "qa", "-o", "json"]).await?.ended(Exit::Success)?.last()?;
        let created = |change: &Value| change["action"] == "create";
        ensure!(plan["changes"].as_array().is_some_and(|changes| changes.iter().all(created)), "{plan:#}");
        world.create("qa", &[]).await?;
        let numbers: Vec<i64> = revisions(world).await?.iter().map(|object| object.revision).collect();
        same("numbers", &numbers, &vec![1, 2, 3])?;
        until("nothing on its way out", SOON, async || {
            Ok(revisions(world).await?.iter().all(|object| until_when(object).is_none()).then_some(()))
        })
        .await?;

        // Whatever somebody wrote on them: of an environment that lives nothing is swept.
        expire(world).await?;
        restart_operator(&world.client).await?;
        until("taken back", SOON, async || {
            Ok(revisions(world).await?.iter().all(|object| until_when(object).is_none()).then_some(()))
        })
        .await?;
        same("revisions", &revisions(world).await?.len(), &3)?;

        world.outboard(&["env", "destroy", "qa", "--yes"]).await?.ended(Exit::Success)?;
        same("revisions", &revisions(world).await?.len(), &3)?;
        expire(world).await?;
        // An operator that was off finds them when it comes.
        restart_operator(&world.client).await?;
        until("swept", SOON, async || Ok(revisions(world).await?.is_empty().then_some(()))).await?;
        world.outboard(&["env", "history", "qa"]).await?.ended(Exit::NotFound)?;
        Ok(())
    })
    .await
}
