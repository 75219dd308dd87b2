//! A copy's life, look by look.

use api::datacopy::{CopyLimits, CopyPhase, CopyStore, DataCopySpec, DataCopyStatus, TargetState};

use super::super::admit::{Pair, Place};
use super::listen::IN_VAIN;
use super::*;

fn seen() -> Seen {
    Seen {
        now: Timestamp::UNIX_EPOCH,
        generation: 1,
        ground: Ground::Ours,
        tries: vec![],
        pods: 0,
        troubles: BTreeMap::new(),
        words: BTreeMap::new(),
        limits: [("db".to_owned(), limits_text(CopyStore::Mariadb, &CopyLimits::default(), 1))].into(),
        admitted: None,
        lost: None,
        quiet: Quiet::Still,
        retention: Duration::from_secs(3600),
        backup: false,
    }
}

fn spec() -> DataCopySpec {
    DataCopySpec::between("live", "qa")
}

fn begun() -> DataCopyStatus {
    let db = CopiedService { name: "db".into(), ..CopiedService::default() };
    DataCopyStatus { services: vec![db], ..DataCopyStatus::default() }
}

fn a_try(number: u32, state: TryState) -> Try {
    Try { service: "db".into(), number, state, going: false, ended: Some(Timestamp::UNIX_EPOCH) }
}

fn word(number: u32, change: impl FnOnce(&mut Word)) -> BTreeMap<String, Word> {
    let mut word = Word::begin("db", number);
    change(&mut word);
    [("db".to_owned(), word)].into()
}

fn refused(terminal: bool) -> Verdict {
    Verdict { terminal, ..refusal(Cause::CopyFailed, "service db".into(), "no".into(), "yes".into()) }
}

#[test]
fn first_it_is_written_down_what_it_is_about_and_only_then_is_anything_made() {
    let place = Place::Ours { environment: "qa".into(), namespace: "shop-qa".into(), memory: None };
    let pair = Pair { service: "db".into(), store: CopyStore::Mariadb, from: place.clone(), to: place };
    let admitted = Admitted { pairs: vec![pair], notes: vec!["a note".into()], backup: None, masked: true };
    let at_first =
        Seen { ground: Ground::Absent, limits: BTreeMap::new(), admitted: Some(Ok(admitted)), ..seen() };
    let next_look = next(&spec(), &DataCopyStatus::default(), &at_first);
    assert!(next_look.acts.is_empty());
    let status = next_look.status;
    assert_eq!((status.services.len(), status.phase), (1, CopyPhase::Pending));
    let at_second = Seen { admitted: None, ..at_first };
    assert_eq!(next(&spec(), &status, &at_second).acts, [Act::Claim]);
    let on_ground = Seen { ground: Ground::Ours, ..at_second };
    assert_eq!(
        next(&spec(), &status, &on_ground).acts,
        [Act::Furnish { service: "db".into() }, Act::Quiesce]
    );
}

#[test]
fn what_is_refused_ends_at_once_and_what_can_be_waited_for_is() {
    let judged = |terminal| Seen { admitted: Some(Err(refused(terminal))), ..seen() };
    let ended = next(&spec(), &DataCopyStatus::default(), &judged(true)).status;
    assert_eq!((ended.phase, ended.target), (CopyPhase::Failed, TargetState::Untouched));
    assert!(ended.kept_until.is_some() && ended.verdict.is_some());
    let waits = next(&spec(), &DataCopyStatus::default(), &judged(false)).status;
    assert_eq!(waits.phase, CopyPhase::Pending);
    assert!(waits.verdict.is_some() && waits.finished.is_none());
}

#[test]
fn it_begins_once_nothing_writes_to_the_target() {
    let busy = Seen { quiet: Quiet::Waits { on: "web has 2 pods".into() }, ..seen() };
    let waits = next(&spec(), &begun(), &busy);
    assert_eq!((waits.status.phase, waits.acts), (CopyPhase::Quiescing, vec![Act::Quiesce]));
    assert_eq!(waits.status.services[0].message, "web has 2 pods");
    let start = Act::Start { service: "db".into(), number: 1 };
    assert!(next(&spec(), &begun(), &seen()).acts.contains(&start));
    let heedless = DataCopySpec { quiesce: false, ..spec() };
    assert_eq!(
        next(&heedless, &begun(), &Seen { quiet: Quiet::Unasked, ..seen() }).acts,
        std::slice::from_ref(&start)
    );
    let shown = DataCopySpec { dry_run: true, ..spec() };
    assert_eq!(next(&shown, &begun(), &Seen { quiet: Quiet::Unasked, ..seen() }).acts, [start]);
}

#[test]
fn what_its_pod_says_is_its_status() {
    let words = word(1, |word| (word.service.phase, word.service.rows) = (CopyPhase::Copying, 700));
    let look = Seen { tries: vec![a_try(1, TryState::Runs)], pods: 1, words, ..seen() };
    let status = next(&spec(), &begun(), &look).status;
    assert_eq!((status.phase, status.rows, status.services[0].tries), (CopyPhase::Copying, 700, 1));
}

#[test]
fn a_pod_that_was_killed_is_started_again_at_once_if_it_got_somewhere() {
    let words = word(1, |word| word.progressed = true);
    let look = Seen { tries: vec![a_try(1, TryState::Failed)], words, ..seen() };
    let acts = next(&spec(), &begun(), &look).acts;
    let stop = Act::Stop { service: "db".into(), number: 1 };
    assert!(acts.ends_with(&[stop, Act::Start { service: "db".into(), number: 2 }]), "{acts:?}");
}

#[test]
fn one_that_gets_nowhere_is_started_later_and_later_and_then_given_up() {
    let mut status = begun();
    let mut now = Timestamp::UNIX_EPOCH;
    for round in 1..=IN_VAIN {
        status.services[0].tries = round;
        let tries = vec![Try { ended: Some(now), ..a_try(round, TryState::Failed) }];
        let look = Seen { now, tries: tries.clone(), ..seen() };
        let waits = next(&spec(), &status, &look);
        assert_eq!(waits.acts, [Act::Quiesce], "round {round}");
        assert!(waits.again >= pause(round).min(WATCHED));
        now = now.checked_add(pause(round)).unwrap();
        let due = next(&spec(), &status, &Seen { now, tries, ..seen() });
        assert_eq!(due.status.services[0].tries_in_vain, round);
        status = due.status;
    }
    let look = Seen { now, tries: vec![a_try(IN_VAIN + 1, TryState::Failed)], ..seen() };
    let given_up = next(&spec(), &status, &look).status;
    assert_eq!(given_up.services[0].phase, CopyPhase::Failed);
    assert!(given_up.verdict.is_some_and(|verdict| verdict.terminal));
}

#[test]
fn a_no_of_the_engine_is_final_and_everything_is_taken_away() {
    let words = word(1, |word| {
        word.service.phase = CopyPhase::Failed;
        word.service.verdict = Some(refused(true));
        word.service.target = TargetState::Incomplete;
    });
    let look = Seen { tries: vec![a_try(1, TryState::Failed)], words, ..seen() };
    let ending = next(&spec(), &begun(), &look);
    assert_eq!(ending.acts, [Act::Stop { service: "db".into(), number: 1 }]);
    assert_eq!(ending.status.phase, CopyPhase::Finishing);
    let clearing = next(&spec(), &ending.status, &seen());
    assert_eq!(clearing.acts, [Act::LetWrite, Act::Clear]);
    let last =
        next(&spec(), &clearing.status, &Seen { ground: Ground::Absent, quiet: Quiet::Unasked, ..seen() });
    assert_eq!((last.status.phase, last.status.target), (CopyPhase::Failed, TargetState::Incomplete));
    assert!(last.status.notes[0].contains("goes on where it was"), "{:?}", last.status.notes);
}

#[test]
fn a_pause_stops_it_and_it_goes_on_when_that_is_taken_back() {
    let paused = DataCopySpec { paused: true, ..spec() };
    let runs = Seen { tries: vec![a_try(1, TryState::Runs)], pods: 1, words: word(1, |_| ()), ..seen() };
    let stopping = next(&paused, &begun(), &runs);
    assert!(stopping.acts.contains(&Act::Stop { service: "db".into(), number: 1 }));
    assert_ne!(stopping.status.phase, CopyPhase::Paused);
    let stopped = next(&paused, &stopping.status, &seen());
    assert_eq!(stopped.status.phase, CopyPhase::Paused);
    let goes_on = next(&spec(), &stopped.status, &seen());
    assert!(goes_on.acts.contains(&Act::Start { service: "db".into(), number: 2 }));
    assert_eq!(goes_on.status.services[0].tries_in_vain, 0);
}

#[test]
fn one_that_is_cancelled_says_that_the_target_is_not_whole() {
    let cancelled = DataCopySpec { cancelled: true, ..spec() };
    let look = Seen { tries: vec![a_try(1, TryState::Runs)], pods: 1, ..seen() };
    let mut status = begun();
    status.services[0].tries = 1;
    let ending = next(&cancelled, &status, &look);
    assert_eq!(ending.acts, [Act::Stop { service: "db".into(), number: 1 }]);
    let last =
        next(&cancelled, &ending.status, &Seen { ground: Ground::Absent, quiet: Quiet::Unasked, ..seen() });
    assert_eq!((last.status.phase, last.status.target), (CopyPhase::Cancelled, TargetState::Incomplete));
}

#[test]
fn an_environment_that_goes_ends_it_with_that_verdict() {
    let lost = refusal(Cause::EnvironmentNotFound, "environment qa".into(), "it goes".into(), "none".into());
    let look = Seen { tries: vec![a_try(1, TryState::Runs)], pods: 1, lost: Some(lost.clone()), ..seen() };
    let ending = next(&spec(), &begun(), &look).status;
    assert_eq!(ending.verdict, Some(lost));
}

#[test]
fn changed_limits_reach_what_runs() {
    let slower = CopyLimits { bytes_per_second: Some(4096), ..CopyLimits::default() };
    let changed = DataCopySpec { limits: slower, ..spec() };
    let look = Seen { tries: vec![a_try(1, TryState::Runs)], pods: 1, ..seen() };
    let limit = Act::Limit { service: "db".into(), store: CopyStore::Mariadb };
    assert!(next(&changed, &begun(), &look).acts.contains(&limit));
    assert!(!next(&spec(), &begun(), &look).acts.contains(&limit));
    // What is no limit of this store changes nothing for it.
    let others = CopyLimits { cpu_percent: Some(5), ..CopyLimits::default() };
    assert!(!next(&DataCopySpec { limits: others, ..spec() }, &begun(), &look).acts.contains(&limit));
}

#[test]
fn two_services_are_copied_side_by_side_each_with_what_is_its_own() {
    let service = |name: &str, store| CopiedService { name: name.into(), store, ..CopiedService::default() };
    let services = vec![service("cache", CopyStore::Redis), service("db", CopyStore::Mariadb)];
    let status = DataCopyStatus { services, ..DataCopyStatus::default() };
    let bare = Seen { limits: BTreeMap::new(), ..seen() };
    let acts = next(&spec(), &status, &bare).acts;
    assert!(["cache", "db"].iter().all(|name| acts.contains(&Act::Furnish { service: (*name).into() })));
    let mut words = word(1, |word| (word.service.phase, word.service.rows) = (CopyPhase::Copying, 700));
    let mut of_cache = Word::begin("cache", 1);
    (of_cache.service.phase, of_cache.service.rows) = (CopyPhase::Verifying, 30);
    words.insert("cache".into(), of_cache);
    let of_cache = Try { service: "cache".into(), ..a_try(1, TryState::Runs) };
    let look = Seen { tries: vec![a_try(1, TryState::Runs), of_cache], pods: 2, words, ..seen() };
    let status = next(&spec(), &status, &look).status;
    assert_eq!((status.phase, status.rows), (CopyPhase::Copying, 730));
    assert_eq!(status.services.iter().map(|one| one.store.rows()).collect::<Vec<_>>(), ["keys", "rows"]);
}

#[test]
fn what_succeeded_is_done_once_nothing_of_it_is_left() {
    let words = word(1, |word| word.done(Task::Copy, Timestamp::UNIX_EPOCH));
    let look = Seen { tries: vec![a_try(1, TryState::Succeeded)], words, ..seen() };
    let ending = next(&spec(), &begun(), &look);
    assert_eq!(ending.status.phase, CopyPhase::Finishing);
    let last =
        next(&spec(), &ending.status, &Seen { ground: Ground::Absent, quiet: Quiet::Unasked, ..seen() });
    assert_eq!((last.status.phase, last.status.target), (CopyPhase::Done, TargetState::Copied));
    let complete = condition::find(&last.status.conditions, condition::COMPLETE).unwrap();
    assert!(complete.is_true());
}
