//! What has to be over, or there, before a copy begins: other copies that it would meet, and services that are not ready.

use std::collections::BTreeMap;

use api::datacopy::DataCopySpec;
use api::environment::{PartState, Role};
use api::{Cause, DataCopy, Verdict};
use kube::ResourceExt;

use super::{Ask, Pair};
use crate::plan::between::verdict::waits;

/// Those that a copy waits for where it meets them: what has begun, and of what waits what comes first. Who asked for many copies into
/// one environment waits there behind others with each but the first. `all`: of its namespace.
pub fn ahead(copy: &DataCopy, all: Vec<DataCopy>) -> Vec<DataCopy> {
    let name = copy.name_any();
    let ended = |other: &DataCopy| other.status.as_ref().is_some_and(|status| status.phase.is_final());
    let counts = all.into_iter().filter(|other| !ended(other) && !other.spec.dry_run && !other.spec.scan);
    let (begun, mut waiting): (Vec<DataCopy>, Vec<DataCopy>) = counts.partition(has_begun);
    waiting.sort_by_key(|other| {
        (other.metadata.creation_timestamp.as_ref().map(|time| time.0), other.name_any())
    });
    let mut asked = BTreeMap::<(String, String), usize>::new();
    let mut waiting: Vec<(usize, DataCopy)> = waiting
        .into_iter()
        .map(|other| {
            // Of whom nobody is told who they are, nobody knows that they are one.
            let Some(who) = other.spec.requested_by.clone() else { return (1, other) };
            let count = asked.entry((who, other.spec.to.environment.clone())).or_default();
            *count += 1;
            (*count, other)
        })
        .collect();
    // The older first among equals, as they are.
    waiting.sort_by_key(|(count, _)| *count);
    let waiting = waiting.into_iter().map(|(_, other)| other).take_while(|other| other.name_any() != name);
    begun.into_iter().filter(|other| other.name_any() != name).chain(waiting).collect()
}

/// It is written down which services it is about.
fn has_begun(copy: &DataCopy) -> bool {
    copy.status.as_ref().is_some_and(|status| !status.services.is_empty())
}

/// A backup that cannot begin, for another reason than a copy. It sees what has begun before it does.
fn stands_still(other: &DataCopy) -> bool {
    let verdict = other.status.as_ref().and_then(|status| status.verdict.as_ref());
    other.spec.backup
        && !has_begun(other)
        && verdict.is_some_and(|verdict| verdict.cause != Cause::CopyUnderWay)
}

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
            && (ask.spec.backup || !stands_still(other))
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

#[cfg(test)]
mod tests;
