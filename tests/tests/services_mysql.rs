//! A genuine MySQL, driven as MariaDB is: by outboard's own command.

use std::time::Duration;

use anyhow::{Result, ensure};
use api::Exit;
use k8s_openapi::api::core::v1::Pod;
use kube::api::{Api, DeleteParams};
use serde_json::{Value, json};
use stories::{World, contains, images, same, story, until};

const SOON: Duration = Duration::from_secs(120);

/// As the service's own user; over the network, as others come in.
const ASK: &str = r#"MYSQL_PWD="$MYSQL_PASSWORD" mysql --no-defaults -h 127.0.0.1 -u "$MYSQL_USER" -N "$MYSQL_DATABASE" -e"#;

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs the testbed"]
async fn mysql_serves_the_shop_keeps_what_it_has_and_lets_nobody_else_in() -> Result<()> {
    images(&["library/mysql:debian"]).await?;
    story(async |world| {
        world
            .apply(|spec| {
                let config = json!({"max_connections": "77", "lower_case_table_names": "1"});
                spec["services"]["db"] = json!({"type": "mysql", "version": "debian", "config": config});
            })
            .await?;
        world.create("qa", &[]).await?;
        let order = world.order("qa").await?;
        let settings = sql(world, "select @@max_connections, @@lower_case_table_names, version()").await?;
        println!("{settings}");
        contains(&settings, "77\t1\t")?;
        ensure!(!settings.contains("Maria"), "it is no MySQL: {settings}");

        // No argument has the password, and root gets in over no network.
        let script = "tr '\\0' ' ' < /proc/1/cmdline; echo; echo $MYSQL_PASSWORD; mysql --no-defaults -h 127.0.0.1 -u root -e 'select 1' 2>&1 || true";
        let told = sh(world, script).await?;
        let lines: Vec<&str> = told.lines().collect();
        contains(lines[0], "mysqld --user=mysql")?;
        ensure!(lines[1].len() == 32 && !lines[0].contains(lines[1]), "the password is an argument");
        contains(&told, "Access denied for user 'root'")?;

        // Another environment has the same tables, and stops having them when somebody adds a column.
        world.create("other", &[]).await?;
        same("the schemas", &schemas(world).await?, &json!("equal"))?;
        sql(world, "alter table orders add column note varchar(9)").await?;
        same("the schemas", &schemas(world).await?, &json!("differ"))?;

        // A server that dies comes back with what it kept.
        let before = world.uids("qa").await?;
        let pods = Api::<Pod>::namespaced(world.client.clone(), &world.namespace("qa"));
        pods.delete("db-0", &DeleteParams::default()).await?;
        until("another server", SOON, async || {
            let now = world.uids("qa").await?;
            Ok(now.get("db-0").is_some_and(|uid| before.get("db-0") != Some(uid)).then_some(()))
        })
        .await?;
        world.ready("qa", SOON).await?;
        until("the order again", SOON, async || Ok(world.orders("qa").await?.contains(&order).then_some(()))).await?;
        same("the page", &world.get("qa", "/").await?.status, &200)
    })
    .await
}

/// What `env diff` says of the database of both.
async fn schemas(world: &World) -> Result<Value> {
    let diff = world.outboard(&["env", "diff", "qa", "other", "-o", "json"]).await?.ended(Exit::Success)?;
    Ok(diff.last()?["schemas"][0]["state"].clone())
}

async fn sql(world: &World, statement: &str) -> Result<String> {
    sh(world, &format!("{ASK} '{statement}'")).await
}

async fn sh(world: &World, script: &str) -> Result<String> {
    Ok(world.outboard(&["exec", "qa", "db", "--", "sh", "-c", script]).await?.ended(Exit::Success)?.stdout)
}
