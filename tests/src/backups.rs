//! Where backups of a world lie: a bucket that an environment of it runs, and the Secret by which their pods get in.

use std::collections::BTreeMap;

use anyhow::{Context, Result};
use api::marks;
use k8s_openapi::ByteString;
use k8s_openapi::api::core::v1::Secret;
use kube::api::{Api, ObjectMeta, PostParams};
use serde_json::{Value, json};

use crate::World;
use crate::shelf::Shelf;

/// The environment that runs it, by its service `uploads`.
const STORE: &str = "store";
const SERVICE: &str = "uploads";
const SECRET: &str = "backups";

/// What a project says of them.
pub fn place(world: &World) -> Value {
    json!({
        "bucket": "app", "prefix": "kept/",
        "endpoint": format!("http://{SERVICE}.{}.svc:7070", world.namespace(STORE)),
        "secret": {"kubernetes": SECRET},
    })
}

/// The bucket, of which environments of both classes are told how to get in.
pub async fn store(world: &World) -> Result<Shelf> {
    let shelf = world.shelf(STORE, SERVICE).await?;
    let theirs = Api::<Secret>::namespaced(world.client.clone(), &world.namespace(STORE));
    let data = theirs.get(&format!("{SERVICE}-credentials")).await?.data.unwrap_or_default();
    let value = |key: &str| -> Result<ByteString> { Ok(data.get(key).context("no key")?.clone()) };
    let data = BTreeMap::from([
        ("access_key".to_owned(), value("access_key")?),
        ("secret_key".to_owned(), value("password")?),
    ]);
    let served = ["qa", "production"].map(marks::for_backups).join(",");
    let secret = Secret {
        metadata: ObjectMeta {
            name: Some(SECRET.to_owned()),
            annotations: Some([(marks::CLASSES.to_owned(), served)].into()),
            ..ObjectMeta::default()
        },
        data: Some(data),
        ..Secret::default()
    };
    let secrets = Api::<Secret>::namespaced(world.client.clone(), &world.name);
    secrets.create(&PostParams::default(), &secret).await?;
    Ok(shelf)
}
