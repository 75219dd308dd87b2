//! Keeps what writes to a copy's target still for as long as the copy needs it: by an overlay of the environment, which
//! ends by itself when nobody moves it on.

use std::time::Duration;

use api::{DataCopy, Environment, Held, Overlay, OverlayPatch, condition, marks};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
use k8s_openapi::jiff::Timestamp;
use kube::api::{Api, Patch, PatchParams};
use kube::{Resource, ResourceExt};
use serde_json::json;

use crate::context::{Context, Stop};
use crate::gather::Ends;
use crate::plan::between::next::Quiet;

/// So long it lasts, should nobody move it on: longer than an operator is away when it is replaced.
const LASTS: Duration = Duration::from_secs(15 * 60);
/// And is moved on when less is left.
const LEFT: Duration = Duration::from_secs(10 * 60);

fn by(copy: &DataCopy) -> String {
    format!("datacopy/{}", copy.name_any())
}

/// Who applies the overlay: a manager of its own, so that letting go takes nobody else's away.
fn manager(copy: &DataCopy) -> String {
    format!("{}.{}", marks::MANAGER_DATA, copy.name_any())
}

fn standing<'a>(copy: &DataCopy, target: &'a Environment) -> Option<&'a Overlay> {
    let by = by(copy);
    target.spec.overlays.iter().find(|overlay| overlay.by == by)
}

/// How quiet the target is.
pub fn quiet(copy: &DataCopy, ends: &Ends) -> Quiet {
    let Some(target) = &ends.to else { return Quiet::Unasked };
    let Some(overlay) = standing(copy, target) else { return Quiet::Unasked };
    let name = target.name_any();
    let status = target.status.clone().unwrap_or_default();
    let held = condition::find(&status.conditions, condition::HELD);
    match held {
        // Of this very overlay, not of an earlier one.
        Some(held) if Some(held.observed_generation) == target.metadata.generation => match held.is_true() {
            true if overlay.until.0 > Timestamp::now() => Quiet::Still,
            _ => Quiet::Waits { on: held.message.clone() },
        },
        _ => Quiet::Waits { on: format!("what runs in {name} is being stopped") },
    }
}

/// Asks for it, or goes on asking.
pub async fn hold(copy: &DataCopy, ends: &Ends, context: &Context) -> Result<(), Stop> {
    let Some(target) = &ends.to else { return Ok(()) };
    let now = Timestamp::now();
    let lasts = now.checked_add(LEFT).is_ok_and(|least| {
        standing(copy, target).is_some_and(|overlay| {
            overlay.until.0 > least && overlay.patch.hold == Held::WRITERS && is_ours(copy, target)
        })
    });
    if lasts {
        return Ok(());
    }
    let until = now.checked_add(LASTS).unwrap_or(Timestamp::MAX);
    // Kubernetes writes whole seconds.
    let until = Timestamp::from_second(until.as_second()).unwrap_or(until);
    let overlay = Overlay {
        by: by(copy),
        until: Time(until),
        reason: Some(format!("data of {} is copied here", copy.spec.from.environment)),
        patch: OverlayPatch { hold: Held::WRITERS.to_vec() },
    };
    apply(copy, target, &[overlay], context).await
}

/// What an interrupted command asked for in our place would stay when we let go.
fn is_ours(copy: &DataCopy, target: &Environment) -> bool {
    let manager = manager(copy);
    target.managed_fields().iter().any(|entry| entry.manager.as_ref() == Some(&manager))
}

/// It may write again. What is not there any more needs nothing.
pub async fn let_write(copy: &DataCopy, context: &Context) -> Result<(), Stop> {
    let control = copy.namespace().unwrap_or_default();
    let environments = Api::<Environment>::namespaced(context.client.clone(), &control);
    match environments.get_opt(&copy.spec.to.environment).await? {
        Some(target) if standing(copy, &target).is_some() => apply(copy, &target, &[], context).await,
        _ => Ok(()),
    }
}

async fn apply(
    copy: &DataCopy,
    target: &Environment,
    overlays: &[Overlay],
    context: &Context,
) -> Result<(), Stop> {
    let api = Api::<Environment>::namespaced(context.client.clone(), &target.namespace().unwrap_or_default());
    let object = json!({
        "apiVersion": Environment::api_version(&()),
        "kind": Environment::kind(&()),
        "metadata": {"name": target.name_any(), "uid": target.uid()},
        "spec": {"overlays": overlays},
    });
    let params = PatchParams::apply(&manager(copy)).force();
    api.patch(&target.name_any(), &params, &Patch::Apply(&object)).await?;
    Ok(())
}
