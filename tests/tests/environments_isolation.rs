//! Environments are shut to each other: the policies that say so are there, and come back.

use std::net::Ipv4Addr;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use api::marks;
use k8s_openapi::api::networking::v1::NetworkPolicy;
use kube::ResourceExt;
use kube::api::{Api, DeleteParams, ListParams, Patch, PatchParams};
use serde_json::json;
use stories::{PodNetworks, Port, World, light, same, story, until};

const SOON: Duration = Duration::from_secs(30);

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs the testbed"]
async fn policies_shut_an_environment_and_come_back_when_somebody_opens_it() -> Result<()> {
    story(async |world| {
        world.apply(|spec| *spec = light()).await?;
        world.create("qa", &[]).await?;
        same(
            "the policies",
            &names(world, "qa").await?,
            &vec!["outboard-isolation".to_owned(), "outboard-isolation.web.http".to_owned()],
        )?;
        let api = policies(world, "qa");
        let all = api.get("outboard-isolation").await?;
        ensure!(
            all.spec.is_some_and(|spec| spec.pod_selector.is_some_and(|pods| pods.match_labels.is_none())),
            "not all pods are shut"
        );

        api.delete("outboard-isolation", &DeleteParams::default()).await?;
        until("the policy is back", SOON, async || Ok(api.get_opt("outboard-isolation").await?)).await?;
        let everybody = json!({"spec": {"ingress": [{}]}});
        api.patch("outboard-isolation", &PatchParams::default(), &Patch::Merge(&everybody)).await?;
        until("the policy is as it was", SOON, async || {
            let ingress =
                api.get("outboard-isolation").await?.spec.and_then(|spec| spec.ingress).unwrap_or_default();
            let shut = ingress.len() == 1 && ingress[0].from.as_ref().is_some_and(|from| from.len() == 4);
            Ok(shut.then_some(()))
        })
        .await?;

        // A class that says so is open.
        world
            .apply(|spec| {
                *spec = light();
                spec["classes"]["qa"]["network"] = json!("open");
            })
            .await?;
        world.outboard(&["env", "update", "qa"]).await?.ended(api::Exit::Success)?;
        until("no policy is left", SOON, async || Ok(names(world, "qa").await?.is_empty().then_some(())))
            .await
    })
    .await
}

const DATABASE: Port = Port::Tcp(3306);

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs the testbed"]
async fn no_environment_reaches_the_database_of_another() -> Result<()> {
    story(async |world| {
        world.apply(|_| {}).await?;
        world.create("a", &[]).await?;
        world.create("b", &[]).await?;
        let (web, others) = (address(world, "a", "web").await?, address(world, "b", "web").await?);
        let (own, foreign) = (address(world, "a", "db").await?, address(world, "b", "db").await?);
        let networks = PodNetworks::all()?;
        ensure!(networks.reaches(web, own, DATABASE)?, "web does not reach its own database");
        ensure!(
            !networks.reaches(web, foreign, DATABASE)?,
            "web reaches the database of another environment"
        );
        ensure!(!networks.reaches(others, own, DATABASE)?, "nor is it shut the other way round");
        // Probes have passed, or nothing would be ready; names and the gateway:
        world.order("a").await?;
        same("orders of b", &world.orders("b").await?.len(), &0)?;

        // What a route leads to is open, the rest of that pod is not.
        let foreign_web = address(world, "b", "web").await?;
        ensure!(networks.reaches(web, foreign_web, Port::Tcp(8080))?, "a port of a route is shut");
        ensure!(
            networks.reaches(own, foreign_web, Port::Tcp(8080))?,
            "a port of a route is shut to a stranger"
        );

        // Somebody opens it while nothing is healed, and it is shut again.
        world
            .outboard(&["env", "freeze", "b", "--for", "1h", "--reason", "a look"])
            .await?
            .ended(api::Exit::Success)?;
        let everybody = json!({"spec": {"ingress": [{}]}});
        let api = policies(world, "b");
        api.patch("outboard-isolation", &PatchParams::default(), &Patch::Merge(&everybody)).await?;
        until("the database is open", SOON, async || {
            Ok(networks.reaches(web, foreign, DATABASE)?.then_some(()))
        })
        .await?;
        world.outboard(&["env", "thaw", "b", "--heal"]).await?.ended(api::Exit::Success)?;
        until("the database is shut again", SOON, async || {
            Ok((!networks.reaches(web, foreign, DATABASE)?).then_some(()))
        })
        .await
    })
    .await
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs the testbed"]
async fn whoever_takes_a_service_from_an_environment_gets_in_and_nobody_else() -> Result<()> {
    story(async |world| {
        world
            .apply(|spec| {
                spec["classes"]["team"] = json!({"services": {"db": {"from": "data"}}});
                spec["classes"]["alone"] = json!({});
            })
            .await?;
        for (environment, class) in [("data", "team"), ("ann", "team"), ("bob", "alone")] {
            world.create(environment, &["--class", class]).await?;
        }
        let shared = address(world, "data", "db").await?;
        let (ann, bob) = (address(world, "ann", "web").await?, address(world, "bob", "web").await?);
        let networks = PodNetworks::all()?;
        ensure!(networks.reaches(ann, shared, DATABASE)?, "who takes the database does not reach it");
        ensure!(!networks.reaches(bob, shared, DATABASE)?, "who does not take it reaches it");
        let order = world.order("ann").await?;
        ensure!(world.orders("data").await?.contains(&order), "the order is not in the shared database");

        // One that takes it no more is shut out.
        world.apply(|spec| spec["classes"]["team"] = json!({})).await?;
        world.outboard(&["env", "update", "ann"]).await?.ended(api::Exit::Success)?;
        let ann = address(world, "ann", "web").await?;
        let networks = PodNetworks::all()?;
        until("ann is shut out", SOON, async || Ok((!networks.reaches(ann, shared, DATABASE)?).then_some(())))
            .await
    })
    .await
}

/// Of the first pod of a part.
async fn address(world: &World, environment: &str, part: &str) -> Result<Ipv4Addr> {
    let pods = world.pods(environment).await?;
    let found = pods.iter().find(|pod| pod.labels().get(marks::PART).is_some_and(|of| of == part));
    let address = found.and_then(|pod| pod.status.as_ref()?.pod_ip.clone());
    Ok(address.with_context(|| format!("{part} of {environment} has no address"))?.parse()?)
}

fn policies(world: &World, environment: &str) -> Api<NetworkPolicy> {
    Api::namespaced(world.client.clone(), &world.namespace(environment))
}

async fn names(world: &World, environment: &str) -> Result<Vec<String>> {
    let found = policies(world, environment).list(&ListParams::default()).await?;
    Ok(found.iter().map(ResourceExt::name_any).collect())
}
