//! Why Kubernetes does not let an object have pods, where that stands in no status: only Deployments tell it there.

use apply::kinds::Kind;
use apply::{Seen, standing};
use k8s_openapi::api::core::v1::Event;
use k8s_openapi::jiff::Timestamp;
use kube::api::{Api, ListParams};
use kube::core::DynamicObject;
use kube::{Client, ResourceExt};

/// What was last said to the first of these that asked for pods in vain. It never stops a reconcile.
pub async fn find(client: &Client, namespace: &str, live: &[Seen]) -> Option<String> {
    let seen = live.iter().find(|seen| matches!(seen.kind, Kind::StatefulSet | Kind::Job))?;
    let events = Api::<Event>::namespaced(client.clone(), namespace);
    let selector = format!("involvedObject.uid={},reason=FailedCreate", seen.uid);
    let found = events.list(&ListParams::default().fields(&selector)).await.ok()?;
    let newest = found.into_iter().max_by_key(happened)?;
    let message = newest.message.clone().filter(|message| standing::says_no(message))?;
    let objects = Api::<DynamicObject>::namespaced_with(client.clone(), namespace, &seen.kind.resource());
    let written = written(&objects.get_metadata_opt(&seen.name).await.ok()??);
    // What was said of the object before it was corrected counts no more. Both times are whole seconds.
    (happened(&newest) > written).then_some(message)
}

fn happened(event: &Event) -> Option<Timestamp> {
    event.last_timestamp.as_ref().or(event.metadata.creation_timestamp.as_ref()).map(|time| time.0)
}

/// When anybody last wrote what the object asks for.
fn written(object: &impl ResourceExt) -> Option<Timestamp> {
    let asks = object.managed_fields().iter().filter(|entry| entry.subresource.is_none());
    asks.filter_map(|entry| entry.time.as_ref().map(|time| time.0)).max()
}
