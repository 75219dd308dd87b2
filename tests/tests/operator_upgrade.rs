//! An operator that renders otherwise takes over: what runs stays, until somebody changes it.

use std::time::Duration;

use anyhow::{Context, Result, ensure};
use api::Exit;
use k8s_openapi::api::apps::v1::{ControllerRevision, Deployment};
use kube::ResourceExt;
use kube::api::{Api, Patch, PatchParams};
use serde_json::json;
use stories::{HostOperator, light, same, story, until, without_operator};

const READY: Duration = Duration::from_secs(120);

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs the testbed"]
async fn an_operator_that_renders_otherwise_restarts_nothing_and_plans_the_difference() -> Result<()> {
    story(async |world| {
        world.apply(|_| {}).await?;
        world.create("qa", &[]).await?;
        world.create("other", &[]).await?;
        let (qa, other) = (world.uids("qa").await?, world.uids("other").await?);
        let web = Api::<Deployment>::namespaced(world.client.clone(), &world.namespace("qa"));
        let before = web.get("web").await?;

        without_operator(&world.client, async || {
            let operator = HostOperator::begin_with(world, &["--label", "team=payments"])?;
            // It has looked at this environment once it takes an edit back.
            let edit = json!({"metadata": {"labels": {"edited": "by-hand"}}});
            let params =
                PatchParams { field_manager: Some("kubectl-edit".to_owned()), ..PatchParams::default() };
            web.patch("web", &params, &Patch::Strategic(&edit)).await?;
            until("the edit taken back", READY, async || {
                Ok((!web.get("web").await?.labels().contains_key("edited")).then_some(()))
            })
            .await?;
            same("the spec", &web.get("web").await?.spec, &before.spec)?;
            same("the labels", &web.get("web").await?.labels(), &before.labels())?;
            same("pods", &world.uids("qa").await?, &qa)?;
            same("pods", &world.uids("other").await?, &other)?;

            let plan =
                world.outboard(&["env", "set", "qa", "--set", "web=2", "--dry-run", "-o", "json"]).await?;
            let plan = plan.ended(Exit::Success)?.last()?;
            let changes = plan["changes"].as_array().context("a plan without changes")?;
            let label = |change: &serde_json::Value| {
                let fields = change["fields"].as_array().into_iter().flatten();
                fields.filter_map(|field| field["path"].as_str()).any(|path| path.ends_with("labels.team"))
            };
            ensure!(
                changes.len() > 2 && changes.iter().filter(|change| change["action"] == "change").all(label),
                "{plan:#}"
            );
            same("pods", &world.uids("qa").await?, &qa)?;

            world.outboard(&["env", "set", "qa", "--set", "web=2"]).await?.ended(Exit::Success)?;
            same(
                "the label",
                &web.get("web").await?.labels().get("team").map(String::as_str),
                &Some("payments"),
            )?;
            same("pods of the other", &world.uids("other").await?, &other)?;
            operator.stop().await
        })
        .await?;

        // Back to the operator that knows no such label: the stored objects count, not what it would render.
        world.ready("qa", READY).await?;
        let edit = json!({"spec": {"paused": true}});
        let params = PatchParams { field_manager: Some("kubectl-edit".to_owned()), ..PatchParams::default() };
        web.patch("web", &params, &Patch::Strategic(&edit)).await?;
        until("the edit taken back", READY, async || {
            let paused = web.get("web").await?.spec.and_then(|spec| spec.paused);
            Ok((paused != Some(true)).then_some(()))
        })
        .await?;
        same(
            "the label",
            &web.get("web").await?.labels().get("team").map(String::as_str),
            &Some("payments"),
        )?;
        same("pods of the other", &world.uids("other").await?, &other)
    })
    .await
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs the testbed"]
async fn an_operator_that_takes_over_in_the_middle_of_a_change_ends_it_as_it_was_begun() -> Result<()> {
    story(async |world| {
        world.apply(|spec| *spec = light()).await?;
        world.create("qa", &[]).await?;
        let revisions = Api::<ControllerRevision>::namespaced(world.client.clone(), &world.name);
        without_operator(&world.client, async || {
            let first = HostOperator::begin(world)?;
            let stored = until("the revision stored", READY, async || Ok(revisions.get_opt("qa-r2").await?));
            let set = world.outboard(&["env", "set", "qa", "--set", "web=2", "--no-wait"]);
            let (stored, set) = futures::join!(stored, set);
            first.kill()?;
            let (stored, set) = (stored?, set?.ended(Exit::Success)?);
            println!("killed {:.1} s after it was asked for", set.took.as_secs_f32());
            let settled =
                world.environments().get("qa").await?.status.and_then(|status| status.settled_revision);
            same("what was ready when it was killed", &settled, &Some(1))?;

            let second = HostOperator::begin_with(world, &["--label", "team=payments"])?;
            world.ready("qa", READY).await?;
            same("the version", &world.get("qa", "/version").await?.version, &Some("2".to_owned()))?;
            let web = Api::<Deployment>::namespaced(world.client.clone(), &world.namespace("qa"))
                .get("web")
                .await?;
            same("the label", &web.labels().get("team"), &None)?;
            let rendered = |revision: ControllerRevision| revision.data.map(|data| data.0["parts"].clone());
            same("what is stored", &rendered(revisions.get("qa-r2").await?), &rendered(stored))?;
            ensure!(revisions.get_opt("qa-r3").await?.is_none(), "the second made a revision of its own");
            second.stop().await
        })
        .await
    })
    .await
}
