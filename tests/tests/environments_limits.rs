//! What a class lets its environments use, and by which standard their pods are judged.

use std::time::Duration;

use anyhow::{Context, Result, ensure};
use api::{Cause, Exit, marks};
use k8s_openapi::api::core::v1::{Event, LimitRange, Namespace, Pod, ResourceQuota};
use kube::ResourceExt;
use kube::api::{Api, DeleteParams, ListParams, Patch, PatchParams, PostParams};
use serde_json::{Value, json};
use stories::{World, contains, light, same, story, until};

const SOON: Duration = Duration::from_secs(30);
const LONGEST: Duration = Duration::from_secs(120);
const NAME: &str = "outboard-limits";

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs the testbed"]
async fn a_quota_comes_with_the_next_change_and_says_who_does_not_fit_and_by_how_much() -> Result<()> {
    story(async |world| {
        class(world, &json!({}), |_| {}).await?;
        world.create("qa", &[]).await?;
        same("quotas of a class that says none", &quotas(world, "qa").list(&all()).await?.items.len(), &0)?;
        let pods = world.uids("qa").await?;

        // The project alone changes no environment; the plan shows what the next change brings.
        class(world, &json!({"quota": {"pods": 2, "memory": "1Gi"}}), |_| {}).await?;
        let plan =
            world.outboard(&["env", "plan", "qa", "-o", "json"]).await?.ended(Exit::Success)?.last()?;
        let change = of_object(&plan, &format!("ResourceQuota {NAME}"))?;
        same("what happens to it", &change["action"], &json!("create"))?;
        let effect =
            plan["quotas"].as_array().and_then(|all| all.iter().find(|one| one["resource"] == "pods"));
        let effect = effect.context("nothing is said of pods")?;
        same(
            "pods",
            &(&effect["quota"], &effect["hard"], &effect["exceeds"]),
            &(&json!(NAME), &json!("2"), &json!("never")),
        )?;
        same("quotas before the change", &quotas(world, "qa").list(&all()).await?.items.len(), &0)?;
        world.outboard(&["env", "update", "qa"]).await?.ended(Exit::Success)?;
        same("pods, of which there may be", &hard(world, "qa", "pods").await?.as_deref(), &Some("2"))?;
        same("pods that ran before", &world.uids("qa").await?, &pods)?;

        // Three do not fit into two. Those that serve go on.
        class(world, &json!({"quota": {"pods": 2, "memory": "1Gi"}}), three).await?;
        let plan =
            world.outboard(&["env", "plan", "qa", "-o", "json"]).await?.ended(Exit::Success)?.last()?;
        contains(&plan["quotas"].to_string(), r#""exceeds":"afterwards""#)?;
        let told = world.outboard(&["env", "update", "qa"]).await?.ended(Exit::Quota)?;
        contains(&told.stderr, &format!("quota {NAME} of the environment's namespace has no room for web"))?;
        contains(&told.stderr, "used: pods=2, limited: pods=2")?;
        let verdict = world.verdict("qa").await?.context("no verdict")?;
        same("cause", &verdict.cause, &Cause::QuotaExceeded)?;
        same("what still answers", &world.get("qa", "/version").await?.status, &200)?;

        // A class that has no quota any more is not kept from that by the one it had.
        class(world, &json!({}), three).await?;
        let plan =
            world.outboard(&["env", "plan", "qa", "-o", "json"]).await?.ended(Exit::Success)?.last()?;
        same("the quota", &of_object(&plan, &format!("ResourceQuota {NAME}"))?["action"], &json!("delete"))?;
        world.outboard(&["env", "update", "qa"]).await?.ended(Exit::Success)?;
        same("quotas that are left", &quotas(world, "qa").list(&all()).await?.items.len(), &0)?;
        same("pods", &world.uids("qa").await?.len(), &3)
    })
    .await
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs the testbed"]
async fn what_limits_an_environment_is_there_before_its_pods_and_comes_back() -> Result<()> {
    story(async |world| {
        let limits = json!({
            "quota": {"pods": 3},
            "containers": {"requests": {"memory": "16Mi"}, "limits": {"cpu": "500m"}, "max": {"memory": "256Mi"}},
        });
        class(world, &limits, |_| {}).await?;
        world.create("qa", &[]).await?;
        // No pod came before its quota was counted.
        let events = Api::<Event>::namespaced(world.client.clone(), &world.namespace("qa"));
        let failed = events.list(&ListParams::default().fields("reason=FailedCreate")).await?;
        let failed: Vec<_> = failed.iter().filter_map(|event| event.message.clone()).collect();
        same("pods that were refused", &failed, &vec![])?;
        // What nobody says in the project is what the class says.
        let pods = world.pods("qa").await?;
        let spec = pods.first().and_then(|pod| pod.spec.as_ref()).context("no pod")?;
        let resources = spec.containers[0].resources.clone().unwrap_or_default();
        let given = resources.limits.unwrap_or_default();
        same("limit of cores", &given.get("cpu").map(|cpu| cpu.0.as_str()), &Some("500m"))?;
        same("limit of memory", &given.get("memory").map(|memory| memory.0.as_str()), &Some("32Mi"))?;

        let before = world.uids("qa").await?;
        let (quotas, ranges) = (quotas(world, "qa"), ranges(world, "qa"));
        quotas.delete(NAME, &DeleteParams::default()).await?;
        until("the quota is back", SOON, async || Ok(quotas.get_opt(NAME).await?)).await?;
        ranges.delete(NAME, &DeleteParams::default()).await?;
        until("the bounds are back", SOON, async || Ok(ranges.get_opt(NAME).await?)).await?;
        let more = json!({"spec": {"hard": {"pods": "50"}}});
        quotas.patch(NAME, &PatchParams::default(), &Patch::Merge(&more)).await?;
        until("the quota is as it was", SOON, async || {
            Ok((hard(world, "qa", "pods").await?.as_deref() == Some("3")).then_some(()))
        })
        .await?;
        world.ready("qa", SOON).await?;
        same("pods", &world.uids("qa").await?, &before)?;

        // What Kubernetes would refuse pod by pod is told at once, and nothing is changed.
        let mut less = limits.clone();
        less["containers"]["max"]["memory"] = json!("16Mi");
        class(world, &less, |_| {}).await?;
        let told = world.outboard(&["env", "update", "qa"]).await?.ended(Exit::Admission)?;
        for key in ["classes.qa.containers.max.memory", "components.web.resources.memory"] {
            contains(&told.stderr, key)?;
        }
        same("pods", &world.uids("qa").await?, &before)
    })
    .await
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs the testbed"]
async fn a_restricted_class_lets_nobody_be_root() -> Result<()> {
    story(async |world| {
        let restricted = json!({"podSecurity": "restricted"});
        let root = json!({"securityContext": {"runAsUser": 0}});
        class(world, &restricted, |spec| spec["components"]["web"]["container"] = root).await?;
        let told = world.outboard(&["env", "create", "qa"]).await?.ended(Exit::Admission)?;
        contains(&told.stderr, "class qa is restricted, and component web is not: it runs as root (components.web.container.securityContext.runAsNonRoot)")?;
        ensure!(world.environments().get_opt("qa").await?.is_none(), "there is an environment");
        ensure!(!world.namespace_exists("qa").await?, "there is a namespace");

        // Everything that outboard can run there does: a component, what reads its logs, a service, a job.
        class(world, &restricted, |spec| {
            spec["services"] = json!({"cache": {"type": "redis"}});
            spec["components"]["web"]["user"] = json!("1000");
            spec["components"]["web"]["logs"] = json!(["/var/log/shop/access.log"]);
            spec["components"]["first"] = json!({
                "image": "registry.testbed:5000/library/redis", "version": "7", "job": "before", "user": "1000",
                "command": ["sh", "-c", "test $(id -u) = 1000"],
            });
        })
        .await?;
        world.create("qa", &[]).await?;
        same("the standard", &standard(world, "qa").await?.as_deref(), &Some("restricted"))?;
        let pods = Api::<Pod>::namespaced(world.client.clone(), &world.namespace("qa"));
        let root: Pod = serde_json::from_value(json!({
            "metadata": {"name": "root"},
            "spec": {"containers": [{"name": "root", "image": "registry.testbed:5000/library/redis:7"}]},
        }))?;
        let trial = PostParams { dry_run: true, ..PostParams::default() };
        let refused = pods.create(&trial, &root).await.err().context("somebody's pod may be root")?;
        contains(&refused.to_string(), "violates PodSecurity \"restricted")?;

        let namespaces = Api::<Namespace>::all(world.client.clone());
        let laxer = json!({"metadata": {"labels": {marks::POD_SECURITY: "privileged"}}});
        namespaces.patch(&world.namespace("qa"), &PatchParams::default(), &Patch::Merge(&laxer)).await?;
        until("the standard is as it was", SOON, async || {
            Ok((standard(world, "qa").await?.as_deref() == Some("restricted")).then_some(()))
        })
        .await
    })
    .await
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs the testbed"]
async fn a_standard_is_tightened_once_all_of_the_change_is_ready() -> Result<()> {
    story(async |world| {
        class(world, &json!({}), |_| {}).await?;
        world.create("qa", &[]).await?;
        let restricted = json!({"podSecurity": "restricted"});
        let broken = |spec: &mut Value| {
            spec["components"]["web"]["user"] = json!("1000");
            spec["components"]["web"]["health"] = json!({"ready": {"http": "/nowhere"}, "start": "6s"});
        };
        class(world, &restricted, broken).await?;
        let plan =
            world.outboard(&["env", "plan", "qa", "-o", "json"]).await?.ended(Exit::Success)?.last()?;
        same(
            "what the plan shows",
            &of_object(&plan, "Namespace")?["fields"][0]["to"],
            &json!("restricted"),
        )?;
        world.outboard(&["env", "update", "qa"]).await?.ended(Exit::ReadinessFailing)?;

        // What serves was made under the laxer one, and comes back when it dies.
        same("the standard", &standard(world, "qa").await?.as_deref(), &Some("baseline"))?;
        let serving = world.pods("qa").await?;
        let serving = serving.iter().find(|pod| is_ready(pod)).context("nothing serves")?;
        let pods = Api::<Pod>::namespaced(world.client.clone(), &world.namespace("qa"));
        pods.delete(&serving.name_any(), &DeleteParams::default()).await?;
        until("another pod serves", LONGEST, async || {
            let other = |pod: &Pod| is_ready(pod) && pod.uid() != serving.uid();
            Ok(world.pods("qa").await?.iter().any(other).then_some(()))
        })
        .await?;

        class(world, &restricted, |spec| spec["components"]["web"]["user"] = json!("1000")).await?;
        world.outboard(&["env", "update", "qa"]).await?.ended(Exit::Success)?;
        until("the standard is the stricter one", SOON, async || {
            Ok((standard(world, "qa").await?.as_deref() == Some("restricted")).then_some(()))
        })
        .await?;
        // Back again at once: what comes back could not be made otherwise.
        world.outboard(&["env", "rollback", "qa", "--to", "1"]).await?.ended(Exit::Success)?;
        same("the standard", &standard(world, "qa").await?.as_deref(), &Some("baseline"))
    })
    .await
}

/// Applies a project of one component whose class `qa` says this.
async fn class(world: &World, qa: &Value, change: impl FnOnce(&mut Value)) -> Result<()> {
    world
        .apply(|spec| {
            *spec = light();
            spec["classes"] = json!({"qa": qa});
            change(spec);
        })
        .await
        .map(drop)
}

fn three(spec: &mut Value) {
    spec["components"]["web"]["scale"]["min"] = json!(3);
}

/// What a plan does to an object.
fn of_object<'a>(plan: &'a Value, object: &str) -> Result<&'a Value> {
    let mut changes = plan["changes"].as_array().into_iter().flatten();
    changes.find(|change| change["object"] == object).with_context(|| format!("no {object} in {plan}"))
}

fn quotas(world: &World, environment: &str) -> Api<ResourceQuota> {
    Api::namespaced(world.client.clone(), &world.namespace(environment))
}

fn ranges(world: &World, environment: &str) -> Api<LimitRange> {
    Api::namespaced(world.client.clone(), &world.namespace(environment))
}

fn all() -> ListParams {
    ListParams::default()
}

async fn hard(world: &World, environment: &str, resource: &str) -> Result<Option<String>> {
    let hard = quotas(world, environment).get(NAME).await?.spec.and_then(|spec| spec.hard);
    Ok(hard.and_then(|hard| hard.get(resource).map(|amount| amount.0.clone())))
}

async fn standard(world: &World, environment: &str) -> Result<Option<String>> {
    let namespaces = Api::<Namespace>::all(world.client.clone());
    let found = namespaces.get(&world.namespace(environment)).await?;
    Ok(found.labels().get(marks::POD_SECURITY).cloned())
}

fn is_ready(pod: &Pod) -> bool {
    let conditions = pod.status.iter().flat_map(|status| status.conditions.iter().flatten());
    conditions.into_iter().any(|condition| condition.type_ == "Ready" && condition.status == "True")
}
