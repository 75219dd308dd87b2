//! What a copy's pod says of its service, gathered from the events of the engine. The pod writes it down, the operator
//! reads it: small at any time, and never a value of a row in it.

use api::Verdict;
use api::datacopy::{
    CopiedService, CopyPhase, KeysReport, ObjectWay, ObjectsReport, Proposal, ServiceReport, Snapshot,
    SnapshotKind, TargetState, ValuePath,
};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
use k8s_openapi::jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::verdict;
use crate::error::Error;
use crate::mysql::snapshot::{Held, How};
use crate::progress::{Event, PlanSummary, Progress, Report};
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

fn snapshot(held: &Held) -> Snapshot {
    let kind = match held.how {
        How::Aligned => SnapshotKind::Aligned,
        How::Locked => SnapshotKind::Locked,
        How::Single => SnapshotKind::Single,
    };
    Snapshot {
        kind,
        readers: u32::try_from(held.readers).unwrap_or(u32::MAX),
        held_millis: held.held_millis,
        opened_millis: held.opened_millis,
        position: held.position.clone(),
    }
}

fn reported(service: &mut CopiedService, report: &Report) {
    service.rows = report.standing_rows;
    service.tables = report.tables as u64;
    service.bytes = report.bytes;
    service.snapshot = Some(snapshot(&report.snapshot));
    service.report = Some(ServiceReport {
        seconds: report.seconds,
        snapshots: report.snapshots,
        tables: report.tables as u64,
        rows: report.standing_rows,
        chunks: report.chunks,
        verified_chunks: report.verified_chunks,
        repaired_chunks: report.repaired_chunks,
        resumed_chunks: report.resumed_chunks,
        masked_columns: report.masked_columns as u64,
        mask_key: report.mask_key.clone(),
        values_looked_for: report.values_looked_for as u64,
        throttled_seconds: report.throttled_seconds,
        peak_memory_bytes: report.peak_memory_bytes,
        orphans: report.orphans.iter().take(COLUMNS).map(|(key, count)| (key.clone(), *count)).collect(),
        keys: None,
        objects: None,
        notes: report.notes.iter().take(NOTES).map(|note| short(note)).collect(),
    });
}

fn reported_of_keys(service: &mut CopiedService, report: &keys::Report) {
    let of_pass = report.keys;
    service.rows = of_pass;
    service.bytes = report.bytes;
    service.report = Some(ServiceReport {
        seconds: report.seconds,
        rows: of_pass,
        mask_key: report.mask_key.clone(),
        values_looked_for: report.values_looked_for as u64,
        throttled_seconds: report.throttled_seconds,
        peak_memory_bytes: report.peak_memory_bytes,
        notes: report.notes.iter().take(NOTES).map(|note| short(note)).collect(),
        keys: Some(KeysReport {
            path: match report.path {
                keys::Path::Snapshot => ValuePath::Snapshot,
                keys::Path::Payloads => ValuePath::Payloads,
                keys::Path::Commands => ValuePath::Commands,
            },
            moment: report.moment.clone(),
            passes: report.passes,
            copied: report.copied,
            equal: report.equal,
            expired: report.expired,
            changed: report.changed,
            repaired: report.repaired,
            removed: report.removed,
            large: report.large,
            masked: report.masked,
            left_out: report.left_out,
            functions: report.functions,
            not_copied: report.not_copied.iter().take(NOTES).map(|line| short(line)).collect(),
            source_commands: report.source_asked.commands,
            source_round_trips: report.source_asked.round_trips,
            target_writes: report.target_asked.writes,
            source_ping_p99_millis: report.source_ping_p99_millis,
            source_cpu_seconds: report.source_cpu_seconds,
            guarantee: report.guarantee.clone(),
        }),
        ..ServiceReport::default()
    });
}

fn reported_of_objects(service: &mut CopiedService, report: &objects::Report) {
    let counts = &report.counts;
    let told = |(key, why): (&String, &String)| short(&format!("{key}: {why}"));
    service.rows = counts.copied + counts.equal + counts.skipped;
    service.rows_total = counts.objects;
    service.bytes = report.bytes;
    service.report = Some(ServiceReport {
        seconds: report.seconds,
        rows: service.rows,
        throttled_seconds: report.throttled_seconds,
        peak_memory_bytes: report.peak_memory_bytes,
        notes: report.notes.iter().take(NOTES).map(|note| short(note)).collect(),
        objects: Some(ObjectsReport {
            way: match report.way {
                objects::Way::Through => ObjectWay::Through,
                objects::Way::ByItself => ObjectWay::ByItself,
            },
            copied: counts.copied,
            equal: counts.equal,
            changed: counts.changed,
            gone: counts.gone,
            large: counts.large,
            tagged: counts.tagged,
            placeholders: counts.placeholders,
            dropped: counts.dropped,
            repaired: counts.repaired,
            proved: counts.proved,
            received: counts.received,
            extraneous: counts.extraneous,
            removed: counts.removed,
            not_copied_count: counts.not_copied_count,
            not_copied: counts.not_copied.iter().take(NOTES).map(told).collect(),
            source_requests: report.source_asked.requests,
            target_requests: report.target_asked.requests,
            target_writes: report.target_asked.writes,
            ledger_writes: report.target_asked.ledger_writes,
            slow_downs: report.slow_downs,
            most_under_way: report.most_under_way as u64,
            seconds_to_first: report.seconds_to_first,
            guarantee: report.guarantee.clone(),
        }),
        ..ServiceReport::default()
    });
}

fn short(text: &str) -> String {
    match text.char_indices().nth(LENGTH) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn plan() -> Event {
        Event::Plan(PlanSummary {
            databases: 1,
            tables: 12,
            rows: 1000,
            bytes: 1 << 20,
            masked_columns: 2,
            emptied_columns: (0..90).map(|n| format!("app.t.c{n}")).collect(),
            notes: vec![],
        })
    }

    #[test]
    fn from_its_plan_on_the_target_counts_as_touched_but_not_for_who_only_plans() {
        let mut word = Word::begin("db", 1);
        assert_eq!((word.service.phase, word.service.target), (CopyPhase::Planning, TargetState::Untouched));
        word.hear(&plan(), Task::Plan);
        assert_eq!((word.service.phase, word.service.target), (CopyPhase::Planning, TargetState::Untouched));
        word.hear(&plan(), Task::Copy);
        assert_eq!((word.service.phase, word.service.target), (CopyPhase::Copying, TargetState::Incomplete));
        assert_eq!((word.service.rows_total, word.service.emptied_columns.len()), (1000, COLUMNS));
    }

    #[test]
    fn what_was_kept_of_an_earlier_start_stands_and_is_no_progress_of_this_one() {
        let mut word = Word::begin("db", 2);
        word.hear(&Event::Resumed { kept: 7, again: 2 }, Task::Copy);
        let progress = Progress {
            rows: 0,
            bytes: 0,
            standing: 700,
            verifying: false,
            recopied: 1,
            of_rows: 1000,
            bytes_per_second: 0,
            seconds_left: None,
            tables_done: 3,
            held: false,
        };
        word.hear(&Event::Progress(progress.clone()), Task::Copy);
        assert!(!word.progressed);
        assert_eq!((word.service.rows, word.service.recopied_chunks), (700, 3));
        word.hear(&Event::Progress(Progress { rows: 1, verifying: true, ..progress }), Task::Copy);
        assert!(word.progressed);
        assert_eq!(word.service.phase, CopyPhase::Verifying);
    }

    #[test]
    fn of_keys_the_first_pass_copies_and_the_next_verifies_what_stands() {
        let mut word = Word::begin("cache", 1);
        let plan = keys::PlanSummary {
            source: "a".into(),
            target: "b".into(),
            keys: 1000,
            databases: vec![0],
            path: keys::Path::Payloads,
            notes: vec![],
        };
        let redis = |event| Event::Redis(event);
        word.hear(&redis(keys::Event::Plan(plan)), Task::Copy);
        assert_eq!((word.service.phase, word.service.target), (CopyPhase::Copying, TargetState::Incomplete));
        let progress = keys::Progress {
            pass: 1,
            keys: 900,
            of_keys: 1000,
            bytes: 0,
            bytes_per_second: 0,
            seconds_left: None,
            held: false,
        };
        // Nothing was written: what is there was there before.
        word.hear(&redis(keys::Event::Progress(progress.clone())), Task::Copy);
        assert!(!word.progressed);
        let second = keys::Progress { pass: 2, keys: 10, bytes: 9, ..progress };
        word.hear(&redis(keys::Event::Progress(second)), Task::Copy);
        assert_eq!((word.progressed, word.service.phase), (true, CopyPhase::Verifying));
        assert_eq!((word.service.rows, word.service.rows_total), (900, 1000));
    }

    #[test]
    fn of_objects_those_under_way_do_not_stand_yet_and_the_total_is_what_was_counted() {
        let mut word = Word::begin("uploads", 1);
        let plan = objects::PlanSummary {
            source: "a".into(),
            target: "b".into(),
            way: objects::Way::Through,
            objects_at_least: 1000,
            bytes_at_least: 5000,
            more: true,
            notes: vec![],
        };
        let s3 = |event| Event::S3(event);
        word.hear(&s3(objects::Event::Plan(plan)), Task::Copy);
        assert_eq!((word.service.phase, word.service.target), (CopyPhase::Copying, TargetState::Incomplete));
        let progress = objects::Progress {
            objects: 100,
            of_objects: 100,
            copied: 0,
            bytes: 0,
            of_bytes: 0,
            bytes_per_second: 0,
            objects_per_second: 0,
            listed: false,
            under_way: 16,
            seconds_left: None,
            held: false,
        };
        // Found equal: there before.
        word.hear(&s3(objects::Event::Progress(progress.clone())), Task::Copy);
        assert_eq!((word.progressed, word.service.rows, word.service.rows_total), (false, 84, 1000));
        let counted = objects::Progress { copied: 1, of_objects: 20_000, of_bytes: 90_000, ..progress };
        word.hear(&s3(objects::Event::Progress(counted)), Task::Copy);
        assert_eq!(
            (word.progressed, word.service.rows_total, word.service.bytes_total),
            (true, 20_000, 90_000)
        );
    }

    #[test]
    fn what_leaked_has_emptied_the_target_and_is_a_no() {
        let mut word = Word::begin("db", 1);
        word.hear(&plan(), Task::Copy);
        word.failed(&Error::Leaks(vec!["app.users.note has 3 rows".into()]));
        let verdict = word.service.verdict.unwrap();
        assert_eq!((verdict.cause, verdict.terminal), (api::Cause::DataLeaked, true));
        assert_eq!((word.service.target, verdict.evidence.len()), (TargetState::Emptied, 1));
    }

    #[test]
    fn the_longest_word_stays_far_below_what_an_object_may_hold() {
        let mut word = Word::begin("db", 1);
        word.hear(&plan(), Task::Copy);
        for _ in 0..10_000 {
            word.hear(&Event::Note { message: "x".repeat(5_000) }, Task::Copy);
        }
        word.failed(&Error::Leaks(vec!["y".repeat(5_000); 5_000]));
        assert!(serde_json::to_string(&word).unwrap().len() < 32 << 10);
    }
}
