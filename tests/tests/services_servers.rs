//! Services that outboard runs: what they answer, what they keep, and where their passwords are not.

use std::time::Duration;

use anyhow::{Context, Result, ensure};
use api::Exit;
use k8s_openapi::api::core::v1::Pod;
use kube::api::{Api, DeleteParams};
use serde_json::json;
use stories::{World, contains, put, same, story, until};

const SOON: Duration = Duration::from_secs(90);

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs the testbed"]
async fn redis_takes_jobs_keeps_them_where_it_has_storage_and_shows_its_password_to_nobody() -> Result<()> {
    story(async |world| {
        world
            .apply(|spec| {
                spec["services"]["cache"] = json!({"type": "redis", "config": {"maxmemory": "48mb"}});
                spec["services"]["db"]["config"] = json!({"max_connections": "77"});
                spec["components"]["web"]["uses"] = json!(["db", "cache"]);
                spec["components"]["web"]["env"]["REDIS_URL"] = json!("${cache.url}");
                spec["components"]["worker"] = json!({
                    "image": "registry.testbed:5000/shop/worker", "version": "1", "uses": ["cache"],
                    "env": {"REDIS_URL": "redis://:${cache.password}@${cache.host}:${cache.port}"},
                });
                spec["classes"]["production"]["services"]["cache"] = json!({"storage": "1Gi"});
            })
            .await?;
        world.create("qa", &["--class", "qa"]).await?;
        world.create("live", &["--class", "production"]).await?;
        for environment in ["qa", "live"] {
            world.order(environment).await?;
            until("the order is worked on", SOON, async || {
                let processed = redis(world, environment, "get shop:processed").await?;
                Ok((processed.trim() == "1").then_some(()))
            })
            .await?;
            contains(&redis(world, environment, "config get maxmemory").await?, "50331648")?;
        }
        let variables = r#"MYSQL_PWD="$MARIADB_PASSWORD" mariadb -h 127.0.0.1 -u "$MARIADB_USER" -N -e 'select @@max_connections'"#;
        same("a setting of the database", &sh(world, "qa", "db", variables).await?.trim(), &"77")?;

        // Nobody gets in without the password, and no argument has it.
        contains(&sh(world, "qa", "cache", "redis-cli ping || true").await?, "NOAUTH")?;
        let command = sh(world, "qa", "cache", "tr '\\0' ' ' < /proc/1/cmdline; echo; echo $REDIS_PASSWORD").await?;
        let (line, password) = command.trim().split_once('\n').context("no command line")?;
        contains(line, "redis-server")?;
        ensure!(password.len() == 32 && !line.contains(password), "the password is an argument");

        // A server that dies comes back with what it kept.
        for (environment, kept) in [("qa", ""), ("live", "1")] {
            let before = world.uids(environment).await?;
            let pods = Api::<Pod>::namespaced(world.client.clone(), &world.namespace(environment));
            pods.delete("cache-0", &DeleteParams::default()).await?;
            until("another server", SOON, async || {
                let now = world.uids(environment).await?;
                Ok(now.get("cache-0").is_some_and(|uid| before.get("cache-0") != Some(uid)).then_some(()))
            })
            .await?;
            world.ready(environment, SOON).await?;
            same("orders kept", &redis(world, environment, "get shop:processed").await?.trim(), &kept)?;
        }
        Ok(())
    })
    .await
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs the testbed"]
async fn any_image_is_a_service_with_a_user_and_a_password_of_its_own() -> Result<()> {
    story(async |world| {
        world
            .apply(|spec| {
                spec["services"]["queue"] = json!({
                    "type": "container", "image": "docker.io/library/redis", "version": "7",
                    "ports": {"redis": 6379},
                    "command": ["sh", "-c", "exec redis-server --save '' --user default off --user \"$NAME\" on allkeys allcommands \">$PASS\" $@", "sh"],
                    "args": ["--maxclients", "${vary.clients}"],
                    "env": {"NAME": "${queue.user}", "PASS": "${queue.password}"},
                    "storage": "1Gi", "mount": "/data",
                });
                spec["vary"] = json!({"clients": {"default": "50", "production": "100"}});
                spec["components"]["worker"] = json!({
                    "image": "registry.testbed:5000/shop/worker", "version": "1", "uses": ["queue"],
                    "env": {"REDIS_URL": "redis://${queue.user}:${queue.password}@${queue.host}:${queue.port}"},
                });
            })
            .await?;
        world.create("qa", &["--class", "qa"]).await?;
        let ask = r#"REDISCLI_AUTH="$PASS" redis-cli --user "$NAME" keys 'shop:alive:*'"#;
        until("the worker is known", SOON, async || {
            let known = sh(world, "qa", "queue", ask).await?;
            ensure!(known.trim().starts_with("shop:alive:worker-"), "the queue knows: {known}");
            Ok(Some(()))
        })
        .await?;
        let ask = r#"REDISCLI_AUTH="$PASS" redis-cli --user "$NAME" config get maxclients"#;
        contains(&sh(world, "qa", "queue", ask).await?, "50")?;

        // What differs between classes is shown, and nothing else.
        world.create("live", &["--class", "production"]).await?;
        let differs = world.outboard(&["env", "diff", "qa", "live", "-o", "json"]).await?.ended(Exit::Success)?;
        let differs = differs.last()?;
        println!("{differs:#}");
        contains(&differs.to_string(), "\"100\"")
    })
    .await
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs the testbed"]
async fn a_bucket_keeps_what_is_uploaded() -> Result<()> {
    story(async |world| {
        world
            .apply(|spec| {
                spec["services"]["uploads"] = json!({"type": "s3"});
                let web = &mut spec["components"]["web"];
                web["uses"] = json!(["db", "uploads"]);
                for (variable, field) in [
                    ("S3_ENDPOINT", "endpoint"),
                    ("S3_BUCKET", "bucket"),
                    ("S3_ACCESS_KEY", "access_key"),
                    ("S3_SECRET_KEY", "secret_key"),
                ] {
                    web["env"][variable] = json!(format!("${{uploads.{field}}}"));
                }
            })
            .await?;
        world.create("qa", &["--class", "qa"]).await?;
        let answer = put(&world.host("qa"), "/api/uploads/receipt-1.txt", "two coffees").await?;
        ensure!((200..300).contains(&answer.status), "{} {}", answer.status, answer.body);
        same(
            "the upload",
            &world.get("qa", "/api/uploads/receipt-1.txt").await?.body.as_str(),
            &"two coffees",
        )?;
        let pods = Api::<Pod>::namespaced(world.client.clone(), &world.namespace("qa"));
        pods.delete("uploads-0", &DeleteParams::default()).await?;
        until("the upload is there again", SOON, async || {
            let answer = world.get("qa", "/api/uploads/receipt-1.txt").await?;
            Ok((answer.status == 200 && answer.body == "two coffees").then_some(()))
        })
        .await
    })
    .await
}

async fn redis(world: &World, environment: &str, command: &str) -> Result<String> {
    let script = format!("REDISCLI_AUTH=\"$REDIS_PASSWORD\" redis-cli {command}");
    sh(world, environment, "cache", &script).await
}

/// What a script says that is run in a service's container.
async fn sh(world: &World, environment: &str, service: &str, script: &str) -> Result<String> {
    let output = world.outboard(&["exec", environment, service, "--", "sh", "-c", script]).await?;
    Ok(output.ended(Exit::Success)?.stdout)
}
