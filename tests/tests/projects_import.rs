//! The way in and out: a Compose file becomes an environment, and an environment goes on without outboard.

use std::time::Duration;

use anyhow::{Result, ensure};
use api::{Exit, marks};
use k8s_openapi::api::core::v1::Namespace;
use kube::api::{Api, ApiResource, DynamicObject, GroupVersionKind, Patch, PatchParams, PostParams};
use serde_json::json;
use stories::{World, ask, contains, same, story, until};
use tokio::task::spawn_blocking;

/// A database is made, and filled, in that time.
const START: Duration = Duration::from_secs(180);

const COMPOSE: &str = include_str!("../applications/shop/compose.yaml");

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs the testbed"]
async fn a_compose_file_becomes_an_environment_that_serves() -> Result<()> {
    story(async |world| {
        std::fs::write(world.directory().join("compose.yaml"), COMPOSE.replace("NAME", &world.name))?;
        let imported = world.outboard(&["import", "compose"]).await?.ended(Exit::Success)?;
        contains(&imported.stdout, "3 components, 2 services and 1 route")?;
        contains(&imported.stdout, "labels are outboard's own")?;
        world.outboard(&["import", "compose"]).await?.ended(Exit::Success)?;
        std::fs::write(world.directory().join("outboard.yaml"), "# by hand\n")?;
        world.outboard(&["import", "compose"]).await?.ended(Exit::Conflict)?;
        world.outboard(&["import", "compose", "--force"]).await?.ended(Exit::Success)?;
        world.outboard(&["check"]).await?.ended(Exit::Success)?;

        world.outboard(&["project", "apply"]).await?.ended(Exit::Success)?;
        world.create("qa", &[]).await?;
        let page = world.get("qa", "/").await?;
        same("the page's status", &page.status, &200)?;
        contains(&page.body, "Coffee, one pound")?;
        let order = world.order("qa").await?;
        ensure!(world.orders("qa").await?.contains(&order), "the order is gone");
        let asked = "REDISCLI_AUTH=\"$REDIS_PASSWORD\" redis-cli get shop:processed";
        until("the worker has taken the order", START, async || {
            let read = world.outboard(&["exec", "qa", "cache", "--", "sh", "-c", asked]).await?;
            Ok((read.stdout.trim() == "1").then_some(()))
        })
        .await?;

        // What runs can be read back.
        let namespace = world.namespace("qa");
        let again = ["import", "namespace", &namespace, "--to", "again/outboard.yaml"];
        std::fs::create_dir_all(world.directory().join("again"))?;
        world.outboard(&again).await?.ended(Exit::Success)?;
        world.outboard(&["check", "-f", "again"]).await?.ended(Exit::Success)?;
        Ok(())
    })
    .await
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs the testbed"]
async fn an_exported_environment_serves_the_same_page_in_empty_namespaces() -> Result<()> {
    story(async |world| {
        world.apply(|_| {}).await?;
        world.create("qa", &[]).await?;
        let page = world.get("qa", "/").await?;
        let export = ["env", "export", "qa", "--with-secrets"];
        let manifests = [&export[..], &["--as", "manifests", "--to", "plain.yaml"]].concat();
        world.outboard(&manifests).await?.ended(Exit::Success)?;
        let kustomize = [&export[..], &["--as", "kustomize", "--to", "built"]].concat();
        world.outboard(&kustomize).await?.ended(Exit::Success)?;
        let built = kubectl(world, &["kustomize", "built"]).await?;
        let plain = std::fs::read_to_string(world.directory().join("plain.yaml"))?;
        for text in [&plain, &built] {
            ensure!(!text.contains("outboard.dev/"), "it knows outboard: {text}");
        }

        for (name, apply) in [("plain", ["apply", "-f", "plain.yaml"]), ("built", ["apply", "-k", "built"])] {
            let namespace = format!("{}-{name}", world.name);
            let home =
                json!({"metadata": {"name": namespace, "labels": {marks::CONTROL_NAMESPACE: world.name}}});
            let home: Namespace = serde_json::from_value(home)?;
            Api::all(world.client.clone()).create(&PostParams::default(), &home).await?;
            kubectl(world, &[&["-n", &namespace], &apply[..]].concat()).await?;
            let host = publish(world, &namespace, name).await?;
            let body = until("the same page", START, async || {
                let answer = ask(&host, "/", None).await?;
                Ok((answer.status == 200 && answer.version == page.version).then_some(answer.body))
            })
            .await?;
            same("the page", &body, &page.body)?;
        }
        // It is nobody's: what becomes of the environment is nothing to it.
        world.outboard(&["env", "destroy", "qa", "--yes"]).await?.ended(Exit::Success)?;
        for name in ["plain", "built"] {
            let answer = ask(&hostname(world, name), "/", None).await?;
            same("the page", &answer.body, &page.body)?;
        }
        Ok(())
    })
    .await
}

/// kubectl, in the directory of the story.
async fn kubectl(world: &World, arguments: &[&str]) -> Result<String> {
    let mut command = testbed::kubectl()?;
    command.args(arguments).current_dir(world.directory());
    let line = format!("kubectl {}", arguments.join(" "));
    let output = spawn_blocking(move || command.output()).await??;
    ensure!(output.status.success(), "`{line}`: {}", String::from_utf8_lossy(&output.stderr));
    println!("{line}");
    Ok(String::from_utf8_lossy(&output.stdout).into_owned())
}

/// Gives the exported route a gateway, as the file says, and a hostname of its own.
async fn publish(world: &World, namespace: &str, name: &str) -> Result<String> {
    let kind = GroupVersionKind::gvk("gateway.networking.k8s.io", "v1", "HTTPRoute");
    let resource = ApiResource::from_gvk(&kind);
    let routes =
        |namespace: &str| Api::<DynamicObject>::namespaced_with(world.client.clone(), namespace, &resource);
    let original = routes(&world.namespace("qa")).get("web").await?;
    let host = hostname(world, name);
    let patch = json!({"spec": {"parentRefs": original.data["spec"]["parentRefs"], "hostnames": [host]}});
    routes(namespace).patch("web", &PatchParams::default(), &Patch::Merge(&patch)).await?;
    Ok(host)
}

fn hostname(world: &World, name: &str) -> String {
    format!("{name}-{}.localhost", world.name)
}
