//! `outboard gc`: what is left of environments and copies that are no more, and nothing else.

use std::collections::BTreeMap;
use std::time::Duration;

use anyhow::{Result, ensure};
use api::marks::{CopyOwner, Home, MANAGER, MANAGER_DATA, Marks, Owner};
use api::project::PodSecurity;
use api::{Exit, HostClaim};
use k8s_openapi::api::core::v1::{Namespace, PersistentVolumeClaim};
use k8s_openapi::api::rbac::v1::{ClusterRole, ClusterRoleBinding};
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
        plant(world, &world.namespace("old"), home(&old), MANAGER).await?;
        plant(world, &copy.namespace(), copy.labels(), MANAGER_DATA).await?;
        // Somebody's own namespace, with the marks that an environment of this name would have.
        plant(world, &by_hand, home(&owner(world, "by-hand")), "kubectl").await?;
        let claims: Api<HostClaim> = Api::all(world.client.clone());
        let host = format!("old-{}.example.org", world.name);
        claims.create(&by(MANAGER), &HostClaim::of(&host, &old, "environments")).await?;
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
    ensure!(shown.stdout.contains("3 left behind") && shown.stdout.contains("gc --yes"), "{}", shown.stdout);

    // Whoever may see and delete namespaces, but not see the environments, knows too little.
    let blind = world.kubeconfig("blind", |file| {
        file["users"][0]["user"]["as"] = json!("blind");
        file["users"][0]["user"]["as-groups"] = json!(["system:authenticated"]);
    })?;
    let rights = Blind::allow(world).await?;
    let refused = world.outboard_as(&blind, &["gc", "--yes"]).await;
    rights.take_back().await?;
    let refused = refused?.ended(Exit::Forbidden)?;
    ensure!(refused.stderr.contains("environments"), "{}", refused.stderr);
    let again = world.outboard(&["gc", "-o", "json"]).await?.ended(Exit::Success)?.last()?;
    same("what is left behind after a refusal", &names(&again), &planted)?;

    // What has data stays until it is named; what is empty goes; a host goes after its namespace.
    let old = world.namespace("old");
    let volumes: Api<PersistentVolumeClaim> = Api::namespaced(world.client.clone(), &old);
    let claim = json!({"metadata": {"name": "data-db-0"}, "spec": {
        "accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "1Mi"}}}});
    volumes.create(&PostParams::default(), &serde_json::from_value(claim)?).await?;
    let swept = world.outboard(&["gc", "--yes", "-o", "json"]).await?.ended(Exit::Success)?.last()?;
    same(
        "what goes",
        &with(&swept, "deleting"),
        &planted.iter().filter(|name| name.starts_with("outboard-copy")).cloned().collect(),
    )?;
    ensure!(swept.to_string().contains("name it to delete it"), "{swept}");
    world.outboard(&["gc", "no-such", "--yes"]).await?.ended(Exit::NotFound)?;

    let namespaces: Api<Namespace> = Api::all(world.client.clone());
    world.outboard(&["gc", &old, "--yes"]).await?.ended(Exit::Success)?;
    until("the namespace is gone", GOING, async || {
        Ok(namespaces.get_opt(&old).await?.is_none().then_some(()))
    })
    .await?;
    let last = world.outboard(&["gc", "--yes", "-o", "json"]).await?.ended(Exit::Success)?.last()?;
    same("what goes last", &with(&last, "deleting").len(), &1)?;
    until("nothing is left", GOING, async || {
        let left = world.outboard(&["gc", "-o", "json"]).await?.ended(Exit::Success)?.last()?;
        Ok(names(&left).is_empty().then_some(()))
    })
    .await?;
    ensure!(namespaces.get_opt(by_hand).await?.is_some(), "somebody's own namespace went, too");
    world.ready("qa", GOING).await?;
    same("answer of qa", &world.get("qa", "/version").await?.status, &200)
}

/// Of those that have this outcome.
fn with(swept: &Value, outcome: &str) -> Vec<String> {
    let orphans: Vec<&Value> = swept["orphans"].as_array().into_iter().flatten().collect();
    let of = orphans.into_iter().filter(|orphan| orphan["outcome"] == outcome).cloned();
    names(&json!({"orphans": of.collect::<Vec<_>>()}))
}

fn names(swept: &Value) -> Vec<String> {
    let orphans = swept["orphans"].as_array().into_iter().flatten();
    let mut names: Vec<String> =
        orphans.filter_map(|orphan| orphan["name"].as_str().map(str::to_owned)).collect();
    names.sort();
    names
}

/// Rights of a user who may not see environments.
struct Blind {
    roles: Api<ClusterRole>,
    bindings: Api<ClusterRoleBinding>,
    name: String,
}

impl Blind {
    async fn allow(world: &World) -> Result<Self> {
        let name = format!("{}-blind", world.name);
        let roles: Api<ClusterRole> = Api::all(world.client.clone());
        let bindings: Api<ClusterRoleBinding> = Api::all(world.client.clone());
        let role = json!({"metadata": {"name": name}, "rules": [
            {"apiGroups": [""], "resources": ["namespaces"], "verbs": ["get", "list", "delete"]},
            {"apiGroups": ["outboard.dev"], "resources": ["hostclaims"], "verbs": ["get", "list", "delete"]},
        ]});
        roles.create(&PostParams::default(), &serde_json::from_value(role)?).await?;
        let binding = json!({
            "metadata": {"name": name},
            "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": name},
            "subjects": [{"kind": "User", "name": "blind", "apiGroup": "rbac.authorization.k8s.io"}],
        });
        bindings.create(&PostParams::default(), &serde_json::from_value(binding)?).await?;
        Ok(Self { roles, bindings, name })
    }

    async fn take_back(self) -> Result<()> {
        self.bindings.delete(&self.name, &DeleteParams::default()).await?;
        self.roles.delete(&self.name, &DeleteParams::default()).await?;
        Ok(())
    }
}

fn home(owner: &Owner) -> BTreeMap<String, String> {
    Home { owner, standard: PodSecurity::Baseline }.namespace_labels()
}

fn owner(world: &World, environment: &str) -> Owner {
    Owner {
        install: "outboard".into(),
        control_namespace: world.name.clone(),
        project: world.name.clone(),
        environment: environment.into(),
    }
}

fn by(manager: &str) -> PostParams {
    PostParams { field_manager: Some(manager.into()), ..PostParams::default() }
}

async fn plant(world: &World, name: &str, labels: BTreeMap<String, String>, manager: &str) -> Result<()> {
    let metadata = ObjectMeta { name: Some(name.into()), labels: Some(labels), ..ObjectMeta::default() };
    let namespace = Namespace { metadata, ..Namespace::default() };
    let made = Api::all(world.client.clone()).create(&by(manager), &namespace).await?;
    println!("planted {}", made.name_any());
    Ok(())
}
