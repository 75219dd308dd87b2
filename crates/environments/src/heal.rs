//! Keeps one object as the revision has it: makes it, puts back what others did to it, or only tells of that where
//! healing is not wanted now.

use std::sync::LazyLock;

use api::Drift;
use api::marks;
use api::plan::FieldChange;
use api::revision::Part;
use apply::drift::Found;
use apply::kinds::Kind;
use apply::{Ensured, Seen, writer};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
use k8s_openapi::jiff::Timestamp;
use kube::ResourceExt;
use kube::core::DynamicObject;
use tracing::info;

use crate::context::Context;
use crate::error::Error;
use crate::evidence;
use crate::hold::{self, Turn};
use crate::plan::decide;
use crate::rollout::Target;

/// An object after it was kept.
#[derive(Default)]
pub struct Kept {
    /// As it is now; none: it is not there.
    pub seen: Option<Seen>,
    pub drift: Vec<Drift>,
    pub wrote: bool,
    /// When it is healed, if not now.
    pub heal_at: Option<Timestamp>,
}

/// An object that is changed again and again: namespace, kind and name.
pub type Place = (String, Kind, String);

/// Where a pod template tells which content of secrets it was made for.
static STAMP: LazyLock<String> =
    LazyLock::new(|| format!("/spec/template/metadata/annotations/{}", marks::SECRETS.replace('/', "~1")));

pub async fn ensure(
    target: &Target<'_>,
    part: &Part,
    kind: Kind,
    desired: &DynamicObject,
    context: &Context,
) -> Result<Kept, Error> {
    let Target { namespace, view, .. } = *target;
    let name = desired.name_any();
    let seen = view.get(kind, &name);
    let runs = kind.scales() || kind == Kind::CronJob;
    let held = runs && target.hold.is_some_and(|hold| hold.holds(part.role));
    if let Some(seen) = seen.filter(|_| held && target.frozen) {
        // Nothing is held during a freeze, and what was held before stands as it is to.
        return Ok(Kept { seen: Some(seen.clone()), ..Kept::default() });
    }
    // Whatever an autoscaler sets is as it should be; but at 0 Kubernetes' own does nothing any more.
    let own = decide::scales_itself(part, kind);
    let off = own && seen.is_some_and(|seen| seen.replicas == Some(0));
    let scaled_by_others = (own || view.is_autoscaled(kind, &name)) && !off;
    let turn = hold::turn(target, part, seen, context).await?.filter(|_| !target.frozen);
    let replicas = part.replicas.filter(|_| kind.scales() && !scaled_by_others && !held && turn.is_none());
    if let (Some(Turn::To(count)), Some(seen)) = (turn, seen) {
        context.writer.scale(kind, namespace, &seen.name, count).await?;
    }
    let kept = keep(target, part, kind, desired, replicas, context).await?;
    Ok(Kept { wrote: kept.wrote || matches!(turn, Some(Turn::To(_))), ..kept })
}

/// Keeps it with so many replicas; none: their number is not ours to say.
async fn keep(
    target: &Target<'_>,
    part: &Part,
    kind: Kind,
    desired: &DynamicObject,
    replicas: Option<u32>,
    context: &Context,
) -> Result<Kept, Error> {
    let Target { owner, namespace, settled, hands_off, view, now, .. } = *target;
    let name = desired.name_any();
    let seen = view.get(kind, &name);
    if hands_off && !outdated(target, kind, desired, context).await? {
        // Not made yet: what stands there is an earlier revision's, and says nothing about this one.
        if !settled && seen.is_none_or(|seen| context.writer.differs(namespace, desired, seen)) {
            return Ok(Kept::default());
        }
        return look(target, kind, desired, replicas, None, context).await;
    }
    let place = (namespace.to_owned(), kind, name);
    let until = context.healed.until(&place, now);
    if until.is_some() && settled {
        return look(target, kind, desired, replicas, until, context).await;
    }
    let mut kept = Kept::default();
    let held = target.hold.is_some_and(|hold| hold.holds(part.role));
    let first = if held { part.replicas.map(|_| 0) } else { part.replicas };
    let seen = match context.writer.ensure(owner, namespace, desired, seen, first).await? {
        Ensured::Unchanged(seen) => seen,
        Ensured::Created(seen) => {
            kept.wrote = true;
            if settled {
                kept.drift.push(told(target, &seen, true, Found::default()));
            }
            seen
        }
        Ensured::Applied { seen, undone } => {
            kept.wrote = true;
            if settled && !undone.is_empty() {
                let by = undone.by.join(", ");
                info!(%namespace, %by, "took back {} {} from {by}", kind.name(), seen.name);
                kept.drift.push(told(target, &seen, false, undone));
            }
            seen
        }
    };
    if let Some(wanted) = replicas.filter(|wanted| seen.replicas != Some(*wanted)) {
        kept.wrote = true;
        if settled {
            let found = scaled(&seen, wanted, namespace, context).await?;
            kept.drift.push(told(target, &seen, false, found));
        }
        context.writer.scale(kind, namespace, &seen.name, wanted).await?;
    }
    if !kept.drift.is_empty() {
        context.healed.count(place, now);
    }
    kept.seen = Some(seen);
    Ok(kept)
}

/// Whether pods run with values that others have changed since, or a schedule is not as a hold, or its end, asks for: to
/// follow is no healing. One request, and only for an object that differs.
async fn outdated(
    target: &Target<'_>,
    kind: Kind,
    desired: &DynamicObject,
    context: &Context,
) -> Result<bool, Error> {
    let stamp = |object: &DynamicObject| object.data.pointer(&STAMP).cloned();
    let Some(seen) = target.view.get(kind, &desired.name_any()).filter(|_| !target.frozen) else {
        return Ok(false);
    };
    let follows = stamp(desired).is_some() || kind == Kind::CronJob;
    if !follows || !context.writer.differs(target.namespace, desired, seen) {
        return Ok(false);
    }
    let Some(live) = context.writer.get(kind, target.namespace, &seen.name).await? else { return Ok(false) };
    if kind != Kind::CronJob {
        return Ok(stamp(&live) != stamp(desired));
    }
    let suspended = |object: &DynamicObject| object.data.pointer("/spec/suspend") == Some(&true.into());
    // What somebody else suspended is drift, and not ours to end where drift is only told.
    Ok(match (suspended(desired), suspended(&live)) {
        (true, false) => true,
        (false, true) => hold::we_wrote(&live, "f:suspend"),
        _ => false,
    })
}

/// Tells of what others did to an object without touching it. `heal_at`: when it will be.
async fn look(
    target: &Target<'_>,
    kind: Kind,
    desired: &DynamicObject,
    replicas: Option<u32>,
    heal_at: Option<Timestamp>,
    context: &Context,
) -> Result<Kept, Error> {
    let Target { namespace, view, .. } = *target;
    let standing = |object: &str, deleted: bool, found: Found| Drift {
        heals_at: heal_at.map(Time),
        ..drift(target, object, deleted, found, false)
    };
    let Some(seen) = view.get(kind, &desired.name_any()) else {
        let gone = standing(&words(kind, &desired.name_any()), true, Found::default());
        return Ok(Kept { drift: vec![gone], heal_at, ..Kept::default() });
    };
    let mut found = context.writer.drift(namespace, desired, seen).await?;
    if let Some(wanted) = replicas.filter(|wanted| seen.replicas != Some(*wanted)) {
        let scaled = scaled(seen, wanted, namespace, context).await?;
        found.fields.extend(scaled.fields);
        found.by.extend(scaled.by);
    }
    if found.is_empty() {
        return Ok(Kept { seen: Some(seen.clone()), ..Kept::default() });
    }
    let drift = vec![standing(&words(kind, &seen.name), false, found)];
    Ok(Kept { seen: Some(seen.clone()), drift, wrote: false, heal_at })
}

/// Replicas that somebody else set, and who.
async fn scaled(seen: &Seen, wanted: u32, namespace: &str, context: &Context) -> Result<Found, Error> {
    let live = context.writer.get(seen.kind, namespace, &seen.name).await?;
    let entries = live.iter().flat_map(|live| live.metadata.managed_fields.iter().flatten());
    let by = entries
        .filter(|entry| {
            let fields = entry.fields_v1.as_ref();
            fields.is_some_and(|fields| fields.0.pointer("/f:spec/f:replicas").is_some())
        })
        .filter_map(|entry| entry.manager.clone())
        .filter(|manager| manager != api::marks::MANAGER);
    let now = live.as_ref().map_or(seen.replicas, writer::replicas);
    Ok(Found {
        by: by.collect(),
        fields: vec![FieldChange {
            path: "spec.replicas".to_owned(),
            from: Some(wanted.to_string()),
            to: now.map(|count| count.to_string()),
        }],
    })
}

/// What was put back.
fn told(target: &Target<'_>, seen: &Seen, deleted: bool, found: Found) -> Drift {
    drift(target, &words(seen.kind, &seen.name), deleted, found, true)
}

fn drift(target: &Target<'_>, object: &str, deleted: bool, found: Found, reverted: bool) -> Drift {
    Drift {
        object: object.to_owned(),
        deleted,
        by: found.by,
        fields: found.fields.into_iter().map(|field| told_of(field, target.hidden)).collect(),
        reverted,
        heals_at: None,
        at: Time(target.now),
    }
}

/// A field as people may read it. Whoever writes a variable that had no plain value before may have written a secret.
fn told_of(field: FieldChange, hidden: &[String]) -> FieldChange {
    let masked = |text: Option<String>| text.map(|text| evidence::masked(&text, hidden));
    let variable = field.path.contains(".env[") && field.path.ends_with(".value") && field.from.is_none();
    FieldChange {
        from: masked(field.from),
        to: if variable { Some("•••".to_owned()) } else { masked(field.to) },
        path: field.path,
    }
}

fn words(kind: Kind, name: &str) -> String {
    format!("{} {name}", kind.name())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_password_that_somebody_wrote_into_a_variable_is_not_told() {
        let field = |path: &str, from: Option<&str>, to: &str| FieldChange {
            path: path.into(),
            from: from.map(str::to_owned),
            to: Some(to.into()),
        };
        let hidden = ["s3cr3t".to_owned()];
        let value = field("spec.template.spec.containers[web].env[PASSWORD].value", None, "something");
        assert_eq!(told_of(value, &hidden).to.as_deref(), Some("•••"));
        let args = field("spec.template.spec.containers[web].args", Some("[]"), "[--password=s3cr3t]");
        assert_eq!(told_of(args, &hidden).to.as_deref(), Some("[--password=•••]"));
        let plain = field("spec.template.spec.containers[web].env[A].value", Some("1"), "2");
        assert_eq!(told_of(plain, &hidden).to.as_deref(), Some("2"));
    }
}
