//! What was changed by hand can become a revision: it stands, it is healed to, and the next rendering says what goes.

use std::time::Duration;

use anyhow::{Context, Result, ensure};
use api::Exit;
use k8s_openapi::api::apps::v1::Deployment;
use k8s_openapi::api::core::v1::Service;
use kube::ResourceExt;
use kube::api::{Api, ApiResource, DeleteParams, DynamicObject, Patch, PatchParams};
use kube::core::GroupVersionKind;
use serde_json::{Value, json};
use stories::{World, contains, restart_operator, same, story, until};

const READY: Duration = Duration::from_secs(120);
const SOON: Duration = Duration::from_secs(10);
const OTHER: &str = "registry.testbed:5000/shop/web:2";

fn deployments(world: &World) -> Api<Deployment> {
    Api::namespaced(world.client.clone(), &world.namespace("qa"))
}

/// Edits as `kubectl edit` does.
async fn edit(world: &World, patch: Value) -> Result<Deployment> {
    let params = PatchParams { field_manager: Some("kubectl-edit".to_owned()), ..PatchParams::default() };
    Ok(deployments(world).patch("web", &params, &Patch::Strategic(&patch)).await?)
}

/// What of a Deployment is somebody's wish.
fn meaning(deployment: &Deployment) -> Value {
    let mut annotations = deployment.annotations().clone();
    annotations.retain(|key, _| !key.starts_with("deployment.kubernetes.io/"));
    json!({"labels": deployment.metadata.labels, "annotations": annotations, "spec": deployment.spec})
}

async fn newest(world: &World) -> Result<Value> {
    let found = world.outboard(&["env", "history", "qa", "-o", "json"]).await?.ended(Exit::Success)?;
    found.last()?.as_array().and_then(|entries| entries.first().cloned()).context("no history")
}

/// Waits until so many objects are told to stand changed.
async fn standing(world: &World, count: usize) -> Result<()> {
    until("the drift told", SOON, async || {
        let drift = world.environments().get("qa").await?.status.unwrap_or_default().drift;
        Ok((drift.iter().filter(|drift| !drift.reverted).count() == count).then_some(()))
    })
    .await
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs the testbed"]
async fn a_freeze_ends_with_keep_and_what_was_changed_stays_without_a_restart() -> Result<()> {
    story(async |world| {
        world.apply(|spec| spec["components"]["web"]["env"]["GREETING"] = "hello".into()).await?;
        world.create("qa", &[]).await?;
        world.create("live", &["--class", "production"]).await?;
        let thawing = ["env", "freeze", "qa", "--for", "1h", "--reason", "trying"];
        world.outboard(&thawing).await?.ended(Exit::Success)?;
        edit(
            world,
            json!({
                "metadata": {"labels": {"tried": "out"}},
                "spec": {"replicas": 1, "template": {"spec": {"containers": [{"name": "web", "image": OTHER, "env": [
                    {"name": "ADDED", "value": "by hand"}, {"name": "GREETING", "$patch": "delete"},
                ]}]}}},
            }),
        )
        .await?;
        standing(world, 1).await?;
        until("the edit rolled out", READY, async || {
            let found = deployments(world).get("web").await?.status.unwrap_or_default();
            Ok((found.updated_replicas == Some(1) && found.replicas == Some(1) && found.ready_replicas == Some(1)).then_some(()))
        })
        .await?;

        let undecided = world.outboard(&["env", "thaw", "qa"]).await?.ended(Exit::Usage)?;
        contains(&undecided.stderr, "say --keep or --heal")?;
        let frozen = world.outboard(&["env", "keep", "qa"]).await?.ended(Exit::Conflict)?;
        contains(&frozen.stderr, "env thaw qa --keep")?;
        let shown = world.outboard(&["env", "thaw", "qa", "--keep", "--dry-run", "-o", "json"]).await?;
        let shown = shown.ended(Exit::Success)?.last()?;
        let mut paths: Vec<&str> = shown["changes"]
            .as_array()
            .into_iter()
            .flatten()
            .flat_map(|change| change["fields"].as_array().into_iter().flatten())
            .filter_map(|field| field["path"].as_str())
            .collect();
        paths.sort_unstable();
        let container = "spec.template.spec.containers[web]";
        same(
            "what would be kept",
            &paths,
            &vec![
                "metadata.labels.tried",
                "spec.replicas",
                &format!("{container}.env[ADDED]"),
                &format!("{container}.env[GREETING]"),
                &format!("{container}.image"),
            ],
        )?;

        let (before, pods) = (deployments(world).get("web").await?, world.uids("qa").await?);
        world.outboard(&["env", "thaw", "qa", "--keep"]).await?.ended(Exit::Success)?;
        let entry = newest(world).await?;
        contains(entry["action"].as_str().unwrap_or_default(), "keep Deployment web")?;
        same("what it keeps", &(&entry["keeps"], &entry["ready"]), &(&json!(1), &json!(true)))?;
        let kept = deployments(world).get("web").await?;
        same("the Deployment", &meaning(&kept), &meaning(&before))?;
        same("pods", &world.uids("qa").await?, &pods)?;
        let theirs = kept.metadata.managed_fields.iter().flatten();
        let theirs: Vec<_> = theirs.filter(|entry| entry.manager.as_deref() == Some("kubectl-edit")).collect();
        ensure!(theirs.is_empty(), "kubectl-edit still owns fields: {theirs:?}");
        let freeze = world.environments().get("qa").await?.spec.freeze;
        ensure!(freeze.is_none(), "still frozen: {freeze:?}");

        // From now on that is what is healed to, whoever heals.
        restart_operator(&world.client).await?;
        edit(world, json!({"spec": {"template": {"spec": {"containers": [{"name": "web", "image": "registry.testbed:5000/shop/web:1"}]}}}})).await?;
        until("healed", READY, async || {
            Ok((meaning(&deployments(world).get("web").await?) == meaning(&kept)).then_some(()))
        })
        .await?;
        world.outboard(&["env", "restart", "qa", "web"]).await?.ended(Exit::Success)?;
        same("the version", &world.get("qa", "/version").await?.version, &Some("2".to_owned()))?;

        let refused = world.outboard(&["env", "promote", "qa", "live"]).await?.ended(Exit::Invalid)?;
        contains(&refused.stderr, "changes made by hand")?;
        let next = world.outboard(&["env", "set", "qa", "--set", "web=2", "--dry-run", "-o", "json"]).await?;
        let notes = next.ended(Exit::Success)?.last()?["notes"].to_string();
        contains(&notes, "changes by hand that were kept go")?;
        contains(&notes, "env[ADDED]")?;
        world.outboard(&["env", "set", "qa", "--set", "web=2"]).await?.ended(Exit::Success)?;
        let rendered = deployments(world).get("web").await?;
        ensure!(!meaning(&rendered).to_string().contains("ADDED"), "what was kept is still there");
        // And back again: a revision is a revision.
        world.outboard(&["env", "rollback", "qa", "--to", "2"]).await?.ended(Exit::Success)?;
        contains(&meaning(&deployments(world).get("web").await?).to_string(), "ADDED")
    })
    .await
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs the testbed"]
async fn a_reporting_class_keeps_without_a_freeze_and_what_was_deleted_stays_deleted() -> Result<()> {
    story(async |world| {
        world.apply(|spec| spec["classes"]["qa"]["drift"] = "report".into()).await?;
        world.create("qa", &[]).await?;
        let route =
            ApiResource::from_gvk(&GroupVersionKind::gvk("gateway.networking.k8s.io", "v1", "HTTPRoute"));
        let routes =
            Api::<DynamicObject>::namespaced_with(world.client.clone(), &world.namespace("qa"), &route);
        routes.delete("web", &DeleteParams::default()).await?;
        let services = Api::<Service>::namespaced(world.client.clone(), &world.namespace("qa"));
        let params = PatchParams { field_manager: Some("kubectl-edit".to_owned()), ..PatchParams::default() };
        let ports = json!({"spec": {"ports": [{"name": "extra", "port": 81, "targetPort": "http"}]}});
        let edited = services.patch("web", &params, &Patch::Strategic(&ports)).await?;
        standing(world, 2).await?;
        world.outboard(&["env", "keep", "qa"]).await?.ended(Exit::Success)?;
        same("the Service", &services.get("web").await?.spec, &edited.spec)?;
        ensure!(routes.get_opt("web").await?.is_none(), "the route came back");
        let again = world.outboard(&["env", "keep", "qa"]).await?.ended(Exit::Success)?;
        contains(&again.stderr, "as it is asked for")?;

        let back = world.outboard(&["env", "update", "qa", "--dry-run"]).await?.ended(Exit::Success)?;
        contains(&back.stdout, "HTTPRoute web comes back")?;
        world.outboard(&["env", "update", "qa"]).await?.ended(Exit::Success)?;
        same("the version", &world.get("qa", "/version").await?.version, &Some("1".to_owned()))
    })
    .await
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs the testbed"]
async fn what_is_changed_after_the_plan_is_neither_kept_nor_healed_until_somebody_decides() -> Result<()> {
    story(async |world| {
        world.apply(|_| {}).await?;
        world.create("qa", &[]).await?;
        let freeze = ["env", "freeze", "qa", "--for", "1h", "--reason", "trying"];
        world.outboard(&freeze).await?.ended(Exit::Success)?;
        let edited = edit(world, json!({"metadata": {"labels": {"tried": "out"}}})).await?;
        standing(world, 1).await?;
        // As if somebody edited between showing the plan and carrying it out.
        let stale = json!({"spec": {
            "keeps": 1, "freeze": null, "change": {"action": "keep", "plan": "0123456789abcdef"},
        }});
        world.environments().patch("qa", &PatchParams::default(), &Patch::Merge(&stale)).await?;
        world.outboard(&["env", "show", "qa", "--wait"]).await?.ended(Exit::Conflict)?;
        restart_operator(&world.client).await?;
        standing(world, 1).await?;
        same("the edit", &meaning(&deployments(world).get("web").await?), &meaning(&edited))?;
        world.outboard(&["env", "thaw", "qa", "--heal"]).await?.ended(Exit::Success)?;
        world.ready("qa", READY).await?;
        until("healed", SOON, async || {
            let labels = deployments(world).get("web").await?.labels().clone();
            Ok((!labels.contains_key("tried")).then_some(()))
        })
        .await
    })
    .await
}
