//! What a service's newest pod says, and what it means that it has ended.

use api::datacopy::{CopiedService, CopyPhase, DataCopySpec, TargetState};
use api::{Cause, Verdict};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;

use super::{Seen, Try, TryState, refusal, task};
use crate::plan::between::word::{Task, Word};

/// Starts in a row that may get nowhere.
pub const IN_VAIN: u32 = 6;

/// Takes over what the newest pod of a service says, and how it ended.
pub fn listen(service: &mut CopiedService, spec: &DataCopySpec, seen: &Seen) {
    if service.phase.is_final() {
        return;
    }
    let newest = newest(service, seen);
    service.tries = newest.map_or(service.tries, |newest| newest.number.max(service.tries));
    let number = service.tries;
    let word = seen.words.get(&service.name).filter(|word| word.r#try == number && number > 0);
    if let Some(word) = word {
        *service = CopiedService {
            name: service.name.clone(),
            store: service.store,
            tries: number,
            tries_in_vain: service.tries_in_vain,
            started: service.started.clone(),
            // Who failed may be started again.
            phase: if word.service.phase.is_final() { service.phase } else { word.service.phase },
            finished: None,
            verdict: None,
            ..word.service.clone()
        };
    }
    let Some(newest) = newest.filter(|newest| newest.number == number) else { return };
    match newest.state {
        TryState::Runs => {
            if word.is_none() {
                service.phase = CopyPhase::Planning;
            }
            service.verdict = seen.troubles.get(&service.name).cloned();
        }
        TryState::Succeeded => {
            if word.is_none() {
                "its pod could not tell what it did".clone_into(&mut service.message);
            }
            service.phase = CopyPhase::Done;
            service.finished = Some(Time(newest.ended.unwrap_or(seen.now)));
            if task(spec) == Task::Copy {
                service.target = TargetState::Copied;
            }
        }
        TryState::Failed => {
            let verdict = word.and_then(|word| word.service.verdict.clone());
            let vain = in_vain(service, word);
            let verdict = match verdict {
                Some(verdict) if verdict.terminal => verdict,
                verdict if vain > IN_VAIN => given_up(service, verdict),
                _ => return,
            };
            service.phase = CopyPhase::Failed;
            service.verdict = Some(verdict);
            service.finished = Some(Time(newest.ended.unwrap_or(seen.now)));
        }
    }
}

pub fn newest<'a>(service: &CopiedService, seen: &'a Seen) -> Option<&'a Try> {
    seen.tries.iter().filter(|one| one.service == service.name).max_by_key(|one| one.number)
}

/// Starts in a row that got nowhere, with the one that has just failed.
pub fn in_vain(service: &CopiedService, word: Option<&Word>) -> u32 {
    if word.is_some_and(|word| word.progressed) { 0 } else { service.tries_in_vain + 1 }
}

fn given_up(service: &CopiedService, verdict: Option<Verdict>) -> Verdict {
    let verdict = verdict.unwrap_or_else(|| {
        refusal(
            Cause::CopyFailed,
            format!("service {}", service.name),
            format!(
                "its pod ended {} times in a row without getting anywhere, and did not say why",
                IN_VAIN + 1
            ),
            "see whether its node has memory left and lets it run; copy again: it goes on".to_owned(),
        )
    });
    Verdict { terminal: true, holds: false, ..verdict }
}
