//! The pages of `outboard server` in a real browser, as people of each role: what they may, and what they are told where they
//! may not.

use std::time::Duration;

use anyhow::{Context, Result, ensure};
use api::Exit;
use serde_json::{Value, json};
use stories::{Server, World, browse, kubectl, light, rights, shots, story};

/// Creating, changing, going back, copying and destroying, with pictures of each.
const WHOLE_LIFE: Duration = Duration::from_secs(900);
/// Its end is waited for.
const SHORT: [&str; 2] = ["--session", "5m"];

fn people(spec: &mut Value) {
    spec["access"] = json!({
        "viewer": {"groups": ["oidc:shop-viewers"]},
        "developer": {"groups": ["oidc:shop-developers"]},
        "releaser": {"groups": ["oidc:shop-releasers"]},
    });
}

/// Stores a second project of the namespace, with a class of its own, whose environments take long to be ready; its name.
async fn another(world: &World) -> Result<String> {
    let name = format!("{}-two", world.name);
    let mut spec = light();
    spec["classes"] = json!({"qa": {}, "stage": {}});
    spec["components"]["web"]["health"] = json!({"ready": {"http": "/nothing-here"}, "start": "15m"});
    world.apply_another(&name, &spec).await?;
    Ok(name)
}

/// Runs a script as people see the server who are not signed in yet. `flags`: more of the server's.
async fn seen(world: &World, flags: &[&str], script: &str, more: &[(&str, &str)]) -> Result<()> {
    let rights = rights(world).await?;
    let issuers = |_: &str| json!({"issuers": []}).to_string();
    let server = Server::start_with(world, issuers, flags, None).await?;
    let entrance = format!("{}/sign-in?to=/environments", server.url());
    let provider = server.provider.issuer();
    let shots = shots()?;
    let folder = shots.to_str().context("a path that is no text")?;
    println!("pictures: {folder}");
    let variables = [
        ("ENTRANCE", entrance.as_str()),
        ("NAMESPACE", &world.name),
        ("PROVIDER", &provider),
        ("SHOTS", folder),
    ];
    browse(script, &[&variables[..], more].concat(), WHOLE_LIFE).await?;
    server.end().await?;
    rights.withdraw().await
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs the testbed, and testbed tools browser"]
async fn a_developer_lives_with_an_environment_in_a_browser() -> Result<()> {
    story(async |world| {
        world.apply(people).await?;
        let other = another(world).await?;
        let kubectl = kubectl()?.display().to_string();
        let more = [("NAME", "dora"), ("OTHER", other.as_str()), ("KUBECTL", kubectl.as_str())];
        seen(world, &[], "pages.cjs", &more).await?;
        for gone in ["qa-42", "qa-43"] {
            ensure!(world.environments().get_opt(gone).await?.is_none(), "{gone} was not destroyed");
        }
        Ok(())
    })
    .await
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs the testbed, and testbed tools browser"]
async fn each_role_does_what_it_may_and_is_told_what_it_may_not() -> Result<()> {
    story(async |world| {
        world
            .apply(|spec| {
                *spec = light();
                people(spec);
                spec["classes"] = json!({"qa": {}, "production": {"protected": true}});
            })
            .await?;
        // For a look at the list: one that fails, and one that is not ready for a long time.
        let other = another(world).await?;
        let broken = [
            "env",
            "create",
            "broken",
            "--project",
            world.name.as_str(),
            "--class",
            "qa",
            "--set",
            "web=nope",
        ];
        world.outboard(&broken).await?.ended(Exit::ImageNotFound)?;
        let waits = ["env", "create", "waits", "--project", other.as_str(), "--class", "qa", "--no-wait"];
        world.outboard(&waits).await?.ended(Exit::Success)?;
        seen(world, &SHORT, "roles.cjs", &[]).await?;
        for gone in ["qa-1", "production", "qa-2"] {
            ensure!(world.environments().get_opt(gone).await?.is_none(), "{gone} is there");
        }
        Ok(())
    })
    .await
}
