//! What breaks in the middle of a run (the provider, a session, the network): told, and the same command goes on and ends right.
//! Needs no testbed.

use std::process::{Child, ExitStatus};

use anyhow::{Context, Result, ensure};
use api::Exit;
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use serde_json::json;
use stories::{Construction, contains};

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs moto, the provider and some minutes"]
async fn whatever_breaks_in_the_middle_is_told_and_the_same_command_goes_on() -> Result<()> {
    let (site, network) = Construction::behind_a_network().await?;

    // The provider crashes.
    let create = site.begin_cluster(&["create", "--yes", "-o", "json"])?;
    site.applying(10).await?;
    for provider in site.at_work("terraform-provider-aws")? {
        kill(Pid::from_raw(provider), Signal::SIGKILL)?;
    }
    let said = ended(&site, create, Exit::Failure).await?;
    contains(&said, "changes were made, then it failed")?;
    contains(&said, "run the same command again")?;
    ensure!(site.at_work("terraform")?.is_empty(), "something of it goes on");

    // The session ends.
    let create = site.begin_cluster(&["create", "--yes", "-o", "json"])?;
    site.applying(6).await?;
    site.expire(true)?;
    let said = ended(&site, create, Exit::Forbidden).await?;
    contains(&said, "log in again")?;
    let refused = site.cluster(&["status"]).await?.ended(Exit::Forbidden)?;
    contains(&refused.stderr, "expired")?;
    site.expire(false)?;

    // The network goes: Terraform can neither go on, nor store what it has made, nor give its lock back.
    let create = site.begin_cluster(&["create", "--yes", "-o", "json"])?;
    site.applying(6).await?;
    network.break_off();
    let said = ended(&site, create, Exit::Failure).await?;
    contains(&said, "changes were made, then it failed")?;
    site.cluster(&["status"]).await?.ended(Exit::Unreachable)?;
    network.mend();

    let made = site.cluster(&["create", "--yes", "-o", "json"]).await?.ended(Exit::Success)?;
    for event in made.events()?.iter().filter(|event| event["event"] == "note") {
        println!("  {}", event["text"]);
    }
    contains(&made.stdout, "the last run could not store its state: storing it now")?;
    let created = made.last()?["result"].clone();
    let id = created["id"].as_str().context("an id")?.to_owned();
    let again = site.cluster(&["plan", "-o", "json"]).await?.ended(Exit::Success)?.last()?;
    ensure!(again["result"]["changes"] == json!([]), "a second plan would change: {again}");
    let left = site.behind("left", &id)?;
    for kind in ["vpc ", "gateway ", "endpoint ", "balancer ", "targets ", "zone "] {
        let found: Vec<&String> = left.iter().filter(|line| line.starts_with(kind)).collect();
        ensure!(found.len() == 1, "there is more of it than was planned, or less: {found:?}");
    }

    let receipt = site.cluster(&["destroy", "--yes", "-o", "json"]).await?.ended(Exit::Success)?.last()?;
    ensure!(receipt["result"]["left"] == 0, "{receipt}");
    let left = site.behind("left", &id)?;
    ensure!(left.is_empty(), "left: {left:#?}");
    Ok(())
}

/// Waits for it; what it said on stderr.
async fn ended(site: &Construction, mut child: Child, exit: Exit) -> Result<String> {
    let status: ExitStatus = tokio::task::spawn_blocking(move || child.wait()).await??;
    let said = site.begun()?.1;
    ensure!(status.code() == Some(i32::from(exit.code())), "{status} instead of {exit:?}: {said}");
    println!(
        "{}",
        said.lines()
            .filter(|line| line.starts_with("error") || line.starts_with("hint"))
            .collect::<Vec<_>>()
            .join("\n")
    );
    Ok(said)
}
