//! Which backups are due, and which are no longer kept. A look knows nothing of the one before: the moment that was due is in
//! the name, so that nobody makes two for it, and of several that were missed the last one alone is made.

use api::cron::Cron;
use api::datacopy::{BackupPlace, CopyPhase, DataCopySpec};
use api::project::ClassBackup;
use api::{DataCopy, Environment, marks};
use k8s_openapi::jiff::Timestamp;
use kube::ResourceExt;

/// What is to be done for one environment.
#[derive(Debug, Default, PartialEq)]
pub struct Due {
    pub make: Option<(String, DataCopySpec)>,
    /// Backups that are to go.
    pub forget: Vec<String>,
}

/// `copies`: all of the namespace.
pub fn due(
    environment: &Environment,
    (said, protected): (&ClassBackup, bool),
    copies: &[DataCopy],
    now: Timestamp,
) -> Due {
    let name = environment.name_any();
    let Some(since) = environment.metadata.creation_timestamp.as_ref().map(|time| time.0) else {
        return Due::default();
    };
    let Ok(cron) = Cron::parse(&said.schedule) else { return Due::default() };
    let goes = environment.metadata.deletion_timestamp.is_some();
    let ours = of(environment, copies).into_iter();
    let scheduled: Vec<&DataCopy> =
        ours.filter(|copy| copy.labels().contains_key(marks::SCHEDULED)).collect();
    let under_way = scheduled.iter().any(|copy| !phase(copy).is_final());
    // What was due before there was anything is not missed.
    let moment = cron.due(now).filter(|moment| since < *moment);
    let make = moment.filter(|_| !goes && !under_way).and_then(|moment| {
        let called = called(&BackupPlace::name(&name, moment), &name, copies)?;
        let between = DataCopySpec::between(&name, &name);
        Some((called, DataCopySpec { backup: true, quiesce: false, protected, ..between }))
    });
    let needed = |backup: &str| brought_back(copies, backup);
    Due { make, forget: too_old(&scheduled, said.kept(), needed) }
}

/// Its backups; not those of one that had this name before.
pub(super) fn of<'a>(environment: &Environment, copies: &'a [DataCopy]) -> Vec<&'a DataCopy> {
    let name = environment.name_any();
    let since = environment.metadata.creation_timestamp.as_ref().map(|time| time.0);
    let its = |copy: &&DataCopy| {
        let made = copy.metadata.creation_timestamp.as_ref().map(|time| time.0);
        copy.spec.backup
            && copy.spec.from.environment == name
            && made.is_some()
            && since.is_some()
            && made >= since
    };
    copies.iter().filter(its).collect()
}

/// What one for this moment is called; none: it is there. A name that something else has stops nothing: whoever may make copies
/// could have production's backups left out by it.
fn called(name: &str, environment: &str, copies: &[DataCopy]) -> Option<String> {
    let stem = name.strip_suffix('z').unwrap_or(name);
    let mut names = ('a'..='z').rev().map(|last| format!("{stem}{last}"));
    let holder = |name: &str| copies.iter().find(|copy| copy.name_any() == name);
    let is_it = |copy: &DataCopy| {
        copy.spec.backup
            && copy.spec.from.environment == environment
            && copy.labels().contains_key(marks::SCHEDULED)
    };
    if names.clone().filter_map(|name| holder(&name)).any(is_it) {
        return None;
    }
    names.find(|name| holder(name).is_none())
}

/// Whether one is being brought back: it has to stay until that has ended.
pub fn brought_back(copies: &[DataCopy], backup: &str) -> bool {
    copies.iter().any(|copy| copy.spec.from.backup.as_deref() == Some(backup) && !phase(copy).is_final())
}

/// Only what is whole counts and goes: of those that failed nothing stays anyway, and they take no good one's place.
fn too_old(ours: &[&DataCopy], keep: usize, needed: impl Fn(&str) -> bool) -> Vec<String> {
    let finished =
        |copy: &DataCopy| copy.status.as_ref().and_then(|status| status.finished.as_ref()).map(|time| time.0);
    let mut whole: Vec<&&DataCopy> =
        ours.iter().filter(|copy| phase(copy) == CopyPhase::Done && !copy.spec.forget).collect();
    whole.sort_by_key(|copy| (finished(copy), copy.name_any()));
    let many = whole.len().saturating_sub(keep.max(1));
    whole.into_iter().take(many).map(|copy| copy.name_any()).filter(|name| !needed(name)).collect()
}

fn phase(copy: &DataCopy) -> CopyPhase {
    copy.status.as_ref().map(|status| status.phase).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use api::datacopy::DataCopyStatus;
    use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;

    use super::*;

    const MADE: &str = "2026-11-20T12:00:00Z";

    fn environment(created: &str) -> Environment {
        let mut environment = Environment::new("qa", api::EnvironmentSpec::default());
        environment.metadata.creation_timestamp = Some(Time(created.parse().unwrap()));
        environment
    }

    fn nightly(keep: u32) -> ClassBackup {
        ClassBackup { schedule: "0 3 * * *".into(), keep: Some(keep) }
    }

    fn backup(name: &str, phase: CopyPhase, finished: &str) -> DataCopy {
        let spec = DataCopySpec { backup: true, ..DataCopySpec::between("qa", "qa") };
        let mut copy = DataCopy::new(name, spec);
        copy.metadata.labels = Some([(marks::SCHEDULED.to_owned(), "true".to_owned())].into());
        copy.metadata.creation_timestamp = Some(Time("2026-11-21T03:00:00Z".parse().unwrap()));
        let finished = finished.parse().ok().map(Time);
        copy.status = Some(DataCopyStatus { phase, finished, ..DataCopyStatus::default() });
        copy
    }

    fn made(created: &str, copies: &[DataCopy], now: &str) -> Option<String> {
        due(&environment(created), (&nightly(7), false), copies, now.parse().unwrap())
            .make
            .map(|(name, _)| name)
    }

    #[test]
    fn one_is_made_for_each_moment_and_of_many_that_were_missed_one() {
        let name = made(MADE, &[], "2026-11-26T05:00:00Z").unwrap();
        assert_eq!(name, "qa-20261126t030000z");
        let there = backup(&name, CopyPhase::Done, "2026-11-26T03:05:00Z");
        assert_eq!(made(MADE, std::slice::from_ref(&there), "2026-11-26T05:00:00Z"), None);
        assert_eq!(made(MADE, &[there], "2026-11-29T02:00:00Z").unwrap(), "qa-20261128t030000z");
        // It failed: the next moment comes.
        let failed = backup(&name, CopyPhase::Failed, "2026-11-26T03:05:00Z");
        assert_eq!(made(MADE, &[failed], "2026-11-26T05:00:00Z"), None);
    }

    #[test]
    fn none_is_made_beside_another_nor_for_what_was_due_before_there_was_anything() {
        let runs = backup("by-hand", CopyPhase::Copying, "");
        assert_eq!(made(MADE, &[runs], "2026-11-26T05:00:00Z"), None);
        assert_eq!(made("2026-11-26T04:00:00Z", &[], "2026-11-26T05:00:00Z"), None);
        let mut goes = environment(MADE);
        goes.metadata.deletion_timestamp = Some(Time("2026-11-26T02:00:00Z".parse().unwrap()));
        assert_eq!(due(&goes, (&nightly(7), false), &[], "2026-11-26T05:00:00Z".parse().unwrap()).make, None);
    }

    #[test]
    fn no_other_copy_keeps_one_from_being_made_by_its_name_or_by_waiting() {
        let mut other = DataCopy::new("qa-20261126t030000z", DataCopySpec::between("a", "b"));
        let now = "2026-11-26T05:00:00Z";
        assert_eq!(made(MADE, &[other.clone()], now).unwrap(), "qa-20261126t030000y");
        let it = backup("qa-20261126t030000y", CopyPhase::Done, "2026-11-26T03:05:00Z");
        assert_eq!(made(MADE, &[other.clone(), it], now), None, "once, under whichever name");
        other = backup("by-hand", CopyPhase::Pending, "");
        other.metadata.labels = None;
        assert_eq!(made(MADE, &[other], now).unwrap(), "qa-20261126t030000z");
    }

    #[test]
    fn the_newest_whole_ones_stay_and_one_that_failed_takes_no_place() {
        let day = |day: u32, phase| backup(&format!("qa-{day}"), phase, &format!("2026-11-{day}T03:05:00Z"));
        let copies = [
            day(21, CopyPhase::Done),
            day(22, CopyPhase::Done),
            day(23, CopyPhase::Failed),
            day(24, CopyPhase::Done),
            day(25, CopyPhase::Failed),
        ];
        let forget = |keep| {
            due(&environment(MADE), (&nightly(keep), false), &copies, "2026-11-25T04:00:00Z".parse().unwrap())
                .forget
        };
        assert_eq!(forget(2), ["qa-21"]);
        assert_eq!(forget(1), ["qa-21", "qa-22"]);
        assert!(forget(3).is_empty() && forget(0) == forget(1), "the newest never goes");
    }

    #[test]
    fn what_was_made_by_hand_or_of_a_namesake_before_stays_and_so_does_what_is_being_brought_back() {
        let mut copies: Vec<DataCopy> = (21..26)
            .map(|day| backup(&format!("qa-{day}"), CopyPhase::Done, &format!("2026-11-{day}T03:05:00Z")))
            .collect();
        copies[0].metadata.labels = None;
        copies[1].metadata.creation_timestamp = Some(Time("2026-11-19T03:00:00Z".parse().unwrap()));
        let mut restore = DataCopySpec::between("qa", "other");
        restore.from.backup = Some("qa-23".into());
        let forget = |copies: &[DataCopy]| {
            due(&environment(MADE), (&nightly(1), false), copies, "2026-11-25T04:00:00Z".parse().unwrap())
                .forget
        };
        assert_eq!(forget(&copies), ["qa-23", "qa-24"]);
        copies.push(DataCopy::new("r1", restore));
        assert_eq!(forget(&copies), ["qa-24"]);
    }
}
