//! Previews: made for a pull request, made anew with its next commit, and swept once it is closed.

use std::time::Duration;

use anyhow::{Context, Result, ensure};
use api::Exit;
use stories::{GITHUB_TOKEN, GitHub, World, light, same, story, until};

const REPOSITORY: &str = "acme/shop";
const READY: Duration = Duration::from_secs(120);

async fn up(world: &World, pr: &str, version: &str) -> Result<stories::Output> {
    let set = format!("web={version}");
    world.outboard(&["preview", "up", "--repo", REPOSITORY, "--pr", pr, "--set", &set, "-o", "json"]).await
}

async fn sweep(world: &World, github: &GitHub) -> Result<stories::Output> {
    let variables = [("GITHUB_TOKEN", GITHUB_TOKEN)];
    let arguments =
        ["preview", "sweep", "--repo", REPOSITORY, "--github-api", github.address(), "-o", "json"];
    world.outboard_with(&variables, &arguments).await
}

fn comment(output: &stories::Output) -> Result<String> {
    // An error is told after it.
    let events = output.events()?;
    let told = events.iter().find_map(|event| event["result"]["comment"].as_str());
    Ok(told.with_context(|| format!("no comment: {events:?}"))?.to_owned())
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs the testbed"]
async fn a_pull_request_has_an_environment_as_long_as_it_is_open() -> Result<()> {
    story(async |world| {
        world.apply(|spec| *spec = light()).await?;
        let github = GitHub::begin(REPOSITORY).await?;
        github.pull(7, true);
        github.pull(8, true);

        let first = up(world, "7", "1").await?.ended(Exit::Success)?;
        let said = comment(&first)?;
        ensure!(said.starts_with("<!-- outboard preview acme/shop#7 -->"), "{said}");
        ensure!(said.contains("**Preview `pr-7` is ready.**") && said.contains("http"), "{said}");
        let second = comment(&up(world, "7", "2").await?.ended(Exit::Success)?)?;
        ensure!(second.contains("| web | `2` |"), "{second}");
        up(world, "8", "1").await?.ended(Exit::Success)?;

        // What cannot be is told in the comment, and in the exit code.
        let refused = up(world, "7", "no-such-version").await?.ended(Exit::ImageNotFound)?;
        let said = comment(&refused)?;
        ensure!(
            said.contains("was not changed") && said.contains("What to do:") && said.contains("http"),
            "{said}"
        );

        // One that somebody made by hand is nobody's preview.
        world.create("pr-9", &[]).await?;
        github.pull(9, false);
        let refused = up(world, "9", "2").await?.ended(Exit::Conflict)?;
        ensure!(comment(&refused)?.contains("somebody made it by hand"), "{}", refused.stdout);
        // The text that CI takes as it is.
        let text =
            world.outboard(&["preview", "up", "--repo", "ACME/shop", "--pr", "8", "--set", "web=1"]).await?;
        ensure!(text.ended(Exit::Success)?.stdout.starts_with("<!-- outboard preview"), "no comment alone");

        // Nothing is destroyed on an answer that is none.
        github.pull(7, false);
        github.tired(true);
        sweep(world, &github).await?.ended(Exit::Unreachable)?;
        github.tired(false);
        let no_token = ["preview", "sweep", "--repo", REPOSITORY, "--github-api", github.address()];
        world.outboard_with(&[("GITHUB_TOKEN", "")], &no_token).await?.ended(Exit::Forbidden)?;
        ensure!(world.environments().get_opt("pr-7").await?.is_some(), "it went without an answer");

        let swept = sweep(world, &github).await?.ended(Exit::Success)?.last()?;
        same("what became of it", &swept[0]["outcome"], &"going".into())?;
        same("the other", &swept[1]["outcome"], &"open".into())?;
        ensure!(swept.as_array().is_some_and(|all| all.len() == 2), "{swept}");
        until("destroyed", READY, async || {
            Ok(world.environments().get_opt("pr-7").await?.is_none().then_some(()))
        })
        .await?;
        for stays in ["pr-8", "pr-9"] {
            ensure!(world.environments().get_opt(stays).await?.is_some(), "{stays} is gone");
        }
        // Swept again, nothing is left to do.
        same(
            "again",
            &sweep(world, &github).await?.ended(Exit::Success)?.last()?[0]["of"],
            &"acme/shop#8".into(),
        )?;
        ensure!(github.asked() > 4, "GitHub was not asked");
        Ok(())
    })
    .await
}
