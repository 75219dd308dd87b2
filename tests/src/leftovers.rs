//! What a world still has after all of its environments were destroyed; records of revisions are meant to stay.

use anyhow::Result;
use api::{HostClaim, Plan, marks};
use kube::ResourceExt;
use kube::api::{Api, ApiResource, DynamicObject, ListParams};
use kube::core::GroupVersionKind;

use crate::World;

/// Kinds that an environment is made of, beside its namespace and volumes.
const KINDS: [(&str, &str); 9] = [
    ("", "ConfigMap"),
    ("", "Pod"),
    ("", "PersistentVolumeClaim"),
    ("", "Secret"),
    ("", "Service"),
    ("apps", "Deployment"),
    ("apps", "StatefulSet"),
    ("batch", "Job"),
    ("gateway.networking.k8s.io", "HTTPRoute"),
];

/// One line for each.
pub async fn leftovers(world: &World) -> Result<Vec<String>> {
    let everything = ListParams::default();
    let environments = world.environments().list(&everything).await?;
    let plans = Api::<Plan>::namespaced(world.client.clone(), &world.name).list(&everything).await?;
    let mut found: Vec<String> = [
        named("environment", environments.iter().map(ResourceExt::name_any)),
        named("plan", plans.iter().map(ResourceExt::name_any)),
        named("namespace", world.namespaces().await?),
        named("volume", world.volumes().await?),
    ]
    .concat();
    let ours = ListParams::default().labels(&format!("{}={}", marks::CONTROL_NAMESPACE, world.name));
    let claims = Api::<HostClaim>::all(world.client.clone()).list(&ours).await?;
    found.extend(named("host", claims.iter().map(ResourceExt::name_any)));
    for (group, kind) in KINDS {
        let resource = ApiResource::from_gvk(&GroupVersionKind::gvk(group, "v1", kind));
        let objects = Api::<DynamicObject>::all_with(world.client.clone(), &resource).list(&ours).await?;
        let place = |object: &DynamicObject| {
            format!("{}/{}", object.namespace().unwrap_or_default(), object.name_any())
        };
        found.extend(named(kind, objects.iter().map(place)));
    }
    Ok(found)
}

fn named(kind: &str, names: impl IntoIterator<Item = String>) -> Vec<String> {
    names.into_iter().map(|name| format!("{kind} {name}")).collect()
}
