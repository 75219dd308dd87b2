//! What the world outside is told of backups that schedules make: each that failed, that one lacks, and that one is whole again. What is
//! so stands in a condition that another slice writes; nothing is judged here.

use api::condition::{self, BACKED_UP, BACKUP_ANNOUNCED, NEWEST_WHOLE};
use api::{Condition, ConditionStatus, Environment};
use k8s_openapi::jiff::Timestamp;
use kube::ResourceExt;
use serde_json::json;

use super::{Act, Message, PASSED, command, described, earlier, id, one_line, place, taken};

pub fn act(environment: &Environment, now: Timestamp) -> Act {
    let said = environment.status.as_ref().map(|status| status.conditions.as_slice()).unwrap_or_default();
    let Some(stands) = condition::find(said, BACKED_UP) else { return Act::Nothing };
    // Whoever destroys it wants no more backups of it.
    if environment.metadata.deletion_timestamp.is_some() {
        return Act::Nothing;
    }
    let before = condition::find(said, BACKUP_ANNOUNCED);
    let told = before.filter(|told| told.is_true());
    match stands.status {
        ConditionStatus::False => {
            let same = |told: &Condition| {
                told.reason == stands.reason && trouble(&told.message) == trouble(&stands.message)
            };
            if told.is_some_and(same) {
                return Act::Nothing;
            }
            let next = (BACKUP_ANNOUNCED, ConditionStatus::True);
            let taken = taken(environment, next, &stands.reason, &stands.message, now);
            Act::Tell(message(environment, "backup.failed", stands, before, taken, now))
        }
        // Nor does anything lack of which no backups are made any more, or none yet.
        ConditionStatus::True | ConditionStatus::Unknown if told.is_some() => {
            let next = (BACKUP_ANNOUNCED, ConditionStatus::False);
            let taken = taken(environment, next, PASSED, &stands.message, now);
            Act::Tell(message(environment, "backup.passed", stands, before, taken, now))
        }
        ConditionStatus::True | ConditionStatus::Unknown => Act::Nothing,
    }
}

/// Which whole one is the newest is no news: that one may be removed.
fn trouble(message: &str) -> &str {
    message.rsplit_once(NEWEST_WHOLE).map_or(message, |(trouble, _)| trouble)
}

fn message(
    environment: &Environment,
    event: &str,
    stands: &Condition,
    before: Option<&Condition>,
    taken: Condition,
    now: Timestamp,
) -> Message {
    let id = id(&json!([environment.uid(), event, stands.reason, stands.message, earlier(before)]));
    let body = json!({
        "type": event,
        "timestamp": now.to_string(),
        "text": one_line(&format!("{}: {}", place(environment), stands.message)),
        "data": {
            "environment": described(environment),
            "backup": {"reason": stands.reason, "message": stands.message},
            "command": command(environment, "backups"),
        },
    });
    Message { id, body, taken }
}

#[cfg(test)]
mod tests {
    use api::{EnvironmentSpec, EnvironmentStatus};

    use super::*;

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(second).unwrap()
    }

    fn stands(environment: &mut Environment, status: ConditionStatus, reason: &str, message: &str) {
        let next = taken(environment, (BACKED_UP, status), reason, message, at(1));
        condition::set(&mut environment.status.as_mut().unwrap().conditions, next);
    }

    fn environment() -> Environment {
        let spec = EnvironmentSpec { class: "production".into(), ..EnvironmentSpec::default() };
        let mut environment = Environment::new("live", spec);
        environment.metadata.namespace = Some("shop".into());
        environment.status = Some(EnvironmentStatus::default());
        environment
    }

    /// What a receiver that takes everything has heard.
    fn take(environment: &mut Environment, now: i64) -> Option<Message> {
        let Act::Tell(message) = super::super::act(environment, at(now)) else { return None };
        condition::set(&mut environment.status.as_mut().unwrap().conditions, message.taken.clone());
        Some(message)
    }

    #[test]
    fn each_backup_that_failed_is_told_once_and_that_one_is_whole_again() {
        let mut live = environment();
        stands(&mut live, ConditionStatus::True, "Stored", "backup live-1 is whole");
        assert_eq!(take(&mut live, 1), None, "nothing was ever wrong");
        stands(&mut live, ConditionStatus::False, "BackupFailed", "backup live-2 failed");
        let first = take(&mut live, 2).unwrap();
        assert_eq!(first.body["type"], "backup.failed");
        assert_eq!(first.body["text"], "shop/live (production): backup live-2 failed");
        assert_eq!(take(&mut live, 3), None);
        stands(&mut live, ConditionStatus::False, "BackupFailed", "backup live-3 failed");
        assert_ne!(take(&mut live, 4).unwrap().id, first.id, "the next night");
        stands(&mut live, ConditionStatus::True, "Stored", "backup live-4 is whole");
        assert_eq!(take(&mut live, 5).unwrap().body["type"], "backup.passed");
        assert_eq!(take(&mut live, 6), None);
    }

    #[test]
    fn what_was_not_taken_is_told_again_under_the_same_id() {
        let mut live = environment();
        stands(&mut live, ConditionStatus::False, "BackupOverdue", "a backup was due");
        let (Act::Tell(first), Act::Tell(again)) = (act(&live, at(1)), act(&live, at(99))) else {
            panic!("nothing was told")
        };
        assert_eq!(first.id, again.id);
    }

    #[test]
    fn another_newest_one_is_no_news_and_a_schedule_that_is_gone_ends_it() {
        let mut live = environment();
        stands(
            &mut live,
            ConditionStatus::False,
            "BackupFailed",
            &format!("backup live-2 failed{NEWEST_WHOLE}live-1"),
        );
        assert!(take(&mut live, 1).is_some());
        stands(
            &mut live,
            ConditionStatus::False,
            "BackupFailed",
            &format!("backup live-2 failed{NEWEST_WHOLE}none"),
        );
        assert_eq!(take(&mut live, 2), None);
        stands(&mut live, ConditionStatus::Unknown, "NotScheduled", "no schedule makes backups of it");
        let passed = take(&mut live, 3).unwrap();
        assert_eq!(passed.body["type"], "backup.passed");
        assert_eq!(passed.body["data"]["backup"]["reason"], "NotScheduled");
        assert_eq!(take(&mut live, 4), None);
    }

    #[test]
    fn what_is_being_destroyed_and_what_has_no_schedule_is_not_told() {
        let mut live = environment();
        stands(&mut live, ConditionStatus::Unknown, "NotScheduled", "no schedule");
        assert_eq!(act(&live, at(1)), Act::Nothing);
        stands(&mut live, ConditionStatus::False, "BackupFailed", "backup live-2 failed");
        live.metadata.deletion_timestamp = Some(k8s_openapi::apimachinery::pkg::apis::meta::v1::Time(at(1)));
        assert_eq!(act(&live, at(2)), Act::Nothing);
    }
}
