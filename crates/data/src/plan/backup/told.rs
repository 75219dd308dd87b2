//! How the backups of an environment stand that its class's schedule makes: the newest whole one, whether the last one failed, and
//! since when one lacks. That is written at the environment, counted and announced from there; it makes and removes none.

use api::condition::{self, BACKED_UP, NEWEST_WHOLE};
use api::cron::Cron;
use api::datacopy::CopyPhase;
use api::project::ClassBackup;
use api::{Condition, ConditionStatus, DataCopy, Environment, marks};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
use k8s_openapi::jiff::Timestamp;
use kube::ResourceExt;

use super::due::of;
use crate::plan::between::verdict::sentence;

/// So many seconds after it was due a whole one lacks: a large one takes hours.
pub const LATE: i64 = 24 * 3600;
/// The word for that, of a condition and of an Event.
pub const OVERDUE: &str = "BackupOverdue";

/// One environment of a class with a schedule.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Standing {
    pub control_namespace: String,
    pub project: String,
    pub environment: String,
    pub class: String,
    pub protected: bool,
    /// Name and end of the newest whole one.
    pub whole: Option<(String, Timestamp)>,
    /// When the one that comes after it is due, or was begun.
    pub due: Option<Timestamp>,
    /// What failed after it, and why.
    pub failed: Option<String>,
}

/// `copies`: all of the namespace; `begun`: when one was made that is not among them yet. None: nothing is to be told of it.
pub fn standing(
    environment: &Environment,
    (said, protected): (&ClassBackup, bool),
    copies: &[DataCopy],
    begun: Option<Timestamp>,
) -> Option<Standing> {
    let cron = Cron::parse(&said.schedule).ok()?;
    let since = environment.metadata.creation_timestamp.as_ref()?.0;
    if environment.metadata.deletion_timestamp.is_some() {
        return None;
    }
    // One of some services is none of the environment.
    let ours: Vec<&DataCopy> =
        of(environment, copies).into_iter().filter(|copy| copy.spec.services.is_empty()).collect();
    // What somebody makes by hand fails before their eyes.
    let scheduled = || ours.iter().copied().filter(|copy| copy.labels().contains_key(marks::SCHEDULED));
    let whole = newest(CopyPhase::Done, ours.iter().copied().filter(|copy| !copy.spec.forget));
    let last = whole.and_then(finished);
    let failed = newest(CopyPhase::Failed, scheduled()).filter(|failed| finished(failed) > last);
    // Which of them ended last may be another than which was made last.
    let before = ours
        .iter()
        .filter(|copy| phase(copy) == CopyPhase::Done && !copy.spec.forget)
        .filter_map(|copy| made(copy))
        .max();
    // A schedule may be younger than what there is, or name other moments than it did: with the first one that it made it begins.
    let next = scheduled().filter_map(made).filter(|made| before.is_none_or(|before| *made > before)).min();
    let due = next.or(begun).or_else(|| cron.after(before.unwrap_or(since)));
    Some(Standing {
        control_namespace: environment.namespace().unwrap_or_default(),
        project: environment.spec.project.clone(),
        environment: environment.name_any(),
        class: environment.spec.class.clone(),
        protected,
        whole: whole.and_then(|copy| Some((copy.name_any(), finished(copy)?))),
        due,
        failed: failed.map(|copy| {
            let why = copy.status.as_ref().and_then(|status| status.verdict.as_ref());
            let name = copy.name_any();
            why.map_or_else(
                || format!("backup {name} failed"),
                |why| format!("backup {name} failed: {}", sentence(why)),
            )
        }),
    })
}

/// What is to stand at the environment; none: it does, or there is nothing to say yet.
pub fn news(standing: Option<&Standing>, environment: &Environment, now: Timestamp) -> Option<Condition> {
    let said = environment.status.as_ref().map(|status| status.conditions.as_slice()).unwrap_or_default();
    let before = condition::find(said, BACKED_UP);
    let (status, reason, message) = match standing {
        Some(standing) => words(standing, before, now)?,
        None if environment.metadata.deletion_timestamp.is_some() => return None,
        None => {
            before?;
            (ConditionStatus::Unknown, "NotScheduled", "no schedule makes backups of it".to_owned())
        }
    };
    let next = Condition {
        r#type: BACKED_UP.to_owned(),
        status,
        reason: reason.to_owned(),
        message,
        observed_generation: 0,
        last_transition_time: Time(now),
    };
    let mut all: Vec<Condition> = before.cloned().into_iter().collect();
    condition::set(&mut all, next);
    all.pop().filter(|next| before != Some(next))
}

fn words(
    standing: &Standing,
    before: Option<&Condition>,
    now: Timestamp,
) -> Option<(ConditionStatus, &'static str, String)> {
    let newest = standing
        .whole
        .as_ref()
        .map_or_else(|| format!("{NEWEST_WHOLE}none"), |(name, at)| format!("{NEWEST_WHOLE}{name}, of {at}"));
    let late = standing.due.filter(|due| now.as_second() - due.as_second() > LATE);
    // What failed is removed after a while; that makes nothing whole.
    let wrong_since = before
        .filter(|before| before.status == ConditionStatus::False)
        .map(|before| before.last_transition_time.0);
    match (&standing.failed, late, &standing.whole) {
        (Some(failed), ..) => Some((ConditionStatus::False, "BackupFailed", format!("{failed}{newest}"))),
        (None, Some(due), _) => {
            Some((ConditionStatus::False, OVERDUE, format!("a backup was due at {due}{newest}")))
        }
        (None, None, Some((name, at))) if wrong_since.is_none_or(|since| *at >= since) => {
            Some((ConditionStatus::True, "Stored", format!("backup {name} is whole")))
        }
        (None, None, None) if before.is_some() && wrong_since.is_none() => {
            Some((ConditionStatus::Unknown, "NoneYet", "none is whole yet".to_owned()))
        }
        (None, None, _) => None,
    }
}

fn newest<'a>(ended: CopyPhase, copies: impl Iterator<Item = &'a DataCopy>) -> Option<&'a DataCopy> {
    copies.filter(|copy| phase(copy) == ended).max_by_key(|copy| finished(copy))
}

fn phase(copy: &DataCopy) -> CopyPhase {
    copy.status.as_ref().map(|status| status.phase).unwrap_or_default()
}

fn finished(copy: &DataCopy) -> Option<Timestamp> {
    copy.status.as_ref()?.finished.as_ref().map(|time| time.0)
}

fn made(copy: &DataCopy) -> Option<Timestamp> {
    copy.metadata.creation_timestamp.as_ref().map(|time| time.0)
}

#[cfg(test)]
mod tests {
    use api::datacopy::{DataCopySpec, DataCopyStatus};
    use api::{Cause, EnvironmentSpec, EnvironmentStatus};

    use super::*;
    use crate::plan::backup::due::due;
    use crate::plan::between::verdict::refusal;

    fn at(text: &str) -> Timestamp {
        text.parse().unwrap()
    }

    fn environment() -> Environment {
        let mut environment = Environment::new("live", EnvironmentSpec::default());
        environment.metadata.creation_timestamp = Some(Time(at("2026-11-20T12:00:00Z")));
        environment.status = Some(EnvironmentStatus::default());
        environment
    }

    /// Begun at three at night, ended five minutes later.
    fn backup(day: u32, phase: CopyPhase) -> DataCopy {
        let spec = DataCopySpec { backup: true, ..DataCopySpec::between("live", "live") };
        let mut copy = DataCopy::new(&format!("live-{day}"), spec);
        copy.metadata.labels = Some([(marks::SCHEDULED.to_owned(), "true".to_owned())].into());
        copy.metadata.creation_timestamp = Some(Time(at(&format!("2026-11-{day}T03:00:01Z"))));
        copy.status = Some(DataCopyStatus {
            phase,
            finished: phase.is_final().then(|| Time(at(&format!("2026-11-{day}T03:05:00Z")))),
            verdict: (phase == CopyPhase::Failed).then(|| {
                refusal(Cause::CopyFailed, "service db".into(), "access denied".into(), "see to it".into())
            }),
            ..DataCopyStatus::default()
        });
        copy
    }

    fn stands(copies: &[DataCopy]) -> Standing {
        let nightly = ClassBackup { schedule: "0 3 * * *".into(), keep: None };
        standing(&environment(), (&nightly, true), copies, None).unwrap()
    }

    /// What a look tells that makes what is due.
    fn looked(schedule: &str, copies: &[DataCopy], now: &str) -> Option<(String, String)> {
        let said = ClassBackup { schedule: schedule.into(), keep: None };
        let begun = due(&environment(), (&said, true), copies, at(now)).make.map(|_| at(now));
        let stands = standing(&environment(), (&said, true), copies, begun).unwrap();
        news(Some(&stands), &environment(), at(now)).map(|told| (told.reason, told.message))
    }

    fn told(copies: &[DataCopy], now: &str) -> Option<(String, String)> {
        looked("0 3 * * *", copies, now)
    }

    #[test]
    fn one_that_failed_is_told_until_another_is_whole() {
        let mut copies = vec![backup(24, CopyPhase::Done), backup(25, CopyPhase::Failed)];
        let (reason, message) = told(&copies, "2026-11-25T03:06:00Z").unwrap();
        assert_eq!(reason, "BackupFailed");
        assert_eq!(
            message,
            "backup live-25 failed: service db: access denied; fix: see to it; newest whole one: live-24, of \
             2026-11-24T03:05:00Z"
        );
        copies.push(backup(26, CopyPhase::Done));
        assert_eq!(
            told(&copies, "2026-11-26T03:06:00Z").unwrap(),
            ("Stored".into(), "backup live-26 is whole".into())
        );
    }

    #[test]
    fn what_lacks_for_a_day_after_it_was_due_is_told_in_words_that_stay() {
        let copies = [backup(24, CopyPhase::Done), backup(25, CopyPhase::Copying)];
        assert_eq!(stands(&copies[..1]).due, Some(at("2026-11-25T03:00:00Z")));
        assert_eq!(stands(&copies).due, Some(at("2026-11-25T03:00:01Z")));
        assert_eq!(told(&copies, "2026-11-26T03:00:01Z").unwrap().0, "Stored");
        let late = told(&copies, "2026-11-26T03:00:02Z").unwrap();
        assert_eq!(late.0, OVERDUE);
        assert_eq!(told(&copies, "2026-11-29T00:00:00Z").unwrap(), late);
    }

    #[test]
    fn a_new_schedule_of_an_old_environment_lacks_nothing_at_once() {
        let mut by_hand = backup(21, CopyPhase::Done);
        by_hand.metadata.labels = None;
        let first = backup(25, CopyPhase::Copying);
        // Weekly: the moment that was due is of Sunday, the 22nd.
        for schedule in ["0 3 * * *", "0 3 * * 0", "0 3 21 * *"] {
            assert_eq!(looked(schedule, &[], "2026-11-25T03:00:01Z"), None, "{schedule}");
            assert_eq!(looked(schedule, std::slice::from_ref(&first), "2026-11-25T12:00:00Z"), None);
            let late = looked(schedule, std::slice::from_ref(&first), "2026-11-26T03:00:02Z").unwrap();
            assert_eq!(late.0, OVERDUE);
        }
        for schedule in ["0 3 * * *", "0 3 * * 0"] {
            let before = std::slice::from_ref(&by_hand);
            assert_eq!(looked(schedule, before, "2026-11-25T03:00:01Z").unwrap().0, "Stored");
            let both = [by_hand.clone(), first.clone()];
            assert_eq!(looked(schedule, &both, "2026-11-25T12:00:00Z").unwrap().0, "Stored");
        }
    }

    #[test]
    fn one_that_cannot_even_be_made_lacks() {
        let late = news(Some(&stands(&[])), &environment(), at("2026-11-25T04:00:00Z")).unwrap();
        assert_eq!(
            (late.reason.as_str(), late.message.as_str()),
            (OVERDUE, "a backup was due at 2026-11-21T03:00:00Z; newest whole one: none")
        );
    }

    #[test]
    fn what_was_wrong_stays_until_one_is_whole_though_what_failed_is_gone() {
        let mut live = environment();
        let mut look = |copies: &[DataCopy], now: &str| {
            let next = news(Some(&stands(copies)), &live, at(now))?;
            condition::set(&mut live.status.as_mut().unwrap().conditions, next.clone());
            Some(next.reason)
        };
        let (old, failed) = (backup(22, CopyPhase::Done), backup(23, CopyPhase::Failed));
        assert_eq!(look(&[old.clone(), failed], "2026-11-23T03:06:00Z").unwrap(), "BackupFailed");
        let next = backup(24, CopyPhase::Copying);
        assert_eq!(look(&[old.clone(), next], "2026-11-24T03:01:00Z"), None);
        assert_eq!(look(&[], "2026-11-21T02:00:00Z"), None);
        assert_eq!(look(&[old, backup(24, CopyPhase::Done)], "2026-11-24T03:06:00Z").unwrap(), "Stored");
    }

    #[test]
    fn a_schedule_that_comes_back_is_no_longer_told_to_be_gone() {
        let mut live = environment();
        let stood = news(Some(&stands(&[backup(25, CopyPhase::Done)])), &live, at("2026-11-25T04:00:00Z"));
        live.status.as_mut().unwrap().conditions.push(stood.unwrap());
        let gone = news(None, &live, at("2026-11-25T05:00:00Z")).unwrap();
        live.status.as_mut().unwrap().conditions = vec![gone];
        let back = stands(&[backup(26, CopyPhase::Copying)]);
        let next = news(Some(&back), &live, at("2026-11-26T03:01:00Z")).unwrap();
        assert_eq!((next.status, next.reason.as_str()), (ConditionStatus::Unknown, "NoneYet"));
    }

    #[test]
    fn what_is_of_some_services_counts_not_and_what_was_made_by_hand_only_if_it_is_whole() {
        let mut part = backup(25, CopyPhase::Done);
        part.spec.services = vec!["db".into()];
        assert_eq!(stands(&[part]).whole, None);
        let mut by_hand = backup(25, CopyPhase::Failed);
        by_hand.metadata.labels = None;
        assert_eq!(stands(std::slice::from_ref(&by_hand)).failed, None);
        by_hand.status.as_mut().unwrap().phase = CopyPhase::Done;
        assert!(stands(&[by_hand]).whole.is_some());
        assert_eq!(stands(&[backup(24, CopyPhase::Done), backup(25, CopyPhase::Cancelled)]).failed, None);
    }

    #[test]
    fn what_stands_there_is_not_written_again_and_what_has_no_schedule_any_more_is_unknown() {
        let mut live = environment();
        assert_eq!(news(None, &live, at("2026-11-25T04:00:00Z")), None);
        let standing = stands(&[backup(25, CopyPhase::Done)]);
        let first = news(Some(&standing), &live, at("2026-11-25T04:00:00Z")).unwrap();
        live.status.as_mut().unwrap().conditions.push(first.clone());
        assert_eq!(news(Some(&standing), &live, at("2026-11-25T05:00:00Z")), None);
        let next =
            news(Some(&stands(&[backup(26, CopyPhase::Done)])), &live, at("2026-11-26T04:00:00Z")).unwrap();
        assert_eq!(next.last_transition_time, first.last_transition_time);
        assert_eq!(news(None, &live, at("2026-11-26T04:00:00Z")).unwrap().reason, "NotScheduled");
    }

    #[test]
    fn one_made_by_hand_that_ends_after_a_scheduled_one_makes_that_no_later() {
        let scheduled = backup(25, CopyPhase::Done);
        let mut by_hand = backup(25, CopyPhase::Done);
        by_hand.metadata.name = Some("by-hand".into());
        by_hand.metadata.labels = None;
        by_hand.metadata.creation_timestamp = Some(Time(at("2026-11-25T02:00:00Z")));
        by_hand.status.as_mut().unwrap().finished = Some(Time(at("2026-11-25T03:30:00Z")));
        let stands = stands(&[scheduled, by_hand]);
        assert_eq!(stands.whole.unwrap().0, "by-hand");
        assert_eq!(stands.due, Some(at("2026-11-26T03:00:00Z")));
    }

    #[test]
    fn one_that_ends_in_the_second_in_which_another_was_told_as_failed_is_whole_all_the_same() {
        let mut live = environment();
        let failed = news(Some(&stands(&[backup(24, CopyPhase::Failed)])), &live, at("2026-11-25T03:05:00Z"));
        live.status.as_mut().unwrap().conditions = vec![failed.unwrap()];
        let whole = stands(&[backup(25, CopyPhase::Done)]);
        let next = news(Some(&whole), &live, at("2026-11-25T03:06:00Z")).unwrap();
        assert_eq!(next.reason, "Stored");
    }
}
