//! Which volumes outlive their environment, what is written on them meanwhile, and when they go.

use std::collections::BTreeMap;

use api::environment::KeptVolume;
use api::kept::KeptClaim;
use api::marks::{self, Owner};
use api::{GROUP, KeptVolumes};
use k8s_openapi::api::core::v1::{PersistentVolume, PersistentVolumeClaim};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
use k8s_openapi::jiff::Timestamp;
use kube::ResourceExt;
use serde_json::{Value, json};

pub mod restore;

/// By this a provisioner says that it made a volume, and that it deletes what lies in it.
const PROVISIONED_BY: &str = "pv.kubernetes.io/provisioned-by";
const RETAIN: &str = "Retain";
const DELETE: &str = "Delete";

/// A claim of an environment, as it is kept until `until`; none: it goes with the environment, or its storage class
/// retains its volume anyway. Only claims of services have our marks.
pub fn kept(
    claim: &PersistentVolumeClaim,
    volume: Option<&PersistentVolume>,
    owner: &Owner,
    until: Timestamp,
) -> Option<KeptClaim> {
    let service = claim.labels().get(marks::PART).filter(|_| owner.owns(claim.labels()))?;
    let volume = volume.filter(|volume| is_bound_to(volume, claim.metadata.uid.as_deref()))?;
    if !volume.annotations().contains_key(PROVISIONED_BY) || retains(volume) && !is_marked(volume) {
        return None;
    }
    let spec = claim.spec.as_ref()?;
    Some(KeptClaim {
        kept: KeptVolume {
            claim: claim.name_any(),
            service: service.clone(),
            size: size(claim).to_owned(),
            volume: volume.name_any(),
            until: Time(until),
        },
        labels: claim.labels().clone(),
        access_modes: spec.access_modes.clone().unwrap_or_default(),
        storage_class: spec.storage_class_name.clone(),
        volume_mode: spec.volume_mode.clone(),
    })
}

/// What a claim asks for.
pub fn size(claim: &PersistentVolumeClaim) -> &str {
    let resources = claim.spec.as_ref().and_then(|spec| spec.resources.as_ref());
    let requests = resources.and_then(|resources| resources.requests.as_ref());
    requests.and_then(|requests| requests.get("storage")).map_or("?", |size| size.0.as_str())
}

/// Whether the volume is this very claim's.
pub fn is_bound_to(volume: &PersistentVolume, claim_uid: Option<&str>) -> bool {
    let claim = volume.spec.as_ref().and_then(|spec| spec.claim_ref.as_ref());
    claim_uid.is_some() && claim.and_then(|claim| claim.uid.as_deref()) == claim_uid
}

/// Whether it bears marks of what was kept.
pub fn is_marked(volume: &PersistentVolume) -> bool {
    volume.annotations().contains_key(marks::KEPT_WITH)
}

fn policy(volume: &PersistentVolume) -> Option<&str> {
    volume.spec.as_ref()?.persistent_volume_reclaim_policy.as_deref()
}

fn retains(volume: &PersistentVolume) -> bool {
    policy(volume) == Some(RETAIN)
}

/// Whose it was. Its provisioner has labels of its own on it, which are none of ours to change.
fn own_labels(owner: &Owner) -> BTreeMap<String, String> {
    let mut labels = owner.labels();
    labels.retain(|key, _| key.starts_with(GROUP));
    labels
}

/// The patch that keeps a volume; none: it is kept already, and says so.
pub fn mark(
    volume: &PersistentVolume,
    claim: &KeptClaim,
    record: &KeptVolumes,
    owner: &Owner,
) -> Option<Value> {
    let mut labels = own_labels(owner);
    labels.insert(marks::PART.to_owned(), claim.kept.service.clone());
    let annotations = [
        (marks::KEPT_WITH, KeptVolumes::object_name(&record.environment, &record.environment_uid)),
        (marks::KEPT_UNTIL, record.until.0.to_string()),
        (marks::KEPT_CLAIM, claim.kept.claim.clone()),
        (marks::KEPT_CLASS, record.class.clone()),
        (marks::KEPT_ENVIRONMENT_UID, record.environment_uid.clone()),
    ];
    let said = labels.iter().all(|(key, value)| volume.labels().get(key) == Some(value))
        && annotations.iter().all(|(key, value)| volume.annotations().get(*key) == Some(value));
    if said && retains(volume) {
        return None;
    }
    let annotations: serde_json::Map<String, Value> =
        annotations.into_iter().map(|(key, value)| (key.to_owned(), json!(value))).collect();
    Some(json!({
        "metadata": {"resourceVersion": volume.resource_version(), "labels": labels, "annotations": annotations},
        "spec": {"persistentVolumeReclaimPolicy": RETAIN},
    }))
}

/// The patch that makes a volume an ordinary one again, which goes with its claim; none: it is.
pub fn unmark(volume: &PersistentVolume, owner: &Owner) -> Option<Value> {
    if !is_marked(volume) {
        return None;
    }
    let mine = own_labels(owner).into_keys().chain([marks::PART.to_owned()]);
    let labels: serde_json::Map<String, Value> = mine.map(|key| (key, Value::Null)).collect();
    Some(json!({
        "metadata": {
            "resourceVersion": volume.resource_version(),
            "labels": labels,
            "annotations": {
                (marks::KEPT_WITH): null, (marks::KEPT_UNTIL): null, (marks::KEPT_CLAIM): null,
                (marks::KEPT_CLASS): null, (marks::KEPT_ENVIRONMENT_UID): null,
            },
        },
        "spec": {"persistentVolumeReclaimPolicy": DELETE},
    }))
}

/// The patch that gives a volume up: its provisioner deletes what lies in it, and then the volume. Its marks stay on it
/// until it is gone.
pub fn give_up(volume: &PersistentVolume) -> Value {
    json!({
        "metadata": {"resourceVersion": volume.resource_version()},
        "spec": {"persistentVolumeReclaimPolicy": DELETE},
    })
}

/// Until when something says that it is kept.
pub fn kept_until(object: &impl ResourceExt) -> Option<Timestamp> {
    object.annotations().get(marks::KEPT_UNTIL)?.parse().ok()
}

/// When a volume is due; none: that is not ours to say, or it goes already. One with a claim is in use, whatever is written
/// on it.
pub fn due(volume: &PersistentVolume) -> Option<Timestamp> {
    let phase = volume.status.as_ref().and_then(|status| status.phase.as_deref());
    let free = matches!(phase, Some("Released" | "Failed")) && retains(volume);
    (free && is_marked(volume) && is_as_kept(volume)).then(|| kept_until(volume))?
}

/// Whether the claim that a marked volume had last is the one that it was kept of. Somebody who gave it to another claim made it
/// theirs, whatever marks are left.
pub fn is_as_kept(volume: &PersistentVolume) -> bool {
    let Some(claim) = volume.spec.as_ref().and_then(|spec| spec.claim_ref.as_ref()) else { return false };
    let label = |key: &str| volume.labels().get(key).map(String::as_str).unwrap_or_default();
    let namespace = format!("{}-{}", label(marks::PROJECT), label(marks::ENVIRONMENT));
    claim.namespace.as_ref() == Some(&namespace)
        && claim.name.as_ref() == volume.annotations().get(marks::KEPT_CLAIM)
}

/// What stands on a volume that a teardown of this environment has kept already, should the record be gone since.
pub fn promised(
    volume: &PersistentVolume,
    claim: &PersistentVolumeClaim,
    environment_uid: &str,
) -> Option<KeptVolume> {
    let mark = |key: &str| volume.annotations().get(key);
    if environment_uid.is_empty()
        || mark(marks::KEPT_ENVIRONMENT_UID).map(String::as_str) != Some(environment_uid)
        || !retains(volume)
    {
        return None;
    }
    Some(KeptVolume {
        claim: claim.name_any(),
        service: volume.labels().get(marks::PART).cloned().unwrap_or_default(),
        size: size(claim).to_owned(),
        volume: volume.name_any(),
        until: Time(kept_until(volume)?),
    })
}

/// Whether an environment has nothing but what this record names: then it never came to anything of its own.
pub fn has_nothing_else(
    record: &KeptVolumes,
    pairs: &[(PersistentVolumeClaim, Option<PersistentVolume>)],
    owner: &Owner,
) -> bool {
    let named = |volume: &str| record.volumes.iter().any(|claim| claim.kept.volume == volume);
    let own = pairs.iter().filter(|(claim, _)| owner.owns(claim.labels()));
    own.filter_map(|(_, volume)| volume.as_ref()).all(|volume| named(&volume.name_any()))
}

/// What a plan says where volumes will be kept for another time than now, if at all.
pub fn note(from: Option<u32>, to: Option<u32>) -> Option<String> {
    match to.filter(|_| from != to) {
        Some(seconds) => {
            Some(format!("once it is destroyed, the volumes of its services are kept for {}", words(seconds)))
        }
        None => (from.is_some() && to.is_none())
            .then(|| "once it is destroyed, its volumes go with it: they are not kept any more".to_owned()),
    }
}

/// A time as a project's file says it.
fn words(seconds: u32) -> String {
    match seconds {
        s if s % 3600 == 0 => format!("{}h", s / 3600),
        s if s % 60 == 0 => format!("{}m", s / 60),
        s => format!("{s}s"),
    }
}

/// Jobs that have completed in the namespace in which the volumes were, as jobs that need not run in the new one.
pub fn carried(done: &[String], from: &str, to: &str, known: &[String]) -> Vec<String> {
    let of = |job: &String| Some(format!("{}@{to}", job.strip_suffix(from)?.strip_suffix('@')?));
    done.iter().filter_map(of).filter(|job| !known.contains(job)).collect()
}

#[cfg(test)]
mod tests;
