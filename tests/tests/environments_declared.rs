//! Environments that are kept in git: what differs is changed, what stands stays, and one that fails holds up nobody.

use anyhow::{Context, Result, ensure};
use api::Exit;
use kube::ResourceExt;
use serde_json::{Value, json};
use stories::{World, contains, light, same, story};

fn write(world: &World, name: &str, environment: &Value) -> Result<()> {
    let path = world.directory().join("envs").join(name);
    std::fs::create_dir_all(path.parent().context("a file has a directory")?)?;
    Ok(std::fs::write(path, serde_json::to_string_pretty(environment)?)?)
}

fn environment(world: &World, name: &str, class: &str, web: &str) -> Value {
    json!({
        "apiVersion": "outboard.dev/v1alpha1",
        "kind": "Environment",
        "metadata": {"name": name},
        "spec": {"project": world.name, "class": class, "versions": {"web": web}},
    })
}

async fn outcomes(world: &World, arguments: &[&str], exit: Exit) -> Result<Vec<(String, String, u64)>> {
    let arguments = [&["apply", "-f", "envs", "-o", "json"], arguments].concat();
    let output = world.outboard(&arguments).await?.ended(exit)?;
    let events = output.events()?;
    let result = events.iter().find(|event| event["event"] == "result").context("no result")?;
    let all = result["result"].as_array().context("no outcomes")?;
    Ok(all
        .iter()
        .map(|one| {
            let text = |key: &str| one[key].as_str().unwrap_or("-").to_owned();
            (text("name"), text("change"), one["exit"].as_u64().unwrap_or_default())
        })
        .collect())
}

fn named(name: &str, change: &str, exit: Exit) -> (String, String, u64) {
    (name.to_owned(), change.to_owned(), exit.code().into())
}

async fn versions(world: &World) -> Result<Vec<(String, Option<String>)>> {
    let mut found = Vec::new();
    for environment in world.environments().list(&kube::api::ListParams::default()).await? {
        found.push((environment.name_any(), environment.resource_version()));
    }
    Ok(found)
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs the testbed"]
async fn a_directory_is_applied_once_and_then_only_what_differs() -> Result<()> {
    story(async |world| {
        let file = world.write(|spec| *spec = light())?;
        std::fs::create_dir_all(world.directory().join("envs"))?;
        std::fs::rename(file, world.directory().join("envs/outboard.yaml"))?;
        write(world, "qa.yaml", &environment(world, "qa", "qa", "1"))?;
        write(world, "live.yaml", &environment(world, "live", "production", "1"))?;

        let planned = outcomes(world, &["--dry-run"], Exit::Success).await?;
        same("the project", &planned[0], &named(&world.name, "created", Exit::Success))?;
        ensure!(
            world
                .environments()
                .list(&kube::api::ListParams::default())
                .await
                .map_or(true, |all| all.items.is_empty())
        );

        let done = outcomes(world, &[], Exit::Success).await?;
        let made = |name: &str| named(name, "created", Exit::Success);
        same("the first run", &done, &vec![made(&world.name), made("live"), made("qa")])?;
        same("it serves", &world.get("qa", "/version").await?.version.as_deref(), &Some("1"))?;

        let before = versions(world).await?;
        let done = outcomes(world, &[], Exit::Success).await?;
        let kept = |name: &str| named(name, "unchanged", Exit::Success);
        same("the second run", &done, &vec![kept(&world.name), kept("live"), kept("qa")])?;
        same("what stands", &versions(world).await?, &before)?;

        write(world, "qa.yaml", &environment(world, "qa", "qa", "2"))?;
        let done = outcomes(world, &[], Exit::Success).await?;
        same(
            "the third run",
            &done,
            &vec![kept(&world.name), kept("live"), named("qa", "updated", Exit::Success)],
        )?;
        same("it serves", &world.get("qa", "/version").await?.version.as_deref(), &Some("2"))?;

        // What is exported stands as it is.
        let exported =
            world.outboard(&["env", "export", "qa", "--as", "environment"]).await?.ended(Exit::Success)?;
        std::fs::write(world.directory().join("envs/qa.yaml"), exported.stdout)?;
        let done = outcomes(world, &[], Exit::Success).await?;
        same("as exported", &done[2], &kept("qa"))
    })
    .await
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs the testbed"]
async fn one_that_fails_holds_up_nobody_and_a_broken_file_holds_up_all() -> Result<()> {
    story(async |world| {
        world.apply(|spec| *spec = light()).await?;
        write(world, "a.yaml", &environment(world, "a", "nowhere", "1"))?;
        write(world, "b.yaml", &environment(world, "b", "qa", "not-there"))?;
        write(world, "c.yaml", &environment(world, "c", "qa", "1"))?;
        let done = outcomes(world, &["--timeout", "2m"], Exit::ImageNotFound).await?;
        same("the class", &done[0], &named("a", "-", Exit::NotFound))?;
        same("the image", &done[1], &named("b", "created", Exit::ImageNotFound))?;
        same("the good one", &done[2], &named("c", "created", Exit::Success))?;

        let before = versions(world).await?;
        write(world, "a.yaml", &json!({"kind": "Environment", "spec": {"clas": "qa"}}))?;
        write(world, "c.yaml", &environment(world, "c", "qa", "2"))?;
        write(world, "d.yaml", &environment(world, "c", "qa", "2"))?;
        let refused = world.outboard(&["apply", "-f", "envs"]).await?.ended(Exit::Invalid)?;
        contains(&refused.stderr, "unknown key `clas`")?;
        contains(&refused.stderr, "c is at envs/c.yaml")?;
        contains(&refused.stderr, "nothing was applied")?;
        let now = versions(world).await?;
        same("c", &now.iter().find(|(name, _)| name == "c"), &before.iter().find(|(name, _)| name == "c"))
    })
    .await
}
