//! What others change on outboard's objects is taken back; what others own is left alone.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use api::Exit;
use k8s_openapi::api::apps::v1::Deployment;
use k8s_openapi::api::core::v1::ConfigMap;
use kube::api::{Api, ApiResource, DeleteParams, DynamicObject, ListParams, Patch, PatchParams, PostParams};
use kube::core::GroupVersionKind;
use kube::{Client, ResourceExt};
use serde_json::{Value, json};
use stories::{World, millis, restart_operator, same, story, until};

/// Five times what is aimed at: the machine may be busy with other things.
const SOON: Duration = Duration::from_secs(10);
const READY: Duration = Duration::from_secs(120);
/// So long nothing may be written.
const QUIET: Duration = Duration::from_secs(10);

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs the testbed"]
async fn edits_of_owned_objects_are_reverted_and_deleted_ones_come_back() -> Result<()> {
    story(async |world| {
        world.apply(|_| {}).await?;
        world.create("qa", &[]).await?;
        world.create("other", &[]).await?;
        let neighbours = world.uids("other").await?;
        let namespace = world.namespace("qa");
        let web = Deployments::of(&world.client, &namespace);

        let container = |change: Value| {
            let mut container = json!({"name": "web"});
            container.as_object_mut().into_iter().for_each(|map| {
                map.extend(change.as_object().cloned().unwrap_or_default());
            });
            json!({"spec": {"template": {"spec": {"containers": [container]}}}})
        };
        web.edit("a changed image", container(json!({"image": "registry.testbed:5000/shop/web:2"}))).await?;
        web.edit("an added variable", container(json!({"env": [{"name": "EDITED", "value": "by hand"}]})))
            .await?;
        web.edit("an added label", json!({"metadata": {"labels": {"edited": "by-hand"}}})).await?;
        web.edit("a removed label of ours", json!({"metadata": {"labels": {api::marks::INSTALL: null}}}))
            .await?;
        web.edit("all labels removed", json!({"metadata": {"labels": null}})).await?;
        web.edit("changed replicas", json!({"spec": {"replicas": 1}})).await?;

        for (group, kind) in
            [("", "Service"), ("apps", "Deployment"), ("gateway.networking.k8s.io", "HTTPRoute")]
        {
            comes_back(&objects(world, "qa", group, kind), kind, "web").await?;
        }

        world.ready("qa", READY).await?;
        same("the version", &world.get("qa", "/").await?.version, &Some("1".to_owned()))?;
        same("pods of the other environment", &world.uids("other").await?, &neighbours)
    })
    .await
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs the testbed"]
async fn foreign_objects_stay_and_nothing_is_written_when_nothing_changed() -> Result<()> {
    story(async |world| {
        world.apply(|_| {}).await?;
        world.create("qa", &[]).await?;
        let namespace = world.namespace("qa");

        let settings: ConfigMap =
            serde_json::from_value(json!({"metadata": {"name": "mine"}, "data": {"a": "b"}}))?;
        let maps = Api::<ConfigMap>::namespaced(world.client.clone(), &namespace);
        let settings = maps.create(&PostParams::default(), &settings).await?;
        let debug: Deployment = serde_json::from_value(json!({
            "metadata": {"name": "mine"},
            "spec": {
                "replicas": 0, "selector": {"matchLabels": {"app": "mine"}},
                "template": {
                    "metadata": {"labels": {"app": "mine"}},
                    "spec": {"containers": [{"name": "mine", "image": "registry.testbed:5000/shop/web:1"}]},
                },
            },
        }))?;
        let deployments = Api::<Deployment>::namespaced(world.client.clone(), &namespace);
        let debug = deployments.create(&PostParams::default(), &debug).await?;
        // The Deployment controller has written its status once: from now on nobody has a reason to write.
        until("the foreign Deployment seen", SOON, async || {
            let found = deployments.get("mine").await?;
            let seen = found.status.and_then(|status| status.observed_generation);
            Ok((seen == found.metadata.generation).then_some(()))
        })
        .await?;

        let pods = world.uids("qa").await?;
        let before = settled(world, "qa").await?;
        let deadline = Instant::now() + QUIET;
        while Instant::now() < deadline {
            same("what is written", &written(world, "qa").await?, &before)?;
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
        println!("nothing of {} objects was written within {} s", before.len(), QUIET.as_secs());

        // A new revision neither takes the foreign objects over nor prunes them.
        world.outboard(&["env", "set", "qa", "--set", "web=2"]).await?;
        world.ready("qa", READY).await?;
        same(
            "the foreign ConfigMap",
            &maps.get("mine").await?.resource_version(),
            &settings.resource_version(),
        )?;
        let found = deployments.get("mine").await?;
        same("the foreign Deployment", &(found.uid(), found.spec), &(debug.uid(), debug.spec))?;
        ensure!(world.uids("qa").await? != pods, "the new version did not replace any pod");
        Ok(())
    })
    .await
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs the testbed"]
async fn a_restart_of_the_operator_restarts_nothing() -> Result<()> {
    story(async |world| {
        world.apply(|_| {}).await?;
        world.create("qa", &[]).await?;
        let pods = world.uids("qa").await?;
        // What was created is applied once by an operator that did not create it; that changes no field.
        restart(world).await?;
        same("pods", &world.uids("qa").await?, &pods)?;
        let mut before = settled(world, "qa").await?;
        restart(world).await?;
        same("pods", &world.uids("qa").await?, &pods)?;
        let mut after = settled(world, "qa").await?;
        // The one that was edited to see that the operator is at work again, and what tells of that edit.
        for edited in ["Deployment/web", "Environment/qa"] {
            before.remove(edited);
            after.remove(edited);
        }
        same("objects after the second restart", &after, &before)
    })
    .await
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs the testbed"]
async fn drift_is_told_with_who_and_what_and_a_reporting_class_leaves_it() -> Result<()> {
    story(async |world| {
        world.apply(|spec| spec["classes"]["watched"] = json!({"drift": "report"})).await?;
        world.create("qa", &[]).await?;
        world.create("prod", &["--class", "watched"]).await?;
        let image = json!({"spec": {"template": {"spec": {"containers": [
            {"name": "web", "image": "registry.testbed:5000/shop/web:2"},
            {"name": "spy", "image": "registry.testbed:5000/shop/web:1"},
        ]}}}});
        let params = PatchParams { field_manager: Some("kubectl-edit".to_owned()), ..PatchParams::default() };

        let web = Deployments::of(&world.client, &world.namespace("qa"));
        web.edit("a sidecar", image.clone()).await?;
        let told = until("the revert told", SOON, async || {
            let drift = world.environments().get("qa").await?.status.unwrap_or_default().drift;
            Ok(drift.into_iter().find(|drift| drift.reverted && drift.by == ["kubectl-edit"]))
        })
        .await?;
        let paths: Vec<&str> = told.fields.iter().map(|field| field.path.as_str()).collect();
        ensure!(paths.iter().any(|path| path.ends_with("containers[web].image")), "{paths:?}");
        ensure!(paths.iter().any(|path| path.contains("containers[spy]")), "{paths:?}");

        let watched = Api::<Deployment>::namespaced(world.client.clone(), &world.namespace("prod"));
        let edited = watched.patch("web", &params, &Patch::Strategic(&image)).await?;
        until("the drift told", SOON, async || {
            let status = world.environments().get("prod").await?.status.unwrap_or_default();
            let drifted = api::condition::find(&status.conditions, api::condition::DRIFTED);
            Ok(drifted
                .filter(|drifted| drifted.is_true() && drifted.message.contains("kubectl-edit"))
                .map(|_| ()))
        })
        .await?;
        restart_operator(&world.client).await?;
        let shown = world.outboard(&["env", "drift", "prod", "-o", "json"]).await?.last()?;
        same("what stands", &shown["drift"][0]["reverted"], &json!(false))?;
        same("the edited spec", &watched.get("web").await?.spec, &edited.spec)
    })
    .await
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs the testbed"]
async fn a_freeze_holds_through_a_restart_of_the_operator_and_ends_with_healing() -> Result<()> {
    story(async |world| {
        world.apply(|_| {}).await?;
        world.create("qa", &[]).await?;
        let web = Api::<Deployment>::namespaced(world.client.clone(), &world.namespace("qa"));
        let written = meaning(&web.get("web").await?);
        world
            .outboard(&["env", "freeze", "qa", "--for", "1h", "--reason", "looking"])
            .await?
            .ended(Exit::Success)?;
        let params = PatchParams { field_manager: Some("kubectl-edit".to_owned()), ..PatchParams::default() };
        let label = json!({"metadata": {"labels": {"edited": "by-hand"}}});
        let edited = meaning(&web.patch("web", &params, &Patch::Strategic(&label)).await?);
        restart_operator(&world.client).await?;
        until("the drift told", READY, async || {
            let status = world.environments().get("qa").await?.status.unwrap_or_default();
            Ok(status.drift.iter().any(|drift| !drift.reverted).then_some(()))
        })
        .await?;
        same("the edited Deployment", &meaning(&web.get("web").await?), &edited)?;
        let waits = world.outboard(&["env", "set", "qa", "--set", "web=2"]).await?.ended(Exit::Conflict)?;
        ensure!(waits.stderr.contains("frozen until"), "{}", waits.stderr);
        same("the edited Deployment", &meaning(&web.get("web").await?), &edited)?;
        world.outboard(&["env", "set", "qa", "--set", "web=1", "--no-wait"]).await?.ended(Exit::Success)?;

        world.outboard(&["env", "thaw", "qa", "--heal"]).await?.ended(Exit::Success)?;
        until("healed", SOON, async || Ok((meaning(&web.get("web").await?) == written).then_some(())))
            .await?;
        // Without any outboard at hand.
        let until_then =
            json!({"metadata": {"annotations": {"outboard.dev/freeze-until": "2099-01-01T00:00:00Z"}}});
        world.environments().patch("qa", &PatchParams::default(), &Patch::Merge(&until_then)).await?;
        until("frozen", SOON, async || {
            let shown = world.outboard(&["env", "drift", "qa", "-o", "json"]).await?.last()?;
            Ok(shown["frozenUntil"].is_string().then_some(()))
        })
        .await?;
        web.patch("web", &params, &Patch::Strategic(&label)).await?;
        until("the drift told", SOON, async || {
            let status = world.environments().get("qa").await?.status.unwrap_or_default();
            Ok(status.drift.iter().any(|drift| !drift.reverted).then_some(()))
        })
        .await
    })
    .await
}

/// Restarts the operator, and waits until it takes an edit back: by then it has looked at everything.
async fn restart(world: &World) -> Result<()> {
    restart_operator(&world.client).await?;
    let web = Deployments::of(&world.client, &world.namespace("qa"));
    web.edit_within("an added label", json!({"metadata": {"labels": {"edited": "x"}}}), READY).await?;
    world.ready("qa", READY).await
}

fn objects(world: &World, environment: &str, group: &str, kind: &str) -> Api<DynamicObject> {
    let resource = ApiResource::from_gvk(&GroupVersionKind::gvk(group, "v1", kind));
    Api::namespaced_with(world.client.clone(), &world.namespace(environment), &resource)
}

/// The Deployment `web`, edited as `kubectl edit` does.
struct Deployments {
    api: Api<Deployment>,
}

impl Deployments {
    fn of(client: &Client, namespace: &str) -> Self {
        Self { api: Api::namespaced(client.clone(), namespace) }
    }

    async fn edit(&self, what: &str, patch: Value) -> Result<()> {
        self.edit_within(what, patch, SOON).await
    }

    /// Edits, and waits until spec and metadata are as they were.
    async fn edit_within(&self, what: &str, patch: Value, at_most: Duration) -> Result<()> {
        let before = meaning(&self.api.get("web").await?);
        let params = PatchParams { field_manager: Some("kubectl-edit".to_owned()), ..PatchParams::default() };
        let edited = self.api.patch("web", &params, &Patch::Strategic(&patch)).await?;
        let begun = Instant::now();
        ensure!(meaning(&edited) != before, "{what}: the edit changed nothing");
        until(&format!("{what} reverted"), at_most, async || {
            let now = meaning(&self.api.get("web").await?);
            Ok((now == before).then_some(()))
        })
        .await?;
        println!("{what}: reverted after {} ms", millis(begun));
        let managers = self.api.get("web").await?.metadata.managed_fields.unwrap_or_default();
        let left = managers.iter().any(|entry| entry.manager.as_deref() == Some("kubectl-edit"));
        // Replicas are nobody's field: they are put back without taking note of who changed them.
        ensure!(!left || what.contains("replicas"), "{what}: kubectl-edit still owns fields: {managers:?}");
        Ok(())
    }
}

/// What of a Deployment is somebody's wish.
fn meaning(deployment: &Deployment) -> Value {
    json!({"labels": deployment.metadata.labels, "spec": deployment.spec})
}

/// Deletes an object and waits for a new one of its name.
async fn comes_back(api: &Api<DynamicObject>, kind: &str, name: &str) -> Result<()> {
    let old = api.get(name).await?.uid().context("an object without UID")?;
    api.delete(name, &DeleteParams::default()).await?;
    let begun = Instant::now();
    until(&format!("{kind} {name} back"), SOON, async || {
        let found = api.get_opt(name).await?.and_then(|found| found.uid());
        Ok((found.is_some_and(|uid| uid != old)).then_some(()))
    })
    .await?;
    println!("deleted {kind} {name}: back after {} ms", millis(begun));
    Ok(())
}

/// ResourceVersion of everything outboard wrote for an environment, and of the Environment itself.
async fn written(world: &World, environment: &str) -> Result<BTreeMap<String, Option<String>>> {
    let ours = ListParams::default().labels(&format!("{}={environment}", api::marks::ENVIRONMENT));
    let mut found = BTreeMap::new();
    let kinds = [
        ("", "Secret"),
        ("", "Service"),
        ("apps", "Deployment"),
        ("apps", "StatefulSet"),
        ("batch", "Job"),
        ("gateway.networking.k8s.io", "HTTPRoute"),
    ];
    for (group, kind) in kinds {
        for object in objects(world, environment, group, kind).list(&ours).await? {
            found.insert(format!("{kind}/{}", object.name_any()), object.resource_version());
        }
    }
    let environment = world.environments().get(environment).await?;
    found.insert(format!("Environment/{}", environment.name_any()), environment.resource_version());
    Ok(found)
}

/// What is written once nobody writes any more: half a second without a change.
async fn settled(world: &World, environment: &str) -> Result<BTreeMap<String, Option<String>>> {
    let (mut last, mut since) = (BTreeMap::new(), Instant::now());
    until("writes ended", READY, async || {
        let now = written(world, environment).await?;
        if now != last {
            (last, since) = (now, Instant::now());
        }
        Ok((since.elapsed() > Duration::from_millis(500)).then(|| last.clone()))
    })
    .await
}
