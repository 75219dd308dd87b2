//! Looks for what holds a namespace that was deleted: which objects are left there, their finalizers, and whose those are.

use std::time::Duration;

use api::Verdict;
use k8s_openapi::api::core::v1::Namespace;
use k8s_openapi::jiff::Timestamp;
use kube::api::{Api, ListParams};
use kube::core::DynamicObject;
use kube::discovery::{Scope, group};
use kube::{Client, ResourceExt};

use crate::plan::diagnose::stuck::{self, Held, Left};

/// How long a namespace may take to empty itself before it is asked why.
const PATIENCE: Duration = Duration::from_secs(5);
/// So many objects of a kind are named.
const NAMED: u32 = 5;

/// Why a namespace that was deleted is still there, if it is held. It never stops a reconcile.
pub async fn explain(client: &Client, namespace: &Namespace) -> Option<Verdict> {
    let deleted = namespace.metadata.deletion_timestamp.as_ref()?.0;
    if Timestamp::now().duration_since(deleted).unsigned_abs() < PATIENCE {
        return None;
    }
    // Before asking further: mostly it is only slow.
    stuck::verdict(namespace, &[])?;
    let mut held = Vec::new();
    for left in stuck::left(namespace) {
        held.extend(finalizers(client, &namespace.name_any(), &left).await.unwrap_or_default());
    }
    stuck::verdict(namespace, &held)
}

/// The objects of one kind that are left and held; none where the operator may not look.
async fn finalizers(client: &Client, namespace: &str, left: &Left) -> Option<Vec<Held>> {
    let found = group(client, &left.group).await.ok()?;
    let (resource, _) = found
        .recommended_resources()
        .into_iter()
        .find(|(resource, known)| resource.plural == left.plural && known.scope == Scope::Namespaced)?;
    let api = Api::<DynamicObject>::namespaced_with(client.clone(), namespace, &resource);
    let objects = api.list_metadata(&ListParams::default().limit(NAMED)).await.ok()?;
    let held = objects.items.into_iter().filter(|object| !object.finalizers().is_empty());
    Some(
        held.map(|object| Held {
            object: format!("{} {}", resource.kind, object.name_any()),
            finalizers: object.finalizers().to_vec(),
            by: setters(&object),
        })
        .collect(),
    )
}

/// Who has set finalizers, by the record of managers.
fn setters(object: &impl ResourceExt) -> Vec<String> {
    let sets = object.managed_fields().iter().filter(|entry| {
        let fields = entry.fields_v1.as_ref().map(|fields| &fields.0);
        fields.is_some_and(|fields| fields.pointer("/f:metadata/f:finalizers").is_some())
    });
    let mut names: Vec<String> = sets.filter_map(|entry| entry.manager.clone()).collect();
    names.sort();
    names.dedup();
    names
}
