//! A plan says what Kubernetes would refuse, and what it means for a quota, before anything is changed.

use std::time::Duration;

use anyhow::{Context, Result, ensure};
use api::Exit;
use k8s_openapi::api::admissionregistration::v1::{
    ValidatingAdmissionPolicy, ValidatingAdmissionPolicyBinding,
};
use k8s_openapi::api::core::v1::ResourceQuota;
use kube::api::{Api, DeleteParams, PostParams};
use serde_json::json;
use stories::{contains, same, story, until};

const SOON: Duration = Duration::from_secs(20);

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs the testbed"]
async fn what_kubernetes_would_refuse_is_told_by_the_plan_and_nothing_is_changed() -> Result<()> {
    story(async |world| {
        world.apply(|_| {}).await?;
        world.create("qa", &[]).await?;
        let (pods, before) =
            (world.uids("qa").await?, world.environments().get("qa").await?.metadata.generation);
        world.apply(|spec| spec["services"]["db"]["storage"] = "2Gi".into()).await?;
        let plan = world.outboard(&["env", "update", "qa"]).await?.ended(Exit::Invalid)?;
        contains(&plan.stderr, "the volumes of StatefulSet db exist, and their size cannot be changed")?;
        // What it takes is only shown.
        world.apply(|spec| spec["components"]["web"]["env"]["GREETING"] = "hello".into()).await?;
        let fine = world.outboard(&["env", "update", "qa", "--dry-run"]).await?.ended(Exit::Success)?;
        contains(&fine.stdout, "Deployment web")?;
        same("pods", &world.uids("qa").await?, &pods)?;
        same("the generation", &world.environments().get("qa").await?.metadata.generation, &before)
    })
    .await
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs the testbed"]
async fn a_plan_says_what_is_left_of_a_quota_and_in_which_order_it_is_made() -> Result<()> {
    story(async |world| {
        world.apply(|_| {}).await?;
        world.create("qa", &[]).await?;
        let quotas = Api::<ResourceQuota>::namespaced(world.client.clone(), &world.namespace("qa"));
        let quota: ResourceQuota = serde_json::from_value(json!({
            "metadata": {"name": "team"}, "spec": {"hard": {"pods": "4", "requests.cpu": "10"}},
        }))?;
        quotas.create(&PostParams::default(), &quota).await?;
        until("the quota counted", SOON, async || {
            let status = quotas.get("team").await?.status.unwrap_or_default();
            let used = status.used.and_then(|used| used.get("pods").cloned());
            Ok(used.filter(|used| used.0 == "3").map(|_| ()))
        })
        .await?;
        world
            .apply(|spec| {
                spec["components"]["web"]["scale"]["min"] = 6.into();
                spec["components"]["migrate"]["version"] = "2".into();
                spec["components"]["web"]["version"] = "2".into();
            })
            .await?;
        let plan =
            world.outboard(&["env", "plan", "qa", "-o", "json"]).await?.ended(Exit::Success)?.last()?;
        let limit = |resource: &str| {
            let all = plan["quotas"].as_array().into_iter().flatten();
            all.clone().find(|effect| effect["resource"] == resource).cloned().context("no such limit")
        };
        let pods = limit("pods")?;
        same(
            "pods used",
            &(&pods["used"], &pods["hard"], &pods["adds"]),
            &(&json!("3"), &json!("4"), &json!("4")),
        )?;
        same("pods", &pods["exceeds"], &json!("afterwards"))?;
        same("CPU", &limit("requests.cpu")?["exceeds"], &json!("never"))?;
        let waits = plan["waits"].to_string();
        contains(&waits, "job migrate; component web")?;
        let shown = world.outboard(&["env", "plan", "qa"]).await?.ended(Exit::Success)?;
        contains(&shown.stdout, "warning:")?;

        let freeze = ["env", "freeze", "qa", "--for", "1h", "--reason", "looking"];
        world.outboard(&freeze).await?.ended(Exit::Success)?;
        let frozen = world.outboard(&["env", "plan", "qa"]).await?.ended(Exit::Success)?;
        ensure!(frozen.stdout.contains("(looking): the change waits until then"), "{}", frozen.stdout);
        Ok(())
    })
    .await
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs the testbed"]
async fn a_policy_of_the_cluster_is_told_by_the_plan_in_its_own_words() -> Result<()> {
    story(async |world| {
        world.apply(|_| {}).await?;
        world.create("qa", &[]).await?;
        let policies = Api::<ValidatingAdmissionPolicy>::all(world.client.clone());
        let bindings = Api::<ValidatingAdmissionPolicyBinding>::all(world.client.clone());
        let policy: ValidatingAdmissionPolicy = serde_json::from_value(json!({
            "metadata": {"name": world.name},
            "spec": {
                "matchConstraints": {"resourceRules": [{
                    "apiGroups": ["apps"], "apiVersions": ["v1"], "resources": ["deployments"],
                    "operations": ["CREATE", "UPDATE"],
                }]},
                "validations": [{
                    "expression": "object.spec.template.spec.containers.all(c, !c.image.contains('/web:2'))",
                    "message": "version 2 is not approved",
                }],
            },
        }))?;
        let binding: ValidatingAdmissionPolicyBinding = serde_json::from_value(json!({
            "metadata": {"name": world.name},
            "spec": {
                "policyName": world.name, "validationActions": ["Deny"],
                "matchResources": {"namespaceSelector": {"matchLabels": {
                    "kubernetes.io/metadata.name": world.namespace("qa"),
                }}},
            },
        }))?;
        policies.create(&PostParams::default(), &policy).await?;
        bindings.create(&PostParams::default(), &binding).await?;
        // A policy takes a moment to be in force; a plan changes nothing, so it can be asked for again.
        let told = until("the policy told", SOON, async || {
            let plan = world.outboard(&["env", "set", "qa", "--set", "web=2", "--dry-run"]).await?;
            Ok((plan.code == i32::from(Exit::Invalid.code())).then_some(plan.stderr))
        })
        .await;
        bindings.delete(&world.name, &DeleteParams::default()).await?;
        policies.delete(&world.name, &DeleteParams::default()).await?;
        contains(&told?, "version 2 is not approved")?;
        same("the version", &world.get("qa", "/version").await?.version, &Some("1".to_owned()))
    })
    .await
}
