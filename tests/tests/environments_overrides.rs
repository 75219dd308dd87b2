//! What differs by hand in one environment: planned, told wherever it is looked at, kept by updates, carried nowhere else.

use anyhow::{Context, Result, ensure};
use api::Exit;
use k8s_openapi::api::apps::v1::Deployment;
use kube::api::Api;
use serde_json::{Value, json};
use stories::{World, contains, light, same, story};

/// A variable of the web's container.
async fn variable(world: &World, environment: &str, name: &str) -> Result<Option<String>> {
    let api = Api::<Deployment>::namespaced(world.client.clone(), &world.namespace(environment));
    let pod = api.get("web").await?.spec.and_then(|spec| spec.template.spec).context("no pod")?;
    let container = pod.containers.into_iter().next().context("no container")?;
    Ok(container.env.into_iter().flatten().find(|found| found.name == name).and_then(|found| found.value))
}

async fn replicas(world: &World, environment: &str) -> Result<Option<i32>> {
    let api = Api::<Deployment>::namespaced(world.client.clone(), &world.namespace(environment));
    Ok(api.get("web").await?.spec.and_then(|spec| spec.replicas))
}

async fn by_hand(world: &World, environment: &str) -> Result<Value> {
    let shown = world.outboard(&["env", "show", environment, "-o", "json"]).await?.ended(Exit::Success)?;
    Ok(shown.last()?["summary"]["differsByHand"].clone())
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs the testbed"]
async fn what_differs_by_hand_is_told_survives_an_update_and_can_be_taken_away() -> Result<()> {
    story(async |world| {
        let with = |spec: &mut Value, level: &str, other: &str| {
            *spec = light();
            spec["components"]["web"]["env"]["LOG_LEVEL"] = json!(level);
            spec["components"]["web"]["env"]["OTHER"] = json!(other);
        };
        world.apply(|spec| with(spec, "info", "1")).await?;
        world.create("qa", &[]).await?;
        world.create("live", &["--class", "production"]).await?;

        let set = ["env", "set", "qa", "web.env.LOG_LEVEL=debug", "web.scale.min=2"];
        let planned = world.outboard(&[&set[..], &["--dry-run"]].concat()).await?.ended(Exit::Success)?;
        contains(
            &planned.stdout,
            "differs by hand from the project: web.env.LOG_LEVEL=debug, web.scale.min=2",
        )?;
        same("nothing yet", &variable(world, "qa", "LOG_LEVEL").await?.as_deref(), &Some("info"))?;
        world.outboard(&set).await?.ended(Exit::Success)?;
        same("the variable", &variable(world, "qa", "LOG_LEVEL").await?.as_deref(), &Some("debug"))?;
        same("the replicas", &replicas(world, "qa").await?, &Some(2))?;
        let both = json!({"web.env.LOG_LEVEL": "debug", "web.scale.min": "2"});
        same("env show", &by_hand(world, "qa").await?, &both)?;
        let list = world.outboard(&["env", "list", "-o", "wide"]).await?.ended(Exit::Success)?;
        contains(&list.stdout, "web.env.LOG_LEVEL=debug web.scale.min=2")?;
        let diff = world.outboard(&["env", "diff", "qa", "live"]).await?.ended(Exit::Success)?;
        contains(&diff.stdout, "differs by hand")?;

        // Not what was tested, or not what the file says: either way it is no promotion.
        let refused = world.outboard(&["env", "promote", "qa", "live"]).await?.ended(Exit::Invalid)?;
        contains(&refused.stderr, "differs by hand")?;
        contains(&refused.stderr, "--unset")?;

        world.apply(|spec| with(spec, "warn", "2")).await?;
        let updated = world.outboard(&["env", "update", "qa", "--dry-run"]).await?.ended(Exit::Success)?;
        contains(&updated.stdout, "differs by hand from the project: web.env.LOG_LEVEL=debug")?;
        world.outboard(&["env", "update", "qa"]).await?.ended(Exit::Success)?;
        same("by hand", &variable(world, "qa", "LOG_LEVEL").await?.as_deref(), &Some("debug"))?;
        same("the project's", &variable(world, "qa", "OTHER").await?.as_deref(), &Some("2"))?;

        world.outboard(&["env", "set", "qa", "--unset", "web"]).await?.ended(Exit::Success)?;
        same("as the project says", &variable(world, "qa", "LOG_LEVEL").await?.as_deref(), &Some("warn"))?;
        same("env show", &by_hand(world, "qa").await?, &json!({}))?;
        world.outboard(&["env", "promote", "qa", "live"]).await?.ended(Exit::Success)?;
        same("promoted", &variable(world, "live", "LOG_LEVEL").await?.as_deref(), &Some("warn"))?;

        // A new one may differ from its first moment on; asked for as it is, it is there already.
        let create = ["env", "create", "own", "web.env.LOG_LEVEL=trace"];
        world.outboard(&create).await?.ended(Exit::Success)?;
        same("its own", &variable(world, "own", "LOG_LEVEL").await?.as_deref(), &Some("trace"))?;
        world.outboard(&create).await?.ended(Exit::Success)?;
        let other = ["env", "create", "own", "web.env.LOG_LEVEL=info"];
        let refused = world.outboard(&other).await?.ended(Exit::Conflict)?;
        contains(&refused.stderr, "web.env.LOG_LEVEL")?;

        // A rollback brings the whole revision back.
        world.outboard(&["env", "rollback", "qa"]).await?.ended(Exit::Success)?;
        same("rolled back", &variable(world, "qa", "LOG_LEVEL").await?.as_deref(), &Some("debug"))?;
        same("env show", &by_hand(world, "qa").await?, &both)
    })
    .await
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs the testbed"]
async fn nothing_differs_by_hand_where_the_class_is_protected_or_the_setting_is_none() -> Result<()> {
    story(async |world| {
        world
            .apply(|spec| {
                *spec = light();
                spec["classes"]["production"]["protected"] = json!(true);
            })
            .await?;
        world.create("live", &["--class", "production"]).await?;
        world.create("qa", &[]).await?;
        let refused: [(&[&str], Exit, &str); 5] = [
            (&["live", "web.env.LOG_LEVEL=debug"], Exit::Invalid, "protected"),
            (&["qa", "wbe.env.LOG_LEVEL=debug"], Exit::NotFound, "did you mean `web`?"),
            (&["qa", "web.image=other"], Exit::Usage, "COMPONENT.KEY=VALUE"),
            (&["qa", "web.env.URL=${dv.host}"], Exit::Invalid, "`${dv.host}`"),
            (&["qa", "web.scale.cpu=50"], Exit::Invalid, "without `max` nothing scales"),
        ];
        for (arguments, exit, words) in refused {
            let output = world.outboard(&[&["env", "set"], arguments].concat()).await?.ended(exit)?;
            contains(&output.stderr, words)?;
        }
        let create = ["env", "create", "own", "--class", "production", "web.env.LOG_LEVEL=debug"];
        let refused = world.outboard(&create).await?.ended(Exit::Invalid)?;
        contains(&refused.stderr, "protected")?;
        ensure!(world.environments().get_opt("own").await?.is_none(), "an environment was made");
        same("nothing was written", &by_hand(world, "qa").await?, &json!({}))?;

        // Written past the command line it is refused all the same, and what runs goes on.
        let patch = json!({"spec": {"overrides": {"web": {"env": {"LOG_LEVEL": "debug"}}}}});
        let (params, patch) = (kube::api::PatchParams::default(), kube::api::Patch::Merge(&patch));
        world.environments().patch("live", &params, &patch).await?;
        let shown = world.outboard(&["env", "show", "live", "--wait"]).await?.ended(Exit::Invalid)?;
        contains(&shown.stderr, "protected")?;
        same("it serves", &world.get("live", "/version").await?.version.as_deref(), &Some("1"))?;
        ensure!(variable(world, "live", "LOG_LEVEL").await?.is_none(), "it was set");

        let kept = world.outboard(&["env", "destroy", "live", "--yes"]).await?.ended(Exit::Invalid)?;
        contains(&kept.stderr, "--protected")?;
        world.outboard(&["env", "destroy", "live", "--yes", "--protected"]).await?.ended(Exit::Success)?;
        Ok(())
    })
    .await
}
