//! What several pods say of a service that they copy together, as if one had said it.

use api::datacopy::{CopiedService, CopyPhase, ObjectsReport, ServiceReport, TargetState};

use super::word::{NOTES, Word};

/// Words of the newest start count. None: nobody said anything.
pub fn together(words: Vec<Word>) -> Option<Word> {
    let newest = words.iter().map(|word| word.r#try).max()?;
    let words: Vec<Word> = words.into_iter().filter(|word| word.r#try == newest).collect();
    if words.len() == 1 {
        return words.into_iter().next();
    }
    let (progressed, counted) = (
        words.iter().any(|word| word.progressed),
        words.iter().map(|word| word.counted).max().unwrap_or_default(),
    );
    let services: Vec<&CopiedService> = words.iter().map(|word| &word.service).collect();
    let service = services_together(&services, counted)?;
    Some(Word { r#try: newest, progressed, counted, service, ..Word::default() })
}

fn services_together(all: &[&CopiedService], counted: u64) -> Option<CopiedService> {
    let first = (*all.first()?).clone();
    let sum = |of: fn(&CopiedService) -> u64| all.iter().map(|one| of(one)).sum::<u64>();
    let most = |of: fn(&CopiedService) -> u64| all.iter().map(|one| of(one)).max().unwrap_or_default();
    let reports: Vec<&ServiceReport> = all.iter().filter_map(|one| one.report.as_ref()).collect();
    let ended = reports.len() == all.len();
    let (rows, bytes) = (sum(|one| one.rows), sum(|one| one.bytes));
    let rows_total = if ended { sum(|one| one.rows_total) } else { most(|one| one.rows_total).max(counted) };
    let rows_total = rows_total.max(rows);
    // Who counts knows how long it would take alone.
    let counts = all.iter().find(|one| one.eta_seconds.is_some());
    let eta_seconds = counts.and_then(|one| left(one.eta_seconds?, one.rows, rows, rows_total));
    Some(CopiedService {
        phase: phase(all),
        target: target(all),
        rows,
        rows_total,
        bytes,
        bytes_total: most(|one| one.bytes_total).max(bytes),
        bytes_per_second: sum(|one| one.bytes_per_second),
        eta_seconds,
        held: all.iter().any(|one| one.held),
        message: all
            .iter()
            .map(|one| &one.message)
            .find(|words| !words.is_empty())
            .cloned()
            .unwrap_or_default(),
        verdict: all.iter().find_map(|one| one.verdict.clone()),
        report: ended.then(|| reports_together(&reports)),
        ..first
    })
}

/// Done are they all together.
fn phase(all: &[&CopiedService]) -> CopyPhase {
    let any = |phase| all.iter().any(|one| one.phase == phase);
    let under_way = all.iter().map(|one| one.phase).filter(|phase| !phase.is_final()).min();
    match under_way {
        _ if any(CopyPhase::Failed) => CopyPhase::Failed,
        Some(phase) => phase,
        None => CopyPhase::Done,
    }
}

fn target(all: &[&CopiedService]) -> TargetState {
    if all.iter().all(|one| one.target == TargetState::Copied) {
        TargetState::Copied
    } else if all.iter().any(|one| one.target != TargetState::Untouched) {
        TargetState::Incomplete
    } else {
        TargetState::Untouched
    }
}

/// The same rate, by all of them: from how long `mine` of the rows took one of them.
fn left(alone: u64, mine: u64, all: u64, of: u64) -> Option<u64> {
    if mine == 0 || mine >= of || all >= of {
        return None;
    }
    let spent = alone as f64 * mine as f64 / (of - mine) as f64;
    Some((spent * (of - all) as f64 / all as f64).ceil() as u64)
}

fn reports_together(all: &[&ServiceReport]) -> ServiceReport {
    let objects: Vec<&ObjectsReport> = all.iter().filter_map(|one| one.objects.as_ref()).collect();
    let mut notes = vec![format!("{} pods copied it together, each its own ranges of keys", all.len())];
    for note in all.iter().flat_map(|one| &one.notes) {
        if !notes.contains(note) {
            notes.push(note.clone());
        }
    }
    notes.truncate(NOTES);
    ServiceReport {
        seconds: all.iter().map(|one| one.seconds).fold(0.0, f64::max),
        rows: all.iter().map(|one| one.rows).sum(),
        throttled_seconds: all.iter().map(|one| one.throttled_seconds).sum(),
        peak_memory_bytes: all.iter().map(|one| one.peak_memory_bytes).max().unwrap_or_default(),
        objects: objects_together(&objects),
        notes,
        ..ServiceReport::default()
    }
}

fn objects_together(all: &[&ObjectsReport]) -> Option<ObjectsReport> {
    let first = all.first()?;
    let sum = |of: fn(&ObjectsReport) -> u64| all.iter().map(|one| of(one)).sum::<u64>();
    Some(ObjectsReport {
        way: first.way,
        copied: sum(|one| one.copied),
        equal: sum(|one| one.equal),
        changed: sum(|one| one.changed),
        gone: sum(|one| one.gone),
        large: sum(|one| one.large),
        tagged: sum(|one| one.tagged),
        placeholders: sum(|one| one.placeholders),
        dropped: sum(|one| one.dropped),
        repaired: sum(|one| one.repaired),
        proved: sum(|one| one.proved),
        received: sum(|one| one.received),
        extraneous: sum(|one| one.extraneous),
        removed: sum(|one| one.removed),
        not_copied_count: sum(|one| one.not_copied_count),
        not_copied: all.iter().flat_map(|one| one.not_copied.clone()).take(NOTES).collect(),
        source_requests: sum(|one| one.source_requests),
        target_requests: sum(|one| one.target_requests),
        target_writes: sum(|one| one.target_writes),
        ledger_writes: sum(|one| one.ledger_writes),
        slow_downs: sum(|one| one.slow_downs),
        most_under_way: sum(|one| one.most_under_way),
        seconds_to_first: all.iter().filter_map(|one| one.seconds_to_first).reduce(f64::min),
        guarantee: first.guarantee.clone(),
    })
}

#[cfg(test)]
mod tests {
    use api::{Cause, Verdict};

    use super::*;

    fn word(number: u32, phase: CopyPhase, rows: u64) -> Word {
        let mut word = Word::begin("uploads", number);
        word.service = CopiedService {
            phase,
            rows,
            rows_total: rows,
            bytes: rows * 10,
            target: TargetState::Incomplete,
            ..word.service
        };
        word
    }

    fn done(rows: u64, first: Option<f64>) -> Word {
        let mut word = word(1, CopyPhase::Done, rows);
        let objects = ObjectsReport {
            copied: rows,
            target_writes: rows,
            seconds_to_first: first,
            not_copied: (0..15).map(|at| format!("{rows} {at}")).collect(),
            ..ObjectsReport::default()
        };
        word.service.target = TargetState::Copied;
        word.service.report = Some(ServiceReport {
            seconds: rows as f64,
            rows,
            peak_memory_bytes: 7,
            notes: vec!["the same".into()],
            objects: Some(objects),
            ..ServiceReport::default()
        });
        word
    }

    #[test]
    fn what_is_done_is_a_sum_and_how_much_there_is_is_known_to_who_counts() {
        let mut counts = word(2, CopyPhase::Copying, 100);
        (counts.counted, counts.progressed) = (1000, true);
        counts.service.eta_seconds = Some(90);
        // What an earlier start said is of the past.
        let words = vec![
            counts,
            word(2, CopyPhase::Planning, 0),
            word(2, CopyPhase::Copying, 100),
            word(1, CopyPhase::Copying, 999),
        ];
        let word = together(words).unwrap();
        let service = &word.service;
        assert_eq!((word.r#try, word.progressed, service.phase), (2, true, CopyPhase::Planning));
        assert_eq!((service.rows, service.rows_total, service.bytes), (200, 1000, 2000));
        // A hundred took ten seconds, and there are two at it.
        assert_eq!(service.eta_seconds, Some(40));
        assert_eq!(service.report, None);
        assert_eq!(together(vec![]), None);
    }

    #[test]
    fn it_is_done_once_all_are_and_then_the_report_is_of_all() {
        let still = together(vec![done(5, None), word(1, CopyPhase::Copying, 3)]).unwrap().service;
        assert_eq!(
            (still.phase, still.target, still.report),
            (CopyPhase::Copying, TargetState::Incomplete, None)
        );
        let all = together(vec![done(5, Some(0.4)), done(7, Some(0.2)), done(0, None)]).unwrap().service;
        assert_eq!(
            (all.phase, all.target, all.rows, all.rows_total),
            (CopyPhase::Done, TargetState::Copied, 12, 12)
        );
        let report = all.report.unwrap();
        assert_eq!((report.seconds, report.rows, report.peak_memory_bytes), (7.0, 12, 7));
        assert_eq!(report.notes, ["3 pods copied it together, each its own ranges of keys", "the same"]);
        let objects = report.objects.unwrap();
        assert_eq!((objects.copied, objects.target_writes, objects.not_copied.len()), (12, 12, NOTES));
        assert_eq!(objects.seconds_to_first, Some(0.2));
    }

    #[test]
    fn one_that_fails_fails_all_and_says_why() {
        let mut failed = word(1, CopyPhase::Failed, 1);
        let verdict = Verdict {
            message: "no".into(),
            ..super::super::verdict::refusal(Cause::CopyFailed, String::new(), String::new(), String::new())
        };
        failed.service.verdict = Some(verdict.clone());
        let service = together(vec![done(5, None), failed, word(1, CopyPhase::Copying, 3)]).unwrap().service;
        assert_eq!((service.phase, service.verdict), (CopyPhase::Failed, Some(verdict)));
    }
}
