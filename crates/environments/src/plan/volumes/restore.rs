//! Whether what was kept of an environment can be given back to one of its name, and in which state of that it is.

use api::kept::KeptClaim;
use api::marks::{self, Owner};
use api::plan::{Action, ObjectChange};
use api::revision::{EnvironmentRevision, credentials_name};
use api::{Cause, KeptVolumes, Role, Verdict};
use k8s_openapi::api::core::v1::{ObjectReference, PersistentVolume, PersistentVolumeClaim};
use k8s_openapi::jiff::Timestamp;
use kube::ResourceExt;
use serde_json::{Value, json};

use super::{DELETE, is_bound_to, policy};

/// How a kept volume is.
#[derive(Debug, PartialEq, Eq)]
pub enum Standing {
    /// It waits to be taken.
    Kept,
    /// It is the new claim's.
    Given,
    Gone,
    /// By whom, as far as that is known.
    Taken(String),
    /// It was kept of an environment of this class.
    OtherClass(String),
}

/// Who wants a volume back.
#[derive(Clone, Copy, Debug)]
pub struct Taker<'a> {
    pub owner: &'a Owner,
    pub namespace: &'a str,
    pub class: &'a str,
    /// The record that names the volume.
    pub record: &'a str,
    /// UID of the claim that is made for it, if it is.
    pub claim_uid: Option<&'a str>,
}

pub fn standing(claim: &KeptClaim, volume: Option<&PersistentVolume>, taker: Taker<'_>) -> Standing {
    let Some(volume) = volume.filter(|volume| volume.metadata.deletion_timestamp.is_none()) else {
        return Standing::Gone;
    };
    if is_bound_to(volume, taker.claim_uid) {
        return Standing::Given;
    }
    let at = volume.spec.as_ref().and_then(|spec| spec.claim_ref.as_ref());
    let place = |at: &ObjectReference| {
        format!("{}/{}", at.namespace.as_deref().unwrap_or("?"), at.name.as_deref().unwrap_or("?"))
    };
    let mark = |key: &str| volume.annotations().get(key).map(String::as_str);
    // Records lie where teams are; what counts is what stands on the volume.
    let its = taker.owner.owns(volume.labels()) && mark(marks::KEPT_WITH) == Some(taker.record);
    let elsewhere = at.is_some_and(|at| {
        at.namespace.as_deref() != Some(taker.namespace) || at.name.as_ref() != Some(&claim.kept.claim)
    });
    if !its || elsewhere {
        return Standing::Taken(at.map_or_else(|| "somebody who took its marks off".to_owned(), place));
    }
    if policy(volume) == Some(DELETE) {
        return Standing::Gone;
    }
    match mark(marks::KEPT_CLASS) {
        Some(class) if class == taker.class => Standing::Kept,
        class => Standing::OtherClass(class.unwrap_or("?").to_owned()),
    }
}

/// The verdict on a volume that cannot be had.
pub fn refused(claim: &KeptClaim, standing: &Standing, owner: &Owner) -> Option<Verdict> {
    let kept = &claim.kept;
    let what = format!("volume {} of service {}", kept.volume, kept.service);
    let (cause, message) = match standing {
        Standing::Kept | Standing::Given => return None,
        Standing::Gone => (Cause::VolumeLost, format!("{what} is gone, and with it what {} had", kept.claim)),
        Standing::Taken(by) => {
            (Cause::ObjectTaken, format!("{what} was taken by {by}; it was left untouched"))
        }
        Standing::OtherClass(class) => (
            Cause::Protected,
            format!("{what} was kept of an environment of class {class}, and is given back to no other"),
        ),
    };
    Some(verdict(owner, cause, message))
}

/// The verdict on a claim that stands where the kept one is to be; none: it is the one.
pub fn refused_claim(claim: &KeptClaim, live: &PersistentVolumeClaim, owner: &Owner) -> Option<Verdict> {
    let volume = live.spec.as_ref().and_then(|spec| spec.volume_name.as_deref());
    (volume != Some(claim.kept.volume.as_str())).then(|| {
        let message = format!(
            "volume claim {} is there already with another volume ({})",
            claim.kept.claim,
            volume.unwrap_or("none yet")
        );
        verdict(owner, Cause::ObjectTaken, message)
    })
}

/// The verdict on a record that is not there, or whose time is up.
pub fn over(owner: &Owner, until: Option<Timestamp>) -> Verdict {
    let name = &owner.environment;
    let message = match until {
        Some(until) => format!("the volumes of {name} were kept until {until}, and that is over"),
        None => format!("the volumes that were kept of {name} are not there any more"),
    };
    verdict(owner, Cause::VolumeLost, message)
}

/// The verdict on a namespace that is there, with whatever runs in it: it was let go of, not destroyed.
pub fn runs_on(owner: &Owner, namespace: &str) -> Verdict {
    let name = &owner.environment;
    Verdict {
        fix: format!("take it up as it is: outboard env create {name}"),
        ..verdict(
            owner,
            Cause::NamespaceTaken,
            format!(
                "{name} was let go of and not destroyed: its namespace {namespace} is there, with its own data"
            ),
        )
    }
}

/// The verdict on a kept password that is not there.
pub fn no_password(owner: &Owner, secret: &str) -> Verdict {
    let message = format!("the password of its volumes was kept in Secret {secret}, which is gone");
    verdict(owner, Cause::SecretLost, message)
}

fn verdict(owner: &Owner, cause: Cause, message: String) -> Verdict {
    let name = &owner.environment;
    Verdict {
        cause,
        about: format!("environment {name}"),
        message,
        evidence: vec![],
        fix: format!("without its data it is made by: outboard env restore {name} --without-data"),
        terminal: true,
        holds: false,
    }
}

/// Services of the revision that want a volume of which nothing was kept.
pub fn lacking<'a>(revision: &'a EnvironmentRevision, record: &KeptVolumes) -> Vec<&'a str> {
    let has = |service: &str| record.volumes.iter().any(|claim| claim.kept.service == service);
    let wants = |part: &&api::Part| {
        part.objects.iter().any(|object| object.pointer("/spec/volumeClaimTemplates/0").is_some())
    };
    let services = revision.parts_of(Role::Service).filter(wants);
    services.map(|part| part.name.as_str()).filter(|service| !has(service)).collect()
}

/// The verdict on services of which nothing was kept.
pub fn nothing_kept(owner: &Owner, services: &[&str]) -> Verdict {
    verdict(owner, Cause::VolumeLost, format!("no volume was kept of {}", services.join(", ")))
}

/// The claim for a kept volume: for this one alone, so that no provisioner makes another meanwhile.
pub fn claim(claim: &KeptClaim, record: &str) -> Value {
    let mut spec = json!({
        "accessModes": claim.access_modes,
        "resources": {"requests": {"storage": claim.kept.size}},
        "volumeName": claim.kept.volume,
    });
    if let Some(class) = &claim.storage_class {
        spec["storageClassName"] = json!(class);
    }
    if let Some(mode) = &claim.volume_mode {
        spec["volumeMode"] = json!(mode);
    }
    json!({
        "apiVersion": "v1",
        "kind": "PersistentVolumeClaim",
        "metadata": {
            "name": claim.kept.claim,
            "labels": claim.labels,
            "annotations": {(marks::RESTORED_FROM): record},
        },
        "spec": spec,
    })
}

/// The patch that gives a volume to this very claim.
pub fn give(volume: &PersistentVolume, claim: &PersistentVolumeClaim) -> Value {
    json!({
        "metadata": {"resourceVersion": volume.resource_version()},
        "spec": {"claimRef": {
            "apiVersion": "v1",
            "kind": "PersistentVolumeClaim",
            "namespace": claim.namespace(),
            "name": claim.name_any(),
            "uid": claim.uid(),
            // That of the claim that is gone.
            "resourceVersion": null,
        }},
    })
}

/// Whether Kubernetes has put claim and volume together. Before it has, a volume that is not retained could be taken for one
/// whose claim is gone.
pub fn is_complete(claim: &PersistentVolumeClaim, volume: &PersistentVolume) -> bool {
    let bound = |phase: Option<&String>| phase.is_some_and(|phase| phase == "Bound");
    bound(claim.status.as_ref().and_then(|status| status.phase.as_ref()))
        && bound(volume.status.as_ref().and_then(|status| status.phase.as_ref()))
        && is_bound_to(volume, claim.metadata.uid.as_deref())
}

/// Says in a plan what is not made anew.
pub fn say(changes: &mut [ObjectChange], record: &KeptVolumes) {
    for change in changes.iter_mut().filter(|change| change.action == Action::Create) {
        let of = |claim: &&KeptClaim| claim.kept.service == change.part;
        let Some(claim) = record.volumes.iter().find(of) else { continue };
        if change.object.starts_with("StatefulSet ") {
            change.effect = format!("the server with what {} held when it was destroyed", claim.kept.claim);
        } else if change.object == format!("Secret {}", credentials_name(&change.part)) {
            "the password that was kept with it".clone_into(&mut change.effect);
        }
    }
}

/// What else there is to say before it is given back.
pub fn notes(record: &KeptVolumes, restores: Option<i64>) -> Vec<String> {
    let volumes: Vec<String> = record
        .volumes
        .iter()
        .map(|KeptClaim { kept, .. }| format!("{} ({}) of {}", kept.claim, kept.size, kept.service))
        .collect();
    let held = format!("it starts with what was kept when it was destroyed: {}", volumes.join(", "));
    let older = restores.filter(|number| *number != record.revision).map(|number| {
        format!(
            "data is as revision {} left it, everything else as revision {number} had it",
            record.revision
        )
    });
    [held, "no job runs again: what they did to the data is done".to_owned()]
        .into_iter()
        .chain(older)
        .collect()
}
