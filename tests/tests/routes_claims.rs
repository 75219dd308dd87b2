//! A hostname is one environment's: the second is told whose it is, and has it once it is given back.

use std::time::Duration;

use anyhow::{Result, ensure};
use api::{Cause, Environment, EnvironmentSpec, Exit, HostClaim};
use kube::api::{Api, DeleteParams, PostParams};
use serde_json::{Value, json};
use stories::{World, ask, contains, leftovers, light, restart_operator, same, story, until};

const READY: Duration = Duration::from_secs(120);
const SOON: Duration = Duration::from_secs(60);

fn claims(world: &World) -> Api<HostClaim> {
    Api::all(world.client.clone())
}

/// Where what others do is only told, what an environment has no more is given back all the same.
fn reporting() -> Value {
    let mut spec = light();
    spec["classes"]["qa"]["drift"] = json!("report");
    spec
}

/// `web-x` in environment `qa` is `web` in environment `x-qa`.
async fn begin(world: &World) -> Result<String> {
    world
        .apply(|spec| {
            *spec = reporting();
            spec["routes"][0]["aliases"] = json!(["web-x"]);
            let extra = json!({"host": "extra", "path": "/", "to": "web"});
            spec["routes"] = json!([spec["routes"][0], extra]);
        })
        .await?;
    Ok(format!("web-x-qa-{}.localhost", world.name))
}

async fn holder(world: &World, host: &str) -> Result<Option<String>> {
    Ok(claims(world).get_opt(host).await?.map(|claim| claim.spec.environment))
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs the testbed"]
async fn an_alias_answers_and_whoever_wants_its_host_is_told_who_has_it() -> Result<()> {
    story(async |world| {
        let host = begin(world).await?;
        world.create("qa", &[]).await?;
        same("its holder", &holder(world, &host).await?.as_deref(), &Some("qa"))?;
        same("the alias", &ask(&host, "/version", None).await?.status, &200)?;

        let refused = world.outboard(&["env", "create", "x-qa"]).await?.ended(Exit::Conflict)?;
        contains(&refused.stderr, &format!("host {host} belongs to environment qa of {}", world.name))?;
        ensure!(world.environments().get_opt("x-qa").await?.is_none(), "an environment was made");

        // Whoever takes a claim away gives it back to whom it belongs.
        claims(world).delete(&host, &DeleteParams::default()).await?;
        until("the claim back", SOON, async || {
            Ok((holder(world, &host).await?.as_deref() == Some("qa")).then_some(()))
        })
        .await?;

        // Without alias and route the hosts are nobody's.
        let extra = format!("extra-qa-{}.localhost", world.name);
        same("its holder", &holder(world, &extra).await?.as_deref(), &Some("qa"))?;
        world.apply(|spec| *spec = reporting()).await?;
        world.outboard(&["env", "update", "qa"]).await?.ended(Exit::Success)?;
        until("the hosts given back", SOON, async || {
            let gone = holder(world, &host).await?.is_none() && holder(world, &extra).await?.is_none();
            Ok(gone.then_some(()))
        })
        .await?;
        world.create("x-qa", &[]).await?;
        same("its holder", &holder(world, &host).await?.as_deref(), &Some("x-qa"))?;

        // An operator that is killed finishes what it began.
        for environment in ["qa", "x-qa"] {
            world
                .outboard(&["env", "destroy", environment, "--yes", "--no-wait"])
                .await?
                .ended(Exit::Success)?;
        }
        restart_operator(&world.client).await?;
        until("every environment gone", READY, async || {
            let all = world.environments().list(&kube::api::ListParams::default()).await?;
            Ok(all.items.is_empty().then_some(()))
        })
        .await?;
        same("what is left", &leftovers(world).await?, &vec![])
    })
    .await
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs the testbed"]
async fn of_two_at_once_one_has_the_host_and_the_other_has_it_when_that_is_gone() -> Result<()> {
    story(async |world| {
        let host = begin(world).await?;
        world.create("first", &[]).await?;
        let revision = world.environments().get("first").await?.spec.project_revision;
        let make = async |name: &str| -> Result<()> {
            let spec = EnvironmentSpec {
                project: world.name.clone(),
                project_revision: revision.clone(),
                class: "qa".into(),
                ..EnvironmentSpec::default()
            };
            world.environments().create(&PostParams::default(), &Environment::new(name, spec)).await?;
            Ok(())
        };
        futures::future::try_join(make("qa"), make("x-qa")).await?;
        let (winner, loser) = until("one of them ready and the other told", READY, async || {
            let Some(winner) = holder(world, &host).await? else { return Ok(None) };
            let loser = if winner == "qa" { "x-qa" } else { "qa" };
            let told = world.verdict(loser).await?.is_some_and(|verdict| verdict.cause == Cause::HostTaken);
            Ok(told.then(|| (winner, loser.to_owned())))
        })
        .await?;
        world.ready(&winner, READY).await?;
        let verdict = world.verdict(&loser).await?.map(|verdict| verdict.message).unwrap_or_default();
        contains(&verdict, &format!("environment {winner} of {}", world.name))?;
        world.outboard(&["env", "destroy", &winner, "--yes"]).await?.ended(Exit::Success)?;
        world.ready(&loser, READY).await?;
        same("its holder", &holder(world, &host).await?, &Some(loser))?;
        let all = claims(world).list(&kube::api::ListParams::default()).await?;
        let theirs = |claim: &HostClaim| {
            claim.spec.control_namespace == world.name && claim.spec.environment == winner
        };
        ensure!(!all.iter().any(theirs), "{winner} has a host left");
        Ok(())
    })
    .await
}
