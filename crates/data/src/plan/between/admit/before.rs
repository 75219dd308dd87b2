//! What has to be over, or there, before a copy begins: other copies that it would meet, and services that are not ready.

use api::datacopy::DataCopySpec;
use api::environment::{PartState, Role};
use api::{Cause, DataCopy, Verdict};
use kube::ResourceExt;

use super::{Ask, Pair};
use crate::plan::between::verdict::waits;

/// Data comes from one place at a time, and does not leave while it comes.
pub fn others(ask: &Ask<'_>) -> Option<Verdict> {
    if ask.spec.dry_run || ask.spec.scan {
        return None;
    }
    let meets = |other: &&DataCopy| {
        let (from, to) = (reads(ask.spec), writes(ask.spec));
        let (theirs, into) = (reads(&other.spec), writes(&other.spec));
        let same = |one: &Option<&str>, other: &Option<&str>| one.is_some() && one == other;
        // Of two backups of one environment the second waits: each is the load of the whole.
        let twice = ask.spec.backup && other.spec.backup && same(&from, &theirs);
        !other.spec.dry_run
            && !other.spec.scan
            && (same(&into, &to) || same(&into, &from) || same(&theirs, &to) || twice)
    };
    let other = ask.before.iter().find(meets)?;
    let name = other.name_any();
    Some(waits(
        Cause::CopyUnderWay,
        format!("copy {name}"),
        format!(
            "copy {name} from {} to {} has not ended",
            other.spec.from.environment, other.spec.to.environment
        ),
        format!("this one begins once it has; outboard data cancel {name} ends it"),
    ))
}

/// The environment that data comes out of.
fn reads(spec: &DataCopySpec) -> Option<&str> {
    spec.from.backup.is_none().then_some(spec.from.environment.as_str())
}

/// The one that it comes into.
fn writes(spec: &DataCopySpec) -> Option<&str> {
    (!spec.backup).then_some(spec.to.environment.as_str())
}

pub fn readiness(ask: &Ask<'_>, pairs: &[Pair]) -> Option<Verdict> {
    let sides = match (ask.spec.scan || ask.spec.backup, ask.spec.from.backup.is_some()) {
        (true, _) => vec![&ask.from],
        (false, true) => vec![&ask.to],
        (false, false) => vec![&ask.from, &ask.to],
    };
    for side in sides {
        let parts = side
            .environment
            .and_then(|found| found.status.as_ref())
            .map(|status| status.parts.as_slice())
            .unwrap_or_default();
        for pair in pairs {
            let ready = |part: &api::environment::PartStatus| {
                part.role == Role::Service && part.name == pair.service && part.state == PartState::Ready
            };
            if !parts.iter().any(ready) {
                return Some(waits(
                    Cause::ServiceNotReady,
                    format!("environment {}", side.name),
                    format!("service {} of {} is not ready", pair.service, side.name),
                    format!("outboard env show {} says what it waits for", side.name),
                ));
            }
        }
    }
    None
}
