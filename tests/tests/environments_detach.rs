//! outboard's definition is deleted while the shop serves: nothing it made is touched, and installed again
//! it takes everything up.

use std::time::Duration;

use anyhow::{Result, ensure};
use api::{Environment, Exit, crds};
use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::CustomResourceDefinition;
use kube::ResourceExt;
use kube::api::{Api, DeleteParams, ListParams, PostParams};
use stories::{World, arguments, contains, same, story, until};

const GONE: Duration = Duration::from_secs(60);
const READY: Duration = Duration::from_secs(120);

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs the testbed"]
async fn without_its_definition_an_environment_goes_on_and_is_taken_up_again_later() -> Result<()> {
    story(async |world| {
        world.apply(|_| {}).await?;
        world.create("qa", &[]).await?;
        let order = world.order("qa").await?;
        let pods = world.uids("qa").await?;

        let load = world.load("qa");
        let told = detach_and_reinstall(world).await;
        let tally = load.end().await?;
        told?;
        ensure!(tally.failed == 0, "{} requests failed: {:#?}", tally.failed, tally.failures);
        same("pods", &world.uids("qa").await?, &pods)?;
        ensure!(world.orders("qa").await?.contains(&order), "the order is gone");

        // Taken up for good: it can be destroyed like any other.
        world.outboard(&["env", "destroy", "qa", "--yes"]).await?.ended(Exit::Success)?;
        ensure!(!world.namespace_exists("qa").await?, "the namespace is still there");
        same("volumes", &world.volumes().await?, &vec![])
    })
    .await
}

async fn detach_and_reinstall(world: &World) -> Result<()> {
    // The definition is everybody's: what others have is let go of as well, and taken up again at the end.
    let others = others(world).await?;
    let definitions = Api::<CustomResourceDefinition>::all(world.client.clone());
    definitions.delete(crds::ENVIRONMENTS, &DeleteParams::default()).await?;
    let gone = until("the definition gone", GONE, async || {
        Ok(definitions.get_opt(crds::ENVIRONMENTS).await?.is_none().then_some(()))
    })
    .await;
    let pods = world.uids("qa").await;
    let listed = world.outboard(&["env", "list"]).await;

    // Whatever happened so far, the next story finds outboard installed.
    let arguments = arguments(&world.client).await?;
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let installed = world.outboard(&arguments).await?.ended(Exit::Success)?;
    restore(world, &others).await?;
    gone?;
    contains(&listed?.ended(Exit::NoOperator)?.stderr, "outboard is not installed")?;
    contains(&installed.stdout, "1 created")?;
    same("pods while outboard was away", &world.uids("qa").await?, &pods?)?;

    world.outboard(&["project", "apply"]).await?.ended(Exit::Success)?;
    let created = world.outboard(&["env", "create", "qa"]).await?.ended(Exit::Success)?;
    println!("taken up again after {:.1} s", created.took.as_secs_f32());
    world.ready("qa", READY).await
}

/// Environments of other namespaces, once none of them is being destroyed: that would be left half-done.
async fn others(world: &World) -> Result<Vec<Environment>> {
    let environments = Api::<Environment>::all(world.client.clone());
    until("nothing being destroyed", READY, async || {
        let mut found = environments.list(&ListParams::default()).await?.items;
        let busy = found.iter().any(|one| one.metadata.deletion_timestamp.is_some());
        found.retain(|one| one.namespace().as_ref() != Some(&world.name));
        Ok((!busy).then_some(found))
    })
    .await
}

async fn restore(world: &World, others: &[Environment]) -> Result<()> {
    for other in others {
        let api =
            Api::<Environment>::namespaced(world.client.clone(), &other.namespace().unwrap_or_default());
        let mut again = Environment::new(&other.name_any(), other.spec.clone());
        again.metadata.labels.clone_from(&other.metadata.labels);
        again.metadata.annotations.clone_from(&other.metadata.annotations);
        api.create(&PostParams::default(), &again).await?;
    }
    Ok(())
}
