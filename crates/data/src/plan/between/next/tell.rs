//! What the status says of the whole: phase, sums, conditions, and how it ended.

use api::datacopy::{CopiedService, CopyPhase, DataCopyStatus, TargetState};
use api::{Condition, ConditionStatus, condition};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;

use super::{Quiet, Seen};

pub fn outcome(status: &DataCopyStatus) -> CopyPhase {
    let any = |phase| status.services.iter().any(|service| service.phase == phase);
    match (any(CopyPhase::Failed), any(CopyPhase::Cancelled)) {
        (true, _) => CopyPhase::Failed,
        (false, true) => CopyPhase::Cancelled,
        (false, false) => CopyPhase::Done,
    }
}

pub fn finish(status: &mut DataCopyStatus, seen: &Seen, phase: CopyPhase) {
    status.phase = phase;
    status.namespace = None;
    status.finished = Some(Time(seen.now));
    // A backup that is whole says where it lies for as long as it lies there.
    let stays = phase == CopyPhase::Done && seen.backup;
    status.kept_until = seen.now.checked_add(seen.retention).ok().map(Time).filter(|_| !stays);
    let (holds, reason) = match phase {
        CopyPhase::Done => (ConditionStatus::True, "Done"),
        CopyPhase::Cancelled => (ConditionStatus::False, "Cancelled"),
        _ => (ConditionStatus::False, "Failed"),
    };
    let message = status.verdict.as_ref().map(|verdict| verdict.message.clone()).unwrap_or_default();
    say(status, seen, (condition::COMPLETE, holds, reason, &message));
    for service in &status.services {
        let left = match service.target {
            TargetState::Incomplete => {
                format!(
                    "{} of the target holds part of the copy: copy again, and it goes on where it was",
                    service.name
                )
            }
            TargetState::Emptied => {
                format!("{} of the target is empty: what was copied was dropped", service.name)
            }
            TargetState::Untouched | TargetState::Copied => continue,
        };
        if !status.notes.contains(&left) {
            status.notes.push(left);
        }
    }
}

/// What the services say together.
pub fn sum_up(status: &mut DataCopyStatus, seen: &Seen) {
    let services = &status.services;
    if let Some(least) = services.iter().map(|service| service.phase).filter(|phase| !phase.is_final()).min()
    {
        status.phase = least;
    } else if !status.phase.is_final() {
        status.phase = CopyPhase::Finishing;
    }
    status.rows = services.iter().map(|service| service.rows).sum();
    status.rows_total = services.iter().map(|service| service.rows_total).sum();
    status.target = together(services);
    status.verdict = services.iter().find_map(|service| service.verdict.clone());
    if let Some(verdict) = status.verdict.clone().filter(|_| status.phase == CopyPhase::Failed) {
        say(status, seen, (condition::COMPLETE, ConditionStatus::False, "Failed", &verdict.message));
    }
    let (holds, reason, message) = match &seen.quiet {
        Quiet::Unasked => return,
        Quiet::Waits { on } => (ConditionStatus::False, "Waits", on.as_str()),
        Quiet::Still => (ConditionStatus::True, "Still", "nothing writes to the target but the copy"),
    };
    if !status.phase.is_final() {
        say(status, seen, (condition::QUIESCED, holds, reason, message));
    }
}

fn together(services: &[CopiedService]) -> TargetState {
    let any = |state| services.iter().any(|service| service.target == state);
    let all = |state| !services.is_empty() && services.iter().all(|service| service.target == state);
    if all(TargetState::Copied) {
        TargetState::Copied
    } else if any(TargetState::Incomplete) || any(TargetState::Copied) {
        TargetState::Incomplete
    } else if any(TargetState::Emptied) {
        TargetState::Emptied
    } else {
        TargetState::Untouched
    }
}

pub fn say(
    status: &mut DataCopyStatus,
    seen: &Seen,
    (r#type, holds, reason, message): (&str, ConditionStatus, &str, &str),
) {
    let next = Condition {
        r#type: r#type.to_owned(),
        status: holds,
        reason: reason.to_owned(),
        message: message.to_owned(),
        observed_generation: seen.generation,
        last_transition_time: Time(seen.now),
    };
    condition::set(&mut status.conditions, next);
}
