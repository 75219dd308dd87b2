//! What a copy's pod says of its service, gathered from the events of the engine. The pod writes it down, the operator
//! reads it: small at any time, and never a value of a row in it.

mod report;

use api::Verdict;
use api::datacopy::{CopiedService, CopyPhase, Proposal, TargetState};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
use k8s_openapi::jiff::Timestamp;
use serde::{Deserialize, Serialize};

use self::report::{reported, reported_of_keys, reported_of_objects, snapshot, stored};
use super::verdict;
use crate::error::Error;
use crate::progress::{Event, PlanSummary, Progress};
use crate::redis::report as keys;
use crate::s3::report as objects;

/// So much of a list, and of a sentence, is told.
const COLUMNS: usize = 50;
pub const NOTES: usize = 20;
const PROPOSALS: usize = 200;
const LENGTH: usize = 300;

/// What the pod was started to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Task {
    Copy,
    Plan,
    Scan,
    Backup,
}

#[derive(Clone, Debug, Default, Deserialize, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Word {
    /// Which start of the service says this.
    pub r#try: u32,
    /// It has loaded something: the next start finds less to do.
    #[serde(default)]
    pub progressed: bool,
    /// Chunks of earlier starts that the source has otherwise now.
    #[serde(default)]
    pub changed: u64,
    /// Objects that there are, as far as they are counted.
    #[serde(default)]
    pub counted: u64,
    pub service: CopiedService,
}

impl Word {
    pub fn begin(name: &str, number: u32) -> Self {
        let service =
            CopiedService { name: name.to_owned(), phase: CopyPhase::Planning, ..CopiedService::default() };
        Self { r#try: number, service, ..Self::default() }
    }

    pub fn hear(&mut self, event: &Event, task: Task) {
        let service = &mut self.service;
        match event {
            Event::Plan(plan) => planned(service, plan, task),
            Event::Snapshot(held) => service.snapshot = Some(snapshot(held)),
            Event::Resumed { kept, again } => {
                self.changed = *again;
                service.recopied_chunks = *again;
                service.message = format!("taken up: {kept} chunks still hold, {again} are loaded again");
            }
            Event::Progress(progress) => {
                self.progressed |= progress.rows > 0;
                progressed(service, progress, self.changed);
            }
            Event::Finishing => {
                service.phase = CopyPhase::Finishing;
                (service.bytes_per_second, service.eta_seconds, service.held) = (0, None, false);
            }
            Event::Note { message } => service.message = short(message),
            Event::Proposal(found) if service.proposals.len() < PROPOSALS => {
                let mask = serde_json::to_value(&found.mask).unwrap_or_default();
                // A word as a word; what needs more as it is written in a file.
                let mask = mask.as_str().map_or_else(|| mask.to_string(), str::to_owned);
                let because = short(&found.because);
                service.proposals.push(Proposal { column: found.column.clone(), mask, because });
            }
            Event::Proposal(_) => {}
            Event::Report(report) => reported(service, report),
            Event::Stored(what) => stored(service, what),
            Event::Redis(event) => self.hear_of_keys(event, task),
            Event::S3(event) => self.hear_of_objects(event, task),
        }
    }

    fn hear_of_keys(&mut self, event: &keys::Event, task: Task) {
        let service = &mut self.service;
        match event {
            keys::Event::Plan(plan) => {
                service.rows_total = plan.keys;
                touched(service, &plan.notes, task);
            }
            keys::Event::Resumed { .. } => {
                "taken up: what is there is compared, and what differs is written"
                    .clone_into(&mut service.message);
            }
            keys::Event::Pass { .. } => {}
            keys::Event::Progress(progress) => {
                self.progressed |= progress.bytes > 0;
                // The first time everything is copied, later it is looked at again.
                let again = progress.pass > 1;
                service.phase = if again { CopyPhase::Verifying } else { CopyPhase::Copying };
                service.rows = if again { service.rows.max(progress.keys) } else { progress.keys };
                service.bytes = progress.bytes;
                service.bytes_per_second = progress.bytes_per_second;
                service.eta_seconds = progress.seconds_left;
                service.held = progress.held;
            }
            keys::Event::Report(report) => reported_of_keys(service, report),
        }
    }

    fn hear_of_objects(&mut self, event: &objects::Event, task: Task) {
        let service = &mut self.service;
        match event {
            objects::Event::Plan(plan) => {
                service.rows_total = plan.objects_at_least;
                service.bytes_total = plan.bytes_at_least;
                touched(service, &plan.notes, task);
            }
            objects::Event::Resumed { .. } => {
                "taken up: both sides are listed, and what differs is copied"
                    .clone_into(&mut service.message);
            }
            objects::Event::First { .. } => self.progressed = true,
            objects::Event::Progress(progress) => {
                self.progressed |= progress.copied > 0 || progress.bytes > 0;
                service.phase = CopyPhase::Copying;
                // Those that are under way are not there yet.
                service.rows = progress.objects.saturating_sub(progress.under_way as u64);
                service.rows_total = service.rows_total.max(progress.of_objects);
                self.counted = service.rows_total;
                service.bytes = progress.bytes;
                service.bytes_total = service.bytes_total.max(progress.of_bytes);
                service.bytes_per_second = progress.bytes_per_second;
                service.eta_seconds = progress.seconds_left;
                service.held = progress.held;
            }
            objects::Event::Report(report) => reported_of_objects(service, report),
        }
    }

    /// It has ended without an error.
    pub fn done(&mut self, task: Task, now: Timestamp) {
        let service = &mut self.service;
        service.phase = CopyPhase::Done;
        service.finished = Some(Time(now));
        (service.bytes_per_second, service.eta_seconds, service.held) = (0, None, false);
        if task == Task::Copy {
            service.target = TargetState::Copied;
        }
        if matches!(task, Task::Copy | Task::Backup) {
            service.tables_done = service.tables;
        }
    }

    pub fn failed(&mut self, error: &Error) {
        let service = &mut self.service;
        service.phase = CopyPhase::Failed;
        (service.bytes_per_second, service.eta_seconds, service.held) = (0, None, false);
        if matches!(error, Error::Leaks(_)) {
            service.target = TargetState::Emptied;
        }
        service.verdict = Some(Verdict {
            evidence: error.details().iter().take(NOTES).map(|line| short(line)).collect(),
            ..verdict::of(error, &service.name)
        });
    }
}

fn planned(service: &mut CopiedService, plan: &PlanSummary, task: Task) {
    service.tables = plan.tables as u64;
    service.rows_total = plan.rows;
    service.bytes_total = plan.bytes;
    service.masked_columns = plan.masked_columns as u64;
    service.emptied_columns = plan.emptied_columns.iter().take(COLUMNS).cloned().collect();
    touched(service, &plan.notes, task);
}

/// Its plan is made: from here on the target is touched.
fn touched(service: &mut CopiedService, notes: &[String], task: Task) {
    if let Some(note) = notes.first().filter(|_| task == Task::Plan) {
        service.message = short(note);
    }
    if task == Task::Copy {
        service.phase = CopyPhase::Copying;
        service.target = TargetState::Incomplete;
    }
}

fn progressed(service: &mut CopiedService, progress: &Progress, changed: u64) {
    service.phase = if progress.verifying { CopyPhase::Verifying } else { CopyPhase::Copying };
    service.rows = progress.standing;
    service.bytes = progress.bytes;
    service.bytes_per_second = progress.bytes_per_second;
    service.eta_seconds = progress.seconds_left;
    service.tables_done = progress.tables_done;
    service.held = progress.held;
    service.recopied_chunks = changed + progress.recopied;
}

fn short(text: &str) -> String {
    match text.char_indices().nth(LENGTH) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text.to_owned(),
    }
}

#[cfg(test)]
mod tests;
