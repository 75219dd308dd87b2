//! Carries a hold out: what is held runs nothing, and comes back once nobody holds it. Replicas only, through `/scale`;
//! neither way is drift.

use std::collections::BTreeMap;

use api::marks;
use api::revision::Part;
use api::{PartState, Role};
use apply::kinds::Kind;
use apply::{Seen, writer};
use k8s_openapi::api::core::v1::Pod;
use kube::api::{Api, DynamicObject, ListParams};
use kube::{Client, ResourceExt};

use crate::context::Context;
use crate::error::Error;
use crate::plan::readiness::Progress;
use crate::rollout::Target;

/// Pods that have not ended, by part.
pub type Running = BTreeMap<String, usize>;

/// Which parts have pods that have not ended, those that are being asked to end included: they may still write.
pub async fn running(client: &Client, namespace: &str) -> Result<Running, Error> {
    let pods = Api::<Pod>::namespaced(client.clone(), namespace);
    let mut running = Running::new();
    for pod in pods.list(&ListParams::default().labels(marks::PART)).await? {
        let phase = pod.status.as_ref().and_then(|status| status.phase.as_deref());
        if let (Some(part), false) =
            (pod.labels().get(marks::PART), matches!(phase, Some("Succeeded" | "Failed")))
        {
            *running.entry(part.clone()).or_default() += 1;
        }
    }
    Ok(running)
}

/// How many pods run of what is held, and of what the revision does not have any more.
pub fn left(target: &Target<'_>, running: &Running) -> usize {
    let Some(hold) = target.hold else { return 0 };
    let goes_on = |name: &String| {
        let mut parts = target.stored.revision.parts.iter().filter(|part| part.name == *name).peekable();
        parts.peek().is_some() && parts.all(|part| !hold.holds(part.role))
    };
    running.iter().filter(|(name, _)| !goes_on(name)).map(|(_, count)| count).sum()
}

/// How far a part has come that is held, or that only what is held would let come further; none: as ever.
pub fn progress(target: &Target<'_>, part: &Part, running: &Running) -> Option<Progress> {
    let hold = target.hold?;
    if hold.holds(part.role) {
        return Some(hold.progress(part.role, running.get(&part.name).copied().unwrap_or(0)));
    }
    // Nobody answers behind it.
    (part.role == Role::Route && hold.holds(Role::Component))
        .then(|| Progress::new(PartState::Waiting, "waits for components"))
}

/// Whether a job that is held is not begun.
pub fn is_put_off(target: &Target<'_>, part: &Part) -> bool {
    let begun = || {
        let jobs = part.objects.iter().filter(|object| object["kind"] == Kind::Job.name());
        jobs.filter_map(|job| job["metadata"]["name"].as_str())
            .any(|name| target.view.get(Kind::Job, name).is_some())
    };
    part.role.completes() && target.hold.is_some_and(|hold| hold.holds(part.role)) && !begun()
}

/// What a hold, or its end, asks of replicas now.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Turn {
    To(u32),
    /// It has been done; what was seen is older.
    Done,
}

/// Of a component's replicas; none: as ever.
pub async fn turn(
    target: &Target<'_>,
    part: &Part,
    seen: Option<&Seen>,
    context: &Context,
) -> Result<Option<Turn>, Error> {
    let Some(seen) = seen.filter(|seen| seen.kind.scales() && part.role == Role::Component) else {
        return Ok(None);
    };
    if target.hold.is_some_and(|hold| hold.holds(part.role)) {
        return Ok((seen.replicas != Some(0)).then_some(Turn::To(0)));
    }
    let Some(wanted) = part.replicas.filter(|wanted| *wanted > 0 && seen.replicas == Some(0)) else {
        return Ok(None);
    };
    // Who set it to nothing Kubernetes does not say. While it was held, we did; otherwise it is drift.
    let live = context.writer.get(seen.kind, target.namespace, &seen.name).await?;
    Ok(match live.as_ref().and_then(writer::replicas) {
        Some(0) => target.was_held.then_some(Turn::To(wanted)),
        Some(replicas) => (replicas == wanted).then_some(Turn::Done),
        None => None,
    })
}

/// Whether the last to write a field of the spec were we.
pub fn we_wrote(live: &DynamicObject, field: &str) -> bool {
    live.metadata.managed_fields.iter().flatten().any(|entry| {
        entry.manager.as_deref() == Some(marks::MANAGER)
            && entry
                .fields_v1
                .as_ref()
                .is_some_and(|fields| fields.0.pointer(&format!("/f:spec/{field}")).is_some())
    })
}

/// Holds what no stage has come to yet, and what the revision does not have any more. Whether anything was written.
pub async fn hold_still(
    target: &Target<'_>,
    part: Option<&Part>,
    superfluous: &[&Seen],
    context: &Context,
) -> Result<bool, Error> {
    let Some(hold) = target.hold.filter(|hold| hold.holds(Role::Component) && !target.frozen) else {
        return Ok(false);
    };
    let objects = part.filter(|part| hold.holds(part.role)).into_iter().flat_map(|part| &part.objects);
    let of_part = objects.filter_map(|object| {
        let kind = Kind::ALL.into_iter().find(|kind| object["kind"] == kind.name())?;
        target.view.get(kind, object["metadata"]["name"].as_str()?)
    });
    let mut wrote = false;
    for seen in of_part.chain(superfluous.iter().copied()).filter(|seen| seen.kind.scales()) {
        if seen.replicas != Some(0) {
            context.writer.scale(seen.kind, target.namespace, &seen.name, 0).await?;
            wrote = true;
        }
    }
    Ok(wrote)
}
