//! What becomes of the revisions of an environment that was destroyed.

use std::time::Duration;

use k8s_openapi::jiff::{SignedDuration, Timestamp};

/// How an environment is of which there are revisions.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Life {
    /// It exists; or it was let go of, and what it made runs on.
    Lives,
    BeingDestroyed,
    /// Neither it nor its namespace is there.
    Gone,
}

/// What is done about one revision.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step {
    Leave,
    /// From now on its days are counted.
    Begin,
    /// They are not any more: there is an environment of that name again.
    End,
    Delete,
}

/// `kept_until` is by an operator's clock, and so is `now`: of clocks that differ by minutes, days do not care.
pub fn step(life: Life, kept_until: Option<Timestamp>, now: Timestamp) -> Step {
    match (life, kept_until) {
        (Life::Gone, None) => Step::Begin,
        (Life::Gone, Some(until)) if until <= now => Step::Delete,
        (Life::Lives, Some(_)) => Step::End,
        _ => Step::Leave,
    }
}

/// Until when what is retired now is kept, in whole seconds.
pub fn until(now: Timestamp, retention: Duration) -> Timestamp {
    let length = SignedDuration::try_from(retention).unwrap_or(SignedDuration::MAX);
    let until = now.checked_add(length).unwrap_or(Timestamp::MAX);
    Timestamp::from_second(until.as_second()).unwrap_or(until)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(second).unwrap()
    }

    #[test]
    fn a_revision_goes_only_when_its_time_is_up_and_nothing_of_its_environment_is_there() {
        let steps = [
            (Life::Gone, None, Step::Begin),
            (Life::Gone, Some(at(101)), Step::Leave),
            (Life::Gone, Some(at(100)), Step::Delete),
            (Life::Lives, Some(at(1)), Step::End),
            (Life::Lives, None, Step::Leave),
            (Life::BeingDestroyed, Some(at(1)), Step::Leave),
            (Life::BeingDestroyed, None, Step::Leave),
        ];
        for (life, until, wanted) in steps {
            assert_eq!(step(life, until, at(100)), wanted, "{life:?} {until:?}");
        }
    }

    #[test]
    fn a_retention_without_end_is_no_overflow() {
        assert_eq!(until(at(0), Duration::from_secs(60)), at(60));
        assert!(until(at(0), Duration::MAX) > at(1_000_000_000));
    }
}
