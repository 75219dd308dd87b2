//! Two environments compared down to the schemas of their databases, as far as one may look.

use std::path::PathBuf;

use anyhow::{Context, Result};
use api::Exit;
use k8s_openapi::api::rbac::v1::RoleBinding;
use kube::api::{Api, PostParams};
use serde_json::{Value, json};
use stories::{World, contains, kubeconfig_file, same, story};

async fn schema(world: &World) -> Result<Value> {
    let found = world.outboard(&["env", "diff", "qa", "copy", "-o", "json"]).await?.ended(Exit::Success)?;
    Ok(found.last()?["schemas"][0].clone())
}

/// A developer's kubeconfig: who may look, and not run commands.
async fn developer(world: &World) -> Result<PathBuf> {
    for namespace in [world.name.clone(), world.namespace("qa"), world.namespace("copy")] {
        let binding: RoleBinding = serde_json::from_value(json!({
            "metadata": {"name": "dev"},
            "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": "outboard-developer"},
            "subjects": [{"apiGroup": "rbac.authorization.k8s.io", "kind": "User", "name": "dev"}],
        }))?;
        let bindings = Api::<RoleBinding>::namespaced(world.client.clone(), &namespace);
        bindings.create(&PostParams::default(), &binding).await?;
    }
    let mut file: Value = serde_saphyr::from_str(&std::fs::read_to_string(kubeconfig_file()?)?)?;
    file["users"][0]["user"]["as"] = "dev".into();
    let path = world.directory().join("dev.kubeconfig");
    std::fs::write(&path, serde_json::to_string(&file)?).context("failed to write a kubeconfig")?;
    Ok(path)
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs the testbed"]
async fn a_changed_table_is_found_and_who_may_not_look_is_told_so() -> Result<()> {
    story(async |world| {
        world.apply(|_| {}).await?;
        world.create("qa", &[]).await?;
        world.outboard(&["env", "clone", "qa", "copy"]).await?.ended(Exit::Success)?;
        // Rows are no schema.
        world.order("qa").await?;
        let equal = schema(world).await?;
        same("the schemas", &(&equal["service"], &equal["state"]), &(&json!("db"), &json!("equal")))?;
        same("the hashes", &equal["left"], &equal["right"])?;
        same("a hash", &equal["left"].as_str().map(str::len), &Some(64))?;

        let alter = r#"MYSQL_PWD="$MARIADB_PASSWORD" mariadb --no-defaults -h 127.0.0.1 -u "$MARIADB_USER" "$MARIADB_DATABASE" -e 'ALTER TABLE orders ADD COLUMN gift INT; CREATE TABLE extra (id INT)'"#;
        world.outboard(&["exec", "copy", "db", "--", "sh", "-c", alter]).await?.ended(Exit::Success)?;
        let differs = schema(world).await?;
        same("the state", &differs["state"], &json!("differ"))?;
        same(
            "the tables",
            &differs["tables"],
            &json!([{"table": "extra", "found": "onlyRight"}, {"table": "orders", "found": "inBoth"}]),
        )?;
        let shown = world.outboard(&["env", "diff", "qa", "copy"]).await?.ended(Exit::Success)?;
        contains(&shown.stdout, "differs: extra only in the second, orders")?;

        let developer = developer(world).await?;
        let shown =
            world.outboard_as(&developer, &["env", "diff", "qa", "copy"]).await?.ended(Exit::Success)?;
        contains(&shown.stdout, "not compared: you may not run a command in db of qa")
    })
    .await
}
