//! The way in and out: a Compose file becomes an environment, and an environment goes on without outboard.

use std::time::Duration;

use anyhow::{Context, Result, ensure};
use api::{Exit, marks};
use k8s_openapi::api::core::v1::Namespace;
use kube::api::{Api, ApiResource, DynamicObject, GroupVersionKind, Patch, PatchParams, PostParams};
use serde_json::{Value, json};
use stories::{World, ask, contains, same, story, until};

/// A database is made, and filled, in that time.
const START: Duration = Duration::from_secs(180);

const COMPOSE: &str = r#"
name: NAME
services:
  web:
    image: registry.testbed:5000/shop/web:1
    ports: ["8000:8080"]
    environment:
      DATABASE_URL: mysql://shop:secret@the_database:3306/shop
      PUBLIC_URL: http://localhost:8000
    depends_on:
      the_database: {condition: service_healthy}
      migrate: {condition: service_completed_successfully}
    healthcheck: {test: "curl -f http://localhost:8080/healthz || exit 1"}
    labels: {a: b}
  migrate:
    image: registry.testbed:5000/shop/migrate:1
    environment: ["DATABASE_URL=mysql://shop:secret@the_database/shop"]
    depends_on: [the_database]
  the_database:
    image: mariadb:10.11
    environment: {MARIADB_DATABASE: shop, MARIADB_USER: shop, MARIADB_PASSWORD: secret, MARIADB_ROOT_PASSWORD: secret}
    volumes: ["data:/var/lib/mysql"]
volumes: {data: {}}
"#;

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs the testbed"]
async fn a_compose_file_becomes_an_environment_that_serves() -> Result<()> {
    story(async |world| {
        std::fs::write(world.directory().join("compose.yaml"), COMPOSE.replace("NAME", &world.name))?;
        let imported = world.outboard(&["import", "compose"]).await?.ended(Exit::Success)?;
        contains(&imported.stdout, "2 components, 1 service and 1 route")?;
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
async fn an_exported_environment_serves_the_same_page_in_an_empty_namespace() -> Result<()> {
    story(async |world| {
        world.apply(|_| {}).await?;
        world.create("qa", &[]).await?;
        let page = world.get("qa", "/").await?;
        let export = ["env", "export", "qa", "--as", "manifests", "--with-secrets", "--to", "plain.yaml"];
        world.outboard(&export).await?.ended(Exit::Success)?;
        let text = std::fs::read_to_string(world.directory().join("plain.yaml"))?;
        ensure!(!text.contains("outboard.dev/"), "it knows outboard: {text}");

        let namespace = format!("{}-plain", world.name);
        let home = json!({"metadata": {"name": namespace, "labels": {marks::CONTROL_NAMESPACE: world.name}}});
        let home: Namespace = serde_json::from_value(home)?;
        Api::all(world.client.clone()).create(&PostParams::default(), &home).await?;
        let objects: Vec<Value> = serde_saphyr::from_multiple(&text)?;
        for object in objects.into_iter().filter(|object| !object.is_null()) {
            let object: DynamicObject = serde_json::from_value(object)?;
            objects_of(world, &object, &namespace)?.create(&PostParams::default(), &object).await?;
        }
        let host = publish(world, &namespace).await?;
        until("the same page", START, async || {
            let answer = ask(&host, "/", None).await?;
            Ok((answer.status == 200 && answer.version == page.version).then_some(answer.body))
        })
        .await
        .and_then(|body| contains(&body, "Coffee, one pound"))
    })
    .await
}

fn objects_of(world: &World, object: &DynamicObject, namespace: &str) -> Result<Api<DynamicObject>> {
    let types = object.types.as_ref().context("an object without kind")?;
    let (group, version) = types.api_version.split_once('/').unwrap_or(("", &types.api_version));
    let resource = ApiResource::from_gvk(&GroupVersionKind::gvk(group, version, &types.kind));
    Ok(Api::namespaced_with(world.client.clone(), namespace, &resource))
}

/// Gives the exported route a gateway, as the file says, and a hostname of its own.
async fn publish(world: &World, namespace: &str) -> Result<String> {
    let kind = GroupVersionKind::gvk("gateway.networking.k8s.io", "v1", "HTTPRoute");
    let resource = ApiResource::from_gvk(&kind);
    let routes =
        |namespace: &str| Api::<DynamicObject>::namespaced_with(world.client.clone(), namespace, &resource);
    let original = routes(&world.namespace("qa")).get("web").await?;
    let host = format!("plain-{}.localhost", world.name);
    let patch = json!({"spec": {"parentRefs": original.data["spec"]["parentRefs"], "hostnames": [host]}});
    routes(namespace).patch("web", &PatchParams::default(), &Patch::Merge(&patch)).await?;
    Ok(host)
}
