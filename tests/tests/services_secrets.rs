//! What others keep: never used unasked, told when it is lacking before anything runs, and followed when it changes.

use std::collections::BTreeMap;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use api::{Cause, Exit, marks};
use k8s_openapi::ByteString;
use k8s_openapi::api::core::v1::Secret;
use kube::ResourceExt;
use kube::api::{Api, DeleteParams, ObjectMeta, Patch, PatchParams, PostParams};
use serde_json::json;
use stories::{World, contains, same, story, until};

const SOON: Duration = Duration::from_secs(90);
/// A changed value is seen within a minute; then pods are replaced.
const FOLLOWED: Duration = Duration::from_secs(120);

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs the testbed"]
async fn a_secret_is_asked_for_before_anything_runs_and_followed_without_a_failed_request() -> Result<()> {
    story(async |world| {
        world
            .apply(|spec| {
                spec["secrets"] = json!({"payments": {"default": {"kubernetes": "payments-qa"}}});
                spec["components"]["web"]["env"]["STRIPE_KEY"] = json!("key ${secret.payments.stripe_key}");
                spec["components"]["migrate"]["env"]["MAIL"] = json!("${secret.payments.mail}");
                spec["classes"]["watched"] = json!({"drift": "report"});
            })
            .await?;
        let secrets = Api::<Secret>::namespaced(world.client.clone(), &world.name);

        // Not there, not for this class, without the key: each told before anything runs.
        let told = world.outboard(&["env", "create", "qa", "--class", "watched"]).await?;
        contains(&told.ended(Exit::SecretMissing)?.stderr, "there is no Secret payments-qa")?;
        keep(world, Some("production"), "sk-secret-1").await?;
        let told = world.outboard(&["env", "create", "qa", "--class", "watched"]).await?;
        contains(&told.ended(Exit::SecretMissing)?.stderr, "does not serve class watched")?;
        keep(world, Some("watched, qa"), "sk-secret-1").await?;
        let told = world
            .outboard(&["env", "create", "qa", "--class", "watched"])
            .await?
            .ended(Exit::SecretMissing)?;
        contains(&told.stderr, "has no key `mail`")?;
        contains(&told.stderr, "migrate needs it for MAIL")?;
        ensure!(!told.stderr.contains("sk-secret"), "a value was told");
        ensure!(!world.namespace_exists("qa").await?, "something was made");
        mail(&secrets).await?;
        world.create("qa", &["--class", "watched"]).await?;
        world.create("healed", &["--class", "qa"]).await?;
        for environment in ["qa", "healed"] {
            same("the value", &key(world, environment).await?.as_str(), &"key sk-secret-1")?;
        }

        // Another value: pods are replaced once, nobody notices, and no job runs again.
        let before: Vec<_> = [world.uids("qa").await?, world.uids("healed").await?].into();
        let load = world.load("qa");
        keep(world, Some("watched, qa"), "sk-secret-2").await?;
        for environment in ["qa", "healed"] {
            until("the new value", FOLLOWED, async || {
                Ok((key(world, environment).await? == "key sk-secret-2").then_some(()))
            })
            .await?;
            world.ready(environment, SOON).await?;
        }
        let tally = load.end().await?;
        same("failed requests", &tally.failures, &vec![])?;
        for (environment, before) in ["qa", "healed"].into_iter().zip(before) {
            let after = world.uids(environment).await?;
            let kept: Vec<&str> =
                before.keys().filter(|name| after.contains_key(*name)).map(String::as_str).collect();
            same("what was not replaced", &kept, &vec!["db-0"])?;
            let found = world.environments().get(environment).await?;
            same("revision", &found.status.context("no status")?.revision, &Some(1))?;
        }

        // Gone: what runs goes on, and it is told.
        let before = world.uids("qa").await?;
        secrets.delete("payments-qa", &DeleteParams::default()).await?;
        until("a verdict", FOLLOWED, async || {
            Ok(world.verdict("qa").await?.filter(|verdict| verdict.cause == Cause::SecretMissing))
        })
        .await?;
        same("pods", &world.uids("qa").await?, &before)?;
        same("the page", &world.get("qa", "/").await?.status, &200)?;
        keep(world, Some("*"), "sk-secret-2").await?;
        mail(&secrets).await?;
        world.ready("qa", FOLLOWED).await
    })
    .await
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs the testbed"]
async fn environments_share_the_database_of_another_and_a_class_has_one_of_others() -> Result<()> {
    story(async |world| {
        let host = format!("db.{}-data.svc.cluster.local", world.name);
        let classes = json!({
            // For whoever has it as an external address from another class it has to be open.
            "team": {"network": "open", "services": {"db": {"from": "data"}}},
            "production": {"services": {"db": {
                "type": "external", "host": host, "port": 3306, "fields": {"name": "app"},
                "secret": {"kubernetes": "db-live"},
            }}},
        });
        world.apply(|spec| spec["classes"] = classes.clone()).await?;
        let told = world.outboard(&["env", "create", "ann", "--class", "team"]).await?;
        contains(&told.ended(Exit::NotFound)?.stderr, "there is no environment data")?;
        ensure!(!world.namespace_exists("ann").await?, "something was made");

        // The one that others take it from runs it; the others only have its name.
        world.create("data", &["--class", "team"]).await?;
        world.create("ann", &["--class", "team"]).await?;
        let order = world.order("ann").await?;
        ensure!(world.orders("data").await?.contains(&order), "the order is not in the shared database");
        ensure!(!world.uids("ann").await?.contains_key("db-0"), "it runs a database of its own");

        // One of its own, and the shared one again: the name leads to either.
        let apply = async |own: bool| {
            world
                .apply(|spec| spec["classes"] = if own { json!({"team": {}}) } else { classes.clone() })
                .await?;
            world.outboard(&["env", "update", "ann"]).await?.ended(Exit::Success)
        };
        apply(true).await?;
        ensure!(!world.orders("ann").await?.contains(&order), "its own database has the order of the other");
        ensure!(world.uids("ann").await?.contains_key("db-0"), "it runs no database of its own");
        apply(false).await?;
        ensure!(
            world.orders("ann").await?.contains(&order),
            "the order is not in the shared database any more"
        );

        // What others run, with credentials that others keep.
        let made = Api::<Secret>::namespaced(world.client.clone(), &world.namespace("data"));
        let data = made.get("db-credentials").await?.data.context("no data")?;
        put(world, "db-live", Some("production"), data).await?;
        world.create("live", &["--class", "production"]).await?;
        ensure!(world.orders("live").await?.contains(&order), "the order is not in the external database");
        let differs = world.outboard(&["env", "diff", "ann", "live"]).await?.ended(Exit::Success)?;
        println!("{}", differs.stdout);
        contains(&differs.stdout, "Secret db-live, key password")
    })
    .await
}

/// The other key that is wanted.
async fn mail(secrets: &Api<Secret>) -> Result<()> {
    let key = Patch::Merge(json!({"stringData": {"mail": "ann"}}));
    secrets.patch("payments-qa", &PatchParams::default(), &key).await?;
    Ok(())
}

/// Keeps a payment key for these classes.
async fn keep(world: &World, classes: Option<&str>, value: &str) -> Result<()> {
    let data = [("stripe_key".to_owned(), ByteString(value.as_bytes().to_vec()))].into();
    put(world, "payments-qa", classes, data).await
}

async fn put(
    world: &World,
    name: &str,
    classes: Option<&str>,
    data: BTreeMap<String, ByteString>,
) -> Result<()> {
    let secrets = Api::<Secret>::namespaced(world.client.clone(), &world.name);
    let secret = Secret {
        metadata: ObjectMeta {
            name: Some(name.to_owned()),
            annotations: classes.map(|classes| [(marks::CLASSES.to_owned(), classes.to_owned())].into()),
            ..ObjectMeta::default()
        },
        data: Some(data),
        ..Secret::default()
    };
    match secrets.get_opt(name).await? {
        Some(_) => drop(secrets.patch(name, &PatchParams::default(), &Patch::Merge(&secret)).await?),
        None => drop(secrets.create(&PostParams::default(), &secret).await?),
    }
    Ok(())
}

/// The payment key that a running pod of web has.
async fn key(world: &World, environment: &str) -> Result<String> {
    let pods = world.pods(environment).await?;
    let web = pods.iter().map(ResourceExt::name_any).filter(|name| name.starts_with("web-"));
    let mut values = Vec::new();
    for pod in web {
        let script = ["exec", environment, "web", "--pod", &pod, "--", "sh", "-c", "echo \"$STRIPE_KEY\""];
        values.push(world.outboard(&script).await?.stdout.trim().to_owned());
    }
    values.dedup();
    Ok(values.join(" "))
}
