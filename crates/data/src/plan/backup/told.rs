//! How the backups of an environment stand that its class's schedule makes: the newest whole one, whether the last one failed, and
//! since when one lacks. That is written at the environment, counted and announced from there; it makes and removes none.

use api::condition::{self, BACKED_UP};
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
    /// When the one that comes after it is due, or was.
    pub due: Option<Timestamp>,
    /// What failed after it, and why.
    pub failed: Option<String>,
}

/// `copies`: all of the namespace. None: nothing is to be told of it.
pub fn standing(
    environment: &Environment,
    (said, protected): (&ClassBackup, bool),
    copies: &[DataCopy],
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
    let due = match whole.and_then(made) {
        Some(made) => cron.after(made),
        // A schedule may be younger than the environment: with the first one that it made it begins.
        None => scheduled().filter_map(made).min().map_or_else(|| cron.after(since), |first| cron.due(first)),
    };
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
        Some(standing) => words(standing, now)?,
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

fn words(standing: &Standing, now: Timestamp) -> Option<(ConditionStatus, &'static str, String)> {
    let newest = standing.whole.as_ref().map_or_else(
        || "there is no whole one".to_owned(),
        |(name, at)| format!("the newest whole one is {name}, of {at}"),
    );
    let late = standing.due.filter(|due| now.as_second() - due.as_second() > LATE);
    match (&standing.failed, late, &standing.whole) {
        (Some(failed), ..) => Some((ConditionStatus::False, "BackupFailed", format!("{failed}; {newest}"))),
        (None, Some(due), _) => {
            Some((ConditionStatus::False, OVERDUE, format!("a backup was due at {due}; {newest}")))
        }
        (None, None, Some((name, _))) => {
            Some((ConditionStatus::True, "Stored", format!("backup {name} is whole")))
        }
        (None, None, None) => None,
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
        standing(&environment(), (&nightly, true), copies).unwrap()
    }

    fn told(copies: &[DataCopy], now: &str) -> Option<(String, String)> {
        news(Some(&stands(copies)), &environment(), at(now)).map(|told| (told.reason, told.message))
    }

    #[test]
    fn one_that_failed_is_told_until_another_is_whole() {
        let mut copies = vec![backup(24, CopyPhase::Done), backup(25, CopyPhase::Failed)];
        let (reason, message) = told(&copies, "2026-11-25T03:06:00Z").unwrap();
        assert_eq!(reason, "BackupFailed");
        assert_eq!(
            message,
            "backup live-25 failed: service db: access denied; fix: see to it; the newest whole one is live-24, of \
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
        assert_eq!(stands(&copies).due, Some(at("2026-11-25T03:00:00Z")));
        assert_eq!(told(&copies, "2026-11-26T03:00:00Z").unwrap().0, "Stored");
        let late = told(&copies, "2026-11-26T03:00:01Z").unwrap();
        assert_eq!(late.0, OVERDUE);
        assert_eq!(told(&copies, "2026-11-29T00:00:00Z").unwrap(), late);
    }

    #[test]
    fn a_new_schedule_of_an_old_environment_lacks_nothing_at_once() {
        assert_eq!(stands(&[backup(25, CopyPhase::Copying)]).due, Some(at("2026-11-25T03:00:00Z")));
        assert_eq!(told(&[backup(25, CopyPhase::Copying)], "2026-11-25T12:00:00Z"), None);
        assert_eq!(stands(&[]).due, Some(at("2026-11-21T03:00:00Z")));
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
}
