//! The pages of `outboard server` in a real browser, as people of each role: what they may, and what they are told where they
//! may not.

use std::time::Duration;

use anyhow::{Context, Result, ensure};
use serde_json::{Value, json};
use stories::{Server, World, browse, light, rights, shots, story};

/// Creating, changing, going back, copying and destroying, with pictures of each.
const WHOLE_LIFE: Duration = Duration::from_secs(900);

fn people(spec: &mut Value) {
    spec["access"] = json!({
        "viewer": {"groups": ["oidc:shop-viewers"]},
        "developer": {"groups": ["oidc:shop-developers"]},
        "releaser": {"groups": ["oidc:shop-releasers"]},
    });
}

/// Runs a script as people see the server who are not signed in yet.
async fn seen(world: &World, script: &str, more: &[(&str, &str)]) -> Result<()> {
    let rights = rights(world).await?;
    let server = Server::start(world, |_| json!({"issuers": []}).to_string()).await?;
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
        seen(world, "pages.cjs", &[("NAME", "dora")]).await?;
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
        seen(world, "roles.cjs", &[]).await?;
        for gone in ["qa-1", "production", "qa-2"] {
            ensure!(world.environments().get_opt(gone).await?.is_none(), "{gone} is there");
        }
        Ok(())
    })
    .await
}
