//! What others keep in AWS: read by the operator with its own identity, only for whom it is tagged, and followed.

use std::time::Duration;

use anyhow::{Context, Result, ensure};
use api::{Cause, Exit};
use k8s_openapi::api::apps::v1::Deployment;
use kube::ResourceExt;
use kube::api::Api;
use serde_json::{Value, json};
use stories::{Cloud, Load, World, contains, installed_with, light, same, story, until};

/// A changed value is seen within a minute; then pods are replaced.
const FOLLOWED: Duration = Duration::from_secs(120);
const SOON: Duration = Duration::from_secs(90);
/// Who the operator is there.
const IDENTITY: &str = "stories-aws";

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs the testbed"]
async fn a_secret_rotated_in_secrets_manager_and_a_parameter_changed_reach_the_pod() -> Result<()> {
    story(async |world| {
        let cloud = Cloud::begin(world).await?;
        let keys = json!({"AWS_ACCESS_KEY_ID": "stories", "AWS_SECRET_ACCESS_KEY": "stories"});
        installed_with(world, &cloud.flags(IDENTITY), (IDENTITY, keys), async || tell(world, &cloud).await)
            .await
    })
    .await
}

async fn tell(world: &World, cloud: &Cloud) -> Result<()> {
    let (payments, map) = (format!("{}/payments", world.name), format!("/{}/map", world.name));
    let classes =
        |class: &str| json!([{"Key": "outboard.dev/classes", "Value": format!("{}/{class}", world.name)}]);
    world
        .apply(|spec| {
            *spec = light();
            spec["secrets"] = json!({
                "payments": {"default": {"secretsmanager": payments}},
                "map": {"default": {"ssm": map}},
            });
            spec["components"]["web"]["env"]["STRIPE_KEY"] = json!("key ${secret.payments.stripe_key}");
            spec["components"]["web"]["env"]["MAP_KEY"] = json!("${secret.map.key}");
        })
        .await?;

    // Not there, not for this class, without the key: each told before anything runs.
    // What AWS said a moment ago is believed for a moment.
    let refused = async |wanted: &[&str]| {
        until("the refusal", SOON, async || {
            let told = world.outboard(&["env", "create", "qa", "--class", "qa"]).await?;
            let told = told.ended(Exit::SecretMissing)?.stderr;
            ensure!(!world.namespace_exists("qa").await?, "something was made");
            ensure!(!told.contains("sk-secret"), "a value was told:\n{told}");
            println!("{told}");
            wanted.iter().try_for_each(|wanted| contains(&told, wanted)).map(Some)
        })
        .await
    };
    let missing = format!("there is no secret {payments} in Secrets Manager");
    let none = format!("there is no parameter {map}");
    refused(&[&missing, &none, "web needs it for STRIPE_KEY"]).await?;
    let value = json!({"wrong": "sk-secret-0"}).to_string();
    let secret = json!({"Name": payments, "SecretString": value, "Tags": classes("production")});
    cloud.secrets_manager("CreateSecret", &secret).await?;
    let parameter = json!({"Name": format!("{map}/key"), "Type": "SecureString", "Value": "map-secret-1"});
    cloud.parameter_store("PutParameter", &parameter).await?;
    let closed = format!("secret {payments} in Secrets Manager does not serve class qa");
    refused(&[&closed, &format!("parameter {map}/key does not serve class qa")]).await?;
    cloud.secrets_manager("TagResource", &json!({"SecretId": payments, "Tags": classes("@all")})).await?;
    let tags =
        json!({"ResourceType": "Parameter", "ResourceId": format!("{map}/key"), "Tags": classes("qa")});
    cloud.parameter_store("AddTagsToResource", &tags).await?;
    refused(&["has no key `stripe_key`"]).await?;
    rotate(cloud, &payments, "sk-secret-1").await?;
    until("the environment created", SOON, async || {
        let created = world.outboard(&["env", "create", "qa", "--class", "qa"]).await?;
        Ok((created.code == i32::from(Exit::Success.code())).then_some(()))
    })
    .await?;
    same("the values", &values(world).await?.as_str(), &"key sk-secret-1 map-secret-1")?;
    same("rollouts", &rollouts(world).await?, &1)?;

    // Rotated, and changed: pods are replaced once for each, and nobody notices.
    let load = Load::begin(&world.host("qa"), "/version", 4);
    rotate(cloud, &payments, "sk-secret-2").await?;
    followed(world, "key sk-secret-2 map-secret-1").await?;
    same("rollouts", &rollouts(world).await?, &2)?;
    let mut changed = parameter.clone();
    (changed["Value"], changed["Overwrite"]) = (json!("map-secret-2"), json!(true));
    cloud.parameter_store("PutParameter", &changed).await?;
    followed(world, "key sk-secret-2 map-secret-2").await?;
    same("rollouts", &rollouts(world).await?, &3)?;
    same("failed requests", &load.end().await?.failures, &vec![])?;
    let found = world.environments().get("qa").await?;
    same("revision", &found.status.context("no status")?.revision, &Some(1))?;

    // Gone: what runs goes on, and it is told.
    let before = world.uids("qa").await?;
    let gone = json!({"SecretId": payments, "ForceDeleteWithoutRecovery": true});
    cloud.secrets_manager("DeleteSecret", &gone).await?;
    let verdict = until("a verdict", FOLLOWED, async || {
        Ok(world.verdict("qa").await?.filter(|verdict| verdict.cause == Cause::SecretMissing))
    })
    .await?;
    contains(&verdict.message, "there is no secret")?;
    same("pods", &world.uids("qa").await?, &before)?;
    same("the page", &world.get("qa", "/version").await?.status, &200)?;
    cloud.secrets_manager("CreateSecret", &again(&secret, classes("qa"), "sk-secret-2")).await?;
    world.ready("qa", FOLLOWED).await?;
    same("pods", &world.uids("qa").await?, &before)
}

/// The same secret, made anew.
fn again(secret: &Value, tags: Value, value: &str) -> Value {
    let mut again = secret.clone();
    again["SecretString"] = json!(json!({"stripe_key": value}).to_string());
    again["Tags"] = tags;
    again
}

async fn rotate(cloud: &Cloud, secret: &str, value: &str) -> Result<()> {
    let value = json!({"stripe_key": value}).to_string();
    cloud.secrets_manager("PutSecretValue", &json!({"SecretId": secret, "SecretString": value})).await?;
    Ok(())
}

async fn followed(world: &World, wanted: &str) -> Result<()> {
    until("the new value", FOLLOWED, async || Ok((values(world).await? == wanted).then_some(()))).await?;
    world.ready("qa", FOLLOWED).await
}

/// How often the pods of web were replaced, as Kubernetes counts.
async fn rollouts(world: &World) -> Result<u32> {
    let web = Api::<Deployment>::namespaced(world.client.clone(), &world.namespace("qa")).get("web").await?;
    Ok(web.annotations().get("deployment.kubernetes.io/revision").context("no revision")?.parse()?)
}

/// What a running pod of web has.
async fn values(world: &World) -> Result<String> {
    let pods = world.pods("qa").await?;
    let mut values = Vec::new();
    for pod in pods.iter().map(ResourceExt::name_any).filter(|name| name.starts_with("web-")) {
        let script = ["exec", "qa", "web", "--pod", &pod, "--", "sh", "-c", "echo \"$STRIPE_KEY $MAP_KEY\""];
        values.push(world.outboard(&script).await?.stdout.trim().to_owned());
    }
    values.dedup();
    Ok(values.join(" "))
}
