//! A RuntimeClass of a world's name. Whoever runs a cluster may exempt such pods from its standards, so outboard leaves the
//! judgement of them to Kubernetes.

use anyhow::Result;
use k8s_openapi::api::node::v1::RuntimeClass;
use kube::api::{Api, DeleteParams, PostParams};
use serde_json::json;

use crate::World;

/// Makes it. No node ever has to know it: the pods that name it are refused.
pub async fn runtime_class(world: &World) -> Result<()> {
    let class: RuntimeClass =
        serde_json::from_value(json!({"metadata": {"name": world.name}, "handler": "none"}))?;
    Api::all(world.client.clone()).create(&PostParams::default(), &class).await?;
    Ok(())
}

/// Takes it away.
pub async fn forget(world: &World) -> Result<()> {
    Api::<RuntimeClass>::all(world.client.clone()).delete(&world.name, &DeleteParams::default()).await?;
    Ok(())
}
