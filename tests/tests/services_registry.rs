//! A registry that wants a password: nodes pull with what the control namespace keeps for the class, and when that is
//! wrong it is said so.

use std::time::Duration;

use anyhow::Result;
use api::{Cause, Exit, marks};
use k8s_openapi::api::core::v1::Secret;
use kube::api::{Api, Patch, PatchParams};
use serde_json::json;
use stories::{
    HostOperator, PRIVATE, PrivateRegistry, World, contains, same, story, until, vary, without_operator,
};

const SOON: Duration = Duration::from_secs(90);
/// The node tries again later and later.
const LATER: Duration = Duration::from_secs(200);

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs the testbed"]
async fn nodes_pull_with_the_password_that_the_class_has_and_a_wrong_one_is_a_verdict() -> Result<()> {
    story(async |world| {
        let registry = PrivateRegistry::begin_with_images(world).await?;
        without_operator(&world.client, async || {
            let operator = HostOperator::begin_with(world, &["--registry", &registry.flag()])?;
            world
                .apply(|spec| {
                    for component in ["web", "migrate"] {
                        spec["components"][component]["image"] = json!(format!("{PRIVATE}/shop/{component}"));
                    }
                })
                .await?;
            let told =
                world.outboard(&["env", "create", "qa", "--class", "qa"]).await?.ended(Exit::Registry)?;
            contains(&told.stderr, "outboard-registries")?;
            keep(world, "s3cret").await?;
            world.create("qa", &["--class", "qa"]).await?;
            same("the page", &world.get("qa", "/").await?.status, &200)?;
            let before = world.uids("qa").await?;

            // Another password arrives beside the pods, and starts none of them anew.
            keep(world, "wrong").await?;
            let copies = Api::<Secret>::namespaced(world.client.clone(), &world.namespace("qa"));
            until("the copy", SOON, async || Ok(wrong(&copies).await?.then_some(()))).await?;
            same("pods", &world.uids("qa").await?, &before)?;

            // Bytes that no node has yet: what runs goes on, and it is told.
            let bytes = vary("shop/web", "2", &world.name).await?;
            let chosen = format!("web={bytes}");
            let told =
                world.outboard(&["env", "set", "qa", "--set", &chosen]).await?.ended(Exit::Registry)?;
            contains(&told.stderr, "does not let nodes pull image")?;
            let verdict = world.verdict("qa").await?;
            same("the cause", &verdict.map(|verdict| verdict.cause), &Some(Cause::ImageDenied))?;
            same("the page", &world.get("qa", "/").await?.version, &Some("1".to_owned()))?;
            keep(world, "s3cret").await?;
            world.ready("qa", LATER).await?;
            same("the page", &world.get("qa", "/").await?.version, &Some("2".to_owned()))?;
            operator.stop().await
        })
        .await
    })
    .await
}

async fn wrong(copies: &Api<Secret>) -> Result<bool> {
    let data = copies.get("outboard-registries").await?.data.unwrap_or_default();
    let config = data.get(".dockerconfigjson").map(|bytes| String::from_utf8_lossy(&bytes.0).into_owned());
    Ok(config.is_some_and(|config| config.contains("wrong")))
}

/// Puts the credentials into the control namespace, for every class.
async fn keep(world: &World, password: &str) -> Result<()> {
    let logins = json!({"auths": {PRIVATE: {"username": "ci", "password": password}}});
    let secret = json!({
        "apiVersion": "v1", "kind": "Secret",
        "metadata": {"name": "outboard-registries", "annotations": {(marks::CLASSES): "*"}},
        "type": "kubernetes.io/dockerconfigjson",
        "stringData": {".dockerconfigjson": logins.to_string()},
    });
    let secrets = Api::<Secret>::namespaced(world.client.clone(), &world.name);
    secrets
        .patch("outboard-registries", &PatchParams::apply("story").force(), &Patch::Apply(&secret))
        .await?;
    Ok(())
}
