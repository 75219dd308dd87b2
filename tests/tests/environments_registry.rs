//! A registry that wants a password: the operator asks it with what the control namespace keeps for the class.

use anyhow::Result;
use api::{Exit, marks};
use k8s_openapi::api::core::v1::Secret;
use kube::api::{Api, DeleteParams, PostParams};
use serde_json::{Value, json};
use stories::{
    HostOperator, PRIVATE, PrivateRegistry, World, contains, light, same, story, without_operator,
};

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs the testbed"]
async fn a_private_registry_gives_its_digests_to_the_password_of_the_right_class_alone() -> Result<()> {
    story(async |world| {
        let registry = PrivateRegistry::begin(world).await?;
        let digest = registry.push("team/app", "1").await?;
        without_operator(&world.client, async || {
            let operator = HostOperator::begin_with(world, &["--registry", &registry.flag()])?;
            let image = format!("{PRIVATE}/team/app");
            world
                .apply(|spec| {
                    *spec = light();
                    spec["components"]["web"]["image"] = json!(image);
                })
                .await?;
            denied(world).await?;
            for (classes, password) in
                [(None, "s3cret"), (Some("production"), "s3cret"), (Some("*"), "wrong")]
            {
                keep(world, classes, password).await?;
                denied(world).await?;
            }
            for classes in ["*", "production, qa"] {
                keep(world, Some(classes), "s3cret").await?;
                let plan =
                    world.outboard(&["env", "plan", "qa", "-o", "json"]).await?.ended(Exit::Success)?;
                let wanted = Value::from(digest.as_str());
                same("the digest", &plan.last()?["digests"][format!("{image}:1")], &wanted)?;
            }
            let missing = world.outboard(&["env", "plan", "qa", "--set", "web=2"]).await?;
            contains(&missing.ended(Exit::ImageNotFound)?.stderr, "its registry has no such image")?;
            operator.stop().await
        })
        .await
    })
    .await
}

async fn denied(world: &World) -> Result<()> {
    let plan = world.outboard(&["env", "plan", "qa"]).await?.ended(Exit::Registry)?;
    contains(&plan.stderr, "does not let us see image")?;
    contains(&plan.stderr, "outboard-registries")
}

/// Puts the credentials into the control namespace, instead of those that were there.
async fn keep(world: &World, classes: Option<&str>, password: &str) -> Result<()> {
    const NAME: &str = "outboard-registries";
    let secrets = Api::<Secret>::namespaced(world.client.clone(), &world.name);
    if secrets.get_opt(NAME).await?.is_some() {
        secrets.delete(NAME, &DeleteParams::default()).await?;
    }
    let logins = json!({"auths": {PRIVATE: {"username": "ci", "password": password}}});
    let annotations = classes.map(|classes| json!({marks::CLASSES: classes}));
    let secret = serde_json::from_value(json!({
        "metadata": {"name": NAME, "annotations": annotations},
        "type": "kubernetes.io/dockerconfigjson",
        "stringData": {".dockerconfigjson": logins.to_string()},
    }))?;
    secrets.create(&PostParams::default(), &secret).await?;
    Ok(())
}
