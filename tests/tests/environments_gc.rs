//! `outboard gc`: what is left of environments and copies that are no more, and nothing else.

use std::collections::BTreeMap;
use std::time::Duration;

use anyhow::{Result, ensure};
use api::marks::{CopyOwner, Owner};
use api::{Exit, HostClaim};
use k8s_openapi::api::core::v1::Namespace;
use kube::ResourceExt;
use kube::api::{Api, DeleteParams, ObjectMeta, PostParams};
use serde_json::{Value, json};
use stories::{World, light, same, story, until};

const GOING: Duration = Duration::from_secs(60);

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs the testbed"]
async fn what_is_left_behind_is_found_and_goes_and_nothing_else_does() -> Result<()> {
    story(async |world| {
        world.apply(|spec| *spec = light()).await?;
        world.create("qa", &[]).await?;
        let none = world.outboard(&["gc", "-o", "json"]).await?.ended(Exit::Success)?.last()?;
        same("what is left behind", &none["orphans"], &json!([]))?;

        let old = owner(world, "old");
        let copy = CopyOwner {
            install: "outboard".into(),
            control_namespace: world.name.clone(),
            copy: "nightly".into(),
        };
        let by_hand = format!("{}-by-hand", world.name);
        plant(world, &world.namespace("old"), old.namespace_labels()).await?;
        plant(world, &copy.namespace(), copy.labels()).await?;
        // Somebody's own namespace with the marks of an environment that is no more.
        plant(world, &by_hand, owner(world, "other").namespace_labels()).await?;
        let claims: Api<HostClaim> = Api::all(world.client.clone());
        let host = format!("old-{}.example.org", world.name);
        claims.create(&PostParams::default(), &HostClaim::of(&host, &old, "environments")).await?;
        let outcome = sweep(world, &[world.namespace("old"), copy.namespace(), host.clone()], &by_hand).await;

        let namespaces: Api<Namespace> = Api::all(world.client.clone());
        namespaces.delete(&by_hand, &DeleteParams::default()).await?;
        outcome
    })
    .await
}

async fn sweep(world: &World, planted: &[String], by_hand: &str) -> Result<()> {
    let mut planted = planted.to_vec();
    planted.sort();
    let found = world.outboard(&["gc", "-o", "json"]).await?.ended(Exit::Success)?.last()?;
    same("what is left behind", &names(&found), &planted)?;
    ensure!(
        found["unclear"].to_string().contains(by_hand),
        "marks that cannot be right are not told: {found}"
    );
    let shown = world.outboard(&["gc"]).await?.ended(Exit::Success)?;
    ensure!(shown.stdout.contains("3 left behind"), "{}", shown.stdout);

    // Whoever may not see the environments knows too little.
    let blind = world.kubeconfig("blind", |file| {
        file["users"][0]["user"]["as"] = json!("blind");
        file["users"][0]["user"]["as-groups"] = json!(["system:authenticated"]);
    })?;
    let refused = world.outboard_as(&blind, &["gc", "--yes"]).await?;
    ensure!(refused.code != 0, "it went on without knowing what is wanted: {}", refused.stdout);
    let again = world.outboard(&["gc", "-o", "json"]).await?.ended(Exit::Success)?.last()?;
    same("what is left behind after a refusal", &names(&again), &planted)?;

    let swept = world.outboard(&["gc", "--yes", "-o", "json"]).await?.ended(Exit::Success)?.last()?;
    same("what was deleted", &names(&swept), &planted)?;
    let namespaces: Api<Namespace> = Api::all(world.client.clone());
    until("nothing is left", GOING, async || {
        let left = world.outboard(&["gc", "-o", "json"]).await?.ended(Exit::Success)?.last()?;
        let gone = namespaces.get_opt(&world.namespace("old")).await?.is_none();
        Ok((names(&left).is_empty() && gone).then_some(()))
    })
    .await?;
    ensure!(namespaces.get_opt(by_hand).await?.is_some(), "somebody's own namespace went, too");
    world.ready("qa", GOING).await?;
    same("answer of qa", &world.get("qa", "/version").await?.status, &200)
}

fn names(swept: &Value) -> Vec<String> {
    let orphans = swept["orphans"].as_array().into_iter().flatten();
    let mut names: Vec<String> =
        orphans.filter_map(|orphan| orphan["name"].as_str().map(str::to_owned)).collect();
    names.sort();
    names
}

fn owner(world: &World, environment: &str) -> Owner {
    Owner {
        install: "outboard".into(),
        control_namespace: world.name.clone(),
        project: world.name.clone(),
        environment: environment.into(),
    }
}

async fn plant(world: &World, name: &str, labels: BTreeMap<String, String>) -> Result<()> {
    let metadata = ObjectMeta { name: Some(name.into()), labels: Some(labels), ..ObjectMeta::default() };
    let namespace = Namespace { metadata, ..Namespace::default() };
    let made = Api::all(world.client.clone()).create(&PostParams::default(), &namespace).await?;
    println!("planted {}", made.name_any());
    Ok(())
}
