//! Verdicts, and backups that failed, are told outside: to a webhook, once each and whatever happens meanwhile, and to Prometheus.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use api::{Exit, condition, marks};
use k8s_openapi::api::core::v1::{Event, Secret};
use kube::api::{Api, ListParams, PostParams};
use serde_json::{Value, json};
use stories::{
    Metrics, Prometheus, Receiver, Told, World, installed_with, light, restart_operator, same, story, until,
};

/// Five times what is aimed at: the machine may be busy with other things.
const SOON: Duration = Duration::from_secs(50);
/// It is told that something has passed once it was ready for two minutes.
const PASSED: Duration = Duration::from_secs(240);
/// A protected environment is an alert after a minute.
const FIRING: Duration = Duration::from_secs(180);
const SECRET: &str = "stories-webhook";

fn crashing() -> Value {
    let mut spec = light();
    spec["components"]["web"]["env"]["FAIL"] = json!("crash");
    spec["classes"]["production"] = json!({"protected": true});
    spec
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs the testbed"]
async fn a_webhook_is_told_each_verdict_once_though_it_was_away_and_the_operator_replaced() -> Result<()> {
    story(async |world| {
        let receiver = Receiver::begin().await?;
        let secret = json!({
            "OUTBOARD_WEBHOOK_URL": receiver.address(),
            "OUTBOARD_WEBHOOK_KEY": "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw",
        });
        let flags = [format!("--env-from={SECRET}")];
        installed_with(world, &flags, (SECRET, secret), async || tell(world, &receiver).await).await
    })
    .await
}

async fn tell(world: &World, receiver: &Receiver) -> Result<()> {
    world.apply(|spec| *spec = crashing()).await?;
    receiver.away(true);
    world.outboard(&["env", "create", "qa", "--class", "qa"]).await?.ended(Exit::CrashLoop)?;
    until("the receiver asked in vain", SOON, async || {
        Ok(of(world, receiver).first().is_some_and(|told| !told.taken).then_some(()))
    })
    .await?;
    restart_operator(&world.client).await?;
    receiver.away(false);
    let given = until("the verdict taken", SOON, async || Ok(taken(world, receiver).pop())).await?;
    println!("{:#}", given.body);
    same("what happened", &given.body["type"], &json!("verdict.given"))?;
    same("the cause", &given.body["data"]["verdict"]["cause"], &json!("CrashLoop"))?;
    let ids: BTreeSet<_> =
        of(world, receiver).iter().map(|told| told.headers.get("webhook-id").cloned()).collect();
    same("ids of what was told again and again", &ids.len(), &1)?;
    ensure!(given.headers.get("webhook-signature").is_some_and(|by| by.starts_with("v1,")), "unsigned");
    until("it stands at the environment", SOON, async || {
        let status = world.environments().get("qa").await?.status.unwrap_or_default();
        let told = condition::find(&status.conditions, condition::ANNOUNCED).cloned();
        Ok(told.filter(|told| told.is_true() && told.reason == "CrashLoop"))
    })
    .await?;

    // A new operator looks at everything, and has nothing to tell.
    let so_far = of(world, receiver).len();
    restart_operator(&world.client).await?;
    until("the environment looked at by the new one", SOON, async || {
        let looks = Metrics::of_operator(&world.client).await?;
        let looks = looks.value("outboard_reconciles_total{controller=\"announce\"}");
        Ok(looks.filter(|looks| *looks >= 1.0))
    })
    .await?;
    same("what was told by then", &of(world, receiver).len(), &so_far)?;

    world.apply(|spec| *spec = light()).await?;
    world.outboard(&["env", "update", "qa"]).await?.ended(Exit::Success)?;
    let passed = until("that it has passed", PASSED, async || {
        let last = taken(world, receiver).pop();
        Ok(last.filter(|told| told.body["type"] == "verdict.passed"))
    })
    .await?;
    println!("{}", passed.body["text"]);
    same("what was taken in all", &taken(world, receiver).len(), &2)
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs the testbed"]
async fn a_backup_of_a_schedule_that_fails_reaches_whoever_sleeps() -> Result<()> {
    story(async |world| {
        let receiver = Receiver::begin().await?;
        let secret = json!({"OUTBOARD_WEBHOOK_URL": receiver.address()});
        let flags = [format!("--env-from={SECRET}")];
        installed_with(world, &flags, (SECRET, secret), async || backup_fails(world, &receiver).await).await
    })
    .await
}

async fn backup_fails(world: &World, receiver: &Receiver) -> Result<()> {
    world
        .apply(|spec| {
            *spec = light();
            spec["services"] = json!({"cache": {"type": "redis"}});
            spec["backups"] = json!({
                "bucket": "nobodys", "endpoint": "http://localhost:9", "secret": {"kubernetes": "backups"},
            });
            spec["classes"]["qa"]["backup"] = json!({"schedule": "* * * * *"});
        })
        .await?;
    // A Secret that serves the class and does not say who writes.
    let secret = json!({
        "metadata": {"name": "backups", "annotations": {(marks::CLASSES): marks::for_backups("qa")}},
        "stringData": {"nothing": "useful"},
    });
    let secrets = Api::<Secret>::namespaced(world.client.clone(), &world.name);
    secrets.create(&PostParams::default(), &serde_json::from_value(secret)?).await?;
    world.outboard(&["env", "create", "qa", "--class", "qa"]).await?.ended(Exit::Success)?;
    let failed = until("that a backup failed", FIRING, async || {
        Ok(taken(world, receiver).into_iter().find(|told| told.body["type"] == "backup.failed"))
    })
    .await?;
    println!("{:#}", failed.body);
    same("the reason", &failed.body["data"]["backup"]["reason"], &json!("BackupFailed"))?;
    let text = failed.body["text"].as_str().unwrap_or_default();
    ensure!(text.contains("access_key"), "{text}");
    let status = world.environments().get("qa").await?.status.unwrap_or_default();
    let stands = condition::find(&status.conditions, condition::BACKED_UP).context("no condition")?;
    same("the condition", &stands.reason.as_str(), &"BackupFailed")?;
    let place = format!(
        "control_namespace=\"{0}\",project=\"{0}\",environment=\"qa\",class=\"qa\",protected=\"false\"",
        world.name
    );
    until("the metric", SOON, async || {
        let metrics = Metrics::of_operator(&world.client).await?;
        Ok(metrics.value(&format!("outboard_backup_failed{{{place}}}")).filter(|failed| *failed >= 1.0))
    })
    .await?;
    let events = Api::<Event>::namespaced(world.client.clone(), &world.name);
    let told = events.list(&ListParams::default().fields("reason=BackupFailed")).await?;
    let about: BTreeSet<_> = told.iter().filter_map(|event| event.involved_object.kind.as_deref()).collect();
    same("what Events are about", &about, &BTreeSet::from(["DataCopy", "Environment"]))
}

/// What the receiver was told of this story's environment.
fn of(world: &World, receiver: &Receiver) -> Vec<Told> {
    let ours = |told: &Told| told.body["data"]["environment"]["controlNamespace"] == world.name.as_str();
    receiver.told().into_iter().filter(ours).collect()
}

fn taken(world: &World, receiver: &Receiver) -> Vec<Told> {
    of(world, receiver).into_iter().filter(|told| told.taken).collect()
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs the testbed"]
async fn prometheus_alerts_on_a_protected_environment_that_fails_and_on_nothing_else() -> Result<()> {
    story(async |world| {
        let rules = rules()?;
        let prometheus = Prometheus::begin(world, &rules).await?;
        world.apply(|spec| *spec = crashing()).await?;
        let created = world.outboard(&["env", "create", "live", "--class", "production"]).await?;
        created.ended(Exit::CrashLoop)?;
        let ours = |alert: &Value| alert["labels"]["control_namespace"] == world.name.as_str();
        let firing = until("the alert firing", FIRING, async || {
            let alerts = prometheus.alerts().await?;
            Ok(alerts.into_iter().find(|alert| ours(alert) && alert["state"] == "firing"))
        })
        .await?;
        println!("{firing:#}");
        same("the alert", &firing["labels"]["alertname"], &json!("OutboardProtectedEnvironmentFails"))?;
        same("the environment", &firing["labels"]["environment"], &json!("live"))?;
        // Neither firing nor about to.
        let others: Vec<Value> =
            prometheus.alerts().await?.into_iter().filter(|alert| !ours(alert)).collect();
        ensure!(others.is_empty(), "{others:?}");

        // Whatever the alerts ask for is there.
        let metadata = prometheus.ask("targets/metadata").await?;
        let served = metadata["data"].as_array().context("no metadata")?;
        let served: BTreeSet<&str> = served.iter().filter_map(|metric| metric["metric"].as_str()).collect();
        // Of hosts: there are none, and what has no value is not told.
        let none = ["outboard_certificate_not_after_timestamp_seconds"];
        for name in names(&rules).into_iter().filter(|name| !none.contains(&name.as_str())) {
            let family = name.trim_end_matches("_bucket").trim_end_matches("_total");
            ensure!(served.contains(family) || served.contains(&*name), "nobody serves {name}: {served:?}");
        }
        Ok(())
    })
    .await
}

/// What `deploy/` has for the Prometheus operator, as Prometheus itself takes it.
fn rules() -> Result<Value> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../deploy/prometheus.yaml");
    let objects: Vec<Value> = serde_saphyr::from_multiple(&fs::read_to_string(path)?)?;
    let rules = objects.into_iter().find(|object| object["kind"] == "PrometheusRule");
    Ok(rules.context("no PrometheusRule in deploy/")?["spec"].take())
}

/// Names of metrics in all expressions.
fn names(rules: &Value) -> BTreeSet<String> {
    let groups = rules["groups"].as_array().into_iter().flatten();
    let all = groups.flat_map(|group| group["rules"].as_array().into_iter().flatten());
    let expressions = all.filter_map(|rule| rule["expr"].as_str());
    let words = expressions.flat_map(|text| text.split(|c: char| !c.is_ascii_alphanumeric() && c != '_'));
    words.filter(|word| word.starts_with("outboard_")).map(str::to_owned).collect()
}
