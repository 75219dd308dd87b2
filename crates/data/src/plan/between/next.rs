//! What a copy does next: from what was asked, what was said last and what is seen now, to what is said now and what is
//! done. Knows nothing of how it came here: killed anywhere, the next look goes on.

mod listen;
mod tell;

use std::collections::BTreeMap;
use std::time::Duration;

use api::datacopy::{CopiedService, CopyPhase, CopyStore, DataCopySpec, DataCopyStatus, TargetState};
use api::{Cause, ConditionStatus, Verdict, condition};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
use k8s_openapi::jiff::Timestamp;

use super::admit::{Admitted, Pair};
use super::render::limits_text;
use super::verdict::refusal;
use super::word::{Task, Word};
use listen::{in_vain, listen, newest};
use tell::{finish, outcome, say, sum_up};

/// How soon to look again at what a watch reports, should an event have been missed.
const WATCHED: Duration = Duration::from_secs(5);
/// At what no watch reports.
const POLL: Duration = Duration::from_secs(1);
/// At what waits for something outside.
const WAITS: Duration = Duration::from_secs(3);

/// The namespace of a copy.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Ground {
    Absent,
    Ours,
    Going,
    Taken { by: String },
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TryState {
    Runs,
    Succeeded,
    Failed,
}

/// One start of a service: a Job.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Try {
    pub service: String,
    pub number: u32,
    pub state: TryState,
    /// It is being deleted.
    pub going: bool,
    pub ended: Option<Timestamp>,
}

/// How quiet the target is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Quiet {
    /// Nobody has been asked to be.
    Unasked,
    /// What still writes, for people.
    Waits {
        on: String,
    },
    Still,
}

/// Everything that decides.
#[derive(Debug)]
pub struct Seen {
    pub now: Timestamp,
    pub generation: i64,
    pub ground: Ground,
    pub tries: Vec<Try>,
    /// Pods that may still be at work.
    pub pods: usize,
    /// Why a pod cannot start, by service.
    pub troubles: BTreeMap<String, Verdict>,
    pub words: BTreeMap<String, Word>,
    /// The limits that each service's pods follow; a service that has any has all that its pods need.
    pub limits: BTreeMap<String, String>,
    /// Whether it may be made; asked only as long as it has not begun.
    pub admitted: Option<Result<Admitted, Verdict>>,
    /// Why there is nothing to copy from or to any more.
    pub lost: Option<Verdict>,
    pub quiet: Quiet,
    /// How long it is kept once it has ended.
    pub retention: Duration,
    /// It makes a backup.
    pub backup: bool,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Act {
    Claim,
    /// Everything that pods of the service need, but a Job.
    Furnish {
        service: String,
    },
    Limit {
        service: String,
        store: CopyStore,
    },
    Quiesce,
    Start {
        service: String,
        number: u32,
    },
    Stop {
        service: String,
        number: u32,
    },
    /// What was quiesced may write again.
    LetWrite,
    /// The namespace goes, with everything in it.
    Clear,
}

impl Act {
    /// The service that it is about.
    pub fn service(&self) -> Option<&str> {
        match self {
            Self::Furnish { service }
            | Self::Limit { service, .. }
            | Self::Start { service, .. }
            | Self::Stop { service, .. } => Some(service),
            Self::Claim | Self::Quiesce | Self::LetWrite | Self::Clear => None,
        }
    }
}

#[derive(Debug)]
pub struct Next {
    pub status: DataCopyStatus,
    pub acts: Vec<Act>,
    pub again: Duration,
}

pub fn task(spec: &DataCopySpec) -> Task {
    match (spec.scan, spec.dry_run) {
        _ if spec.backup => Task::Backup,
        (true, _) => Task::Scan,
        (false, true) => Task::Plan,
        (false, false) => Task::Copy,
    }
}

/// What could not be done for a service: a no ends it, anything else is waited for.
pub fn refuse(status: &mut DataCopyStatus, of: Option<&str>, verdict: &Verdict, now: Timestamp) {
    for service in &mut status.services {
        if !service.phase.is_final() && of.is_none_or(|of| of == service.name) {
            service.verdict = Some(verdict.clone());
            if verdict.terminal {
                service.phase = CopyPhase::Failed;
                service.finished = Some(Time(now));
            }
        }
    }
    status.verdict = Some(verdict.clone());
}

pub fn next(spec: &DataCopySpec, current: &DataCopyStatus, seen: &Seen) -> Next {
    let mut status = DataCopyStatus { observed_generation: seen.generation, ..current.clone() };
    if status.services.is_empty() {
        return begin(spec, status, seen);
    }
    for service in &mut status.services {
        listen(service, spec, seen);
    }
    if let Some(verdict) = &seen.lost {
        end(&mut status, spec, CopyPhase::Failed, Some(verdict));
    } else if spec.cancelled {
        end(&mut status, spec, CopyPhase::Cancelled, None);
    }
    let mut next = if status.services.iter().all(|service| service.phase.is_final()) {
        wind_down(status, seen)
    } else {
        go_on(spec, status, seen)
    };
    sum_up(&mut next.status, seen);
    next
}

/// Nothing has been made yet.
fn begin(spec: &DataCopySpec, mut status: DataCopyStatus, seen: &Seen) -> Next {
    let (phase, verdict) = match (&seen.lost, &seen.admitted) {
        _ if spec.cancelled => (CopyPhase::Cancelled, None),
        (Some(verdict), _) => (CopyPhase::Failed, Some(verdict.clone())),
        (None, Some(Err(verdict))) if verdict.terminal => (CopyPhase::Failed, Some(verdict.clone())),
        (None, Some(Err(verdict))) => {
            status.verdict = Some(verdict.clone());
            say(&mut status, seen, (condition::ACCEPTED, ConditionStatus::False, "Waits", &verdict.message));
            return Next { status, acts: vec![], again: WAITS };
        }
        (None, None) => return Next { status, acts: vec![], again: WAITS },
        (None, Some(Ok(admitted))) => {
            status.services = admitted.pairs.iter().map(named).collect();
            status.notes.clone_from(&admitted.notes);
            status.backup.clone_from(&admitted.backup);
            status.started = Some(Time(seen.now));
            status.verdict = None;
            say(
                &mut status,
                seen,
                (condition::ACCEPTED, ConditionStatus::True, "Admitted", "it may be made"),
            );
            sum_up(&mut status, seen);
            // First it is written down which services it is about.
            return Next { status, acts: vec![], again: Duration::ZERO };
        }
    };
    if let Some(verdict) = &verdict {
        say(&mut status, seen, (condition::ACCEPTED, ConditionStatus::False, "Refused", &verdict.message));
    }
    status.verdict = verdict;
    finish(&mut status, seen, phase);
    Next { status, acts: vec![], again: seen.retention }
}

fn named(pair: &Pair) -> CopiedService {
    CopiedService { name: pair.service.clone(), store: pair.store, ..CopiedService::default() }
}

/// All that has not ended ends so.
fn end(status: &mut DataCopyStatus, spec: &DataCopySpec, phase: CopyPhase, verdict: Option<&Verdict>) {
    for service in status.services.iter_mut().filter(|service| !service.phase.is_final()) {
        service.phase = phase;
        service.verdict = verdict.cloned();
        (service.bytes_per_second, service.eta_seconds, service.held) = (0, None, false);
        // Its pod may have begun without having said so yet.
        if service.tries > 0 && service.target == TargetState::Untouched && task(spec) == Task::Copy {
            service.target = TargetState::Incomplete;
        }
    }
}

fn go_on(spec: &DataCopySpec, mut status: DataCopyStatus, seen: &Seen) -> Next {
    let mut acts = vec![];
    let mut again = WATCHED;
    match &seen.ground {
        Ground::Ours => {}
        Ground::Absent => return Next { status, acts: vec![Act::Claim], again: Duration::ZERO },
        Ground::Going => return Next { status, acts, again: POLL },
        Ground::Taken { by } => {
            let verdict = refusal(
                Cause::NamespaceTaken,
                "copy".to_owned(),
                format!("the namespace it would run in belongs to {by}; it was left untouched"),
                "copy under another name".to_owned(),
            );
            end(&mut status, spec, CopyPhase::Failed, Some(&verdict));
            return Next { status, acts, again: Duration::ZERO };
        }
    }
    for CopiedService { name, store, .. } in status.services.iter().filter(|one| !one.phase.is_final()) {
        match seen.limits.get(name) {
            None => acts.push(Act::Furnish { service: name.clone() }),
            Some(limits) if *limits != limits_text(*store, &spec.limits, spec.workers_of(*store)) => {
                acts.push(Act::Limit { service: name.clone(), store: *store });
            }
            Some(_) => {}
        }
    }
    // What was asked to be quiet is asked again and again: without, it would write again after a while.
    if spec.quiesce && task(spec) == Task::Copy {
        acts.push(Act::Quiesce);
    }
    let quiet = matches!(seen.quiet, Quiet::Still) || !spec.quiesce || task(spec) != Task::Copy;
    for service in status.services.iter_mut().filter(|service| !service.phase.is_final()) {
        let furnished = seen.limits.contains_key(&service.name);
        let wait = step(service, spec, seen, (furnished, quiet), &mut acts);
        again = again.min(wait);
    }
    Next { status, acts, again }
}

/// One service: stopped, started, or left alone. Says when to look again.
fn step(
    service: &mut CopiedService,
    spec: &DataCopySpec,
    seen: &Seen,
    (furnished, quiet): (bool, bool),
    acts: &mut Vec<Act>,
) -> Duration {
    let newest = newest(service, seen).cloned();
    let of = |one: &Try| one.service == service.name && !one.going;
    if spec.paused {
        for one in seen.tries.iter().filter(|one| of(one)) {
            acts.push(Act::Stop { service: service.name.clone(), number: one.number });
        }
        if seen.pods == 0 && newest.is_none() {
            service.phase = CopyPhase::Paused;
            (service.bytes_per_second, service.eta_seconds, service.held) = (0, None, false);
        }
        return POLL;
    }
    let start = |service: &mut CopiedService, acts: &mut Vec<Act>| {
        service.tries += 1;
        service.phase = CopyPhase::Planning;
        service.verdict = None;
        service.started.get_or_insert(Time(seen.now));
        acts.push(Act::Start { service: service.name.clone(), number: service.tries });
        POLL
    };
    match newest {
        Some(one) if one.state == TryState::Runs && !one.going => WATCHED,
        Some(one) if one.going => POLL,
        Some(one) => {
            // It failed, and may be started again.
            let word = seen.words.get(&service.name).filter(|word| word.r#try == one.number);
            let vain = in_vain(service, word);
            let due = one.ended.unwrap_or(seen.now).checked_add(pause(vain)).unwrap_or(seen.now);
            if due > seen.now {
                let why = word
                    .and_then(|word| word.service.verdict.as_ref())
                    .map(|verdict| verdict.message.as_str());
                service.message = format!("{}: it is started again", why.unwrap_or("its pod was ended"));
                return due.duration_since(seen.now).unsigned_abs() + Duration::from_millis(20);
            }
            service.tries_in_vain = vain;
            acts.push(Act::Stop { service: service.name.clone(), number: one.number });
            start(service, acts)
        }
        // What ran before a pause may still be about.
        None if seen.pods > 0 && service.tries > 0 => POLL,
        None if !furnished => POLL,
        None if !quiet => {
            service.phase = CopyPhase::Quiescing;
            if let Quiet::Waits { on } = &seen.quiet {
                service.message.clone_from(on);
            }
            POLL
        }
        None => {
            service.message.clear();
            start(service, acts)
        }
    }
}

/// Before the next start, after so many in vain.
fn pause(in_vain: u32) -> Duration {
    match in_vain {
        0 => Duration::ZERO,
        some => Duration::from_secs(1 << (some - 1).min(6)),
    }
}

/// Everything that the copy needed goes; then it has ended.
fn wind_down(mut status: DataCopyStatus, seen: &Seen) -> Next {
    status.phase = CopyPhase::Finishing;
    let stops = seen.tries.iter().filter(|one| !one.going);
    let mut acts: Vec<Act> =
        stops.map(|one| Act::Stop { service: one.service.clone(), number: one.number }).collect();
    if !seen.tries.is_empty() || seen.pods > 0 {
        return Next { status, acts, again: POLL };
    }
    if seen.quiet != Quiet::Unasked {
        acts.push(Act::LetWrite);
    }
    match seen.ground {
        Ground::Ours => {
            acts.push(Act::Clear);
            Next { status, acts, again: POLL }
        }
        Ground::Going => Next { status, acts, again: POLL },
        Ground::Absent | Ground::Taken { .. } => {
            let phase = outcome(&status);
            finish(&mut status, seen, phase);
            Next { status, acts, again: seen.retention }
        }
    }
}

#[cfg(test)]
mod tests;
