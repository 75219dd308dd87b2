//! What a copy has said becomes what its status shows.

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
    assert_eq!((word.progressed, word.service.rows_total, word.service.bytes_total), (true, 20_000, 90_000));
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
