//! Questions that are asked as objects, Plans among them: whoever asks takes theirs back, and what was left behind is swept.

use std::fmt::Debug;
use std::time::Duration;

use k8s_openapi::jiff::{SignedDuration, Timestamp};
use kube::ResourceExt;
use kube::api::{Api, DeleteParams};
use kube::runtime::controller::Action;
use serde::de::DeserializeOwned;

use crate::error::Error;

/// A question that nobody took back is gone after this long.
pub const LIFETIME: Duration = Duration::from_secs(300);

/// Deletes it once its time is up.
pub async fn sweep<K>(question: &K, api: &Api<K>) -> Result<Action, Error>
where
    K: ResourceExt + Clone + Debug + DeserializeOwned,
{
    let left = remaining(question);
    if !left.is_zero() {
        return Ok(Action::requeue(left + Duration::from_secs(1)));
    }
    match api.delete(&question.name_any(), &DeleteParams::default()).await {
        Err(error) if !apply::error::is_status(&error, 404) => Err(error.into()),
        _ => Ok(Action::await_change()),
    }
}

/// Whether nobody waits for an answer any more.
pub fn is_over<K: ResourceExt>(question: &K) -> bool {
    remaining(question).is_zero()
}

fn remaining<K: ResourceExt>(question: &K) -> Duration {
    let now = Timestamp::now();
    let made = question.creation_timestamp().map_or(now, |time| time.0);
    left(made, now)
}

/// How much longer a question is of use. The API server's clock made it, ours asks: where ours is behind, it is new, not old.
fn left(made: Timestamp, now: Timestamp) -> Duration {
    let age = now.duration_since(made).max(SignedDuration::ZERO).unsigned_abs();
    LIFETIME.saturating_sub(age)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_question_from_the_future_is_a_fresh_one() {
        let at = |second| Timestamp::from_second(second).unwrap();
        assert_eq!(left(at(1_000), at(1_100)), LIFETIME - Duration::from_secs(100));
        assert_eq!(left(at(1_000), at(9_000)), Duration::ZERO);
        assert_eq!(left(at(9_000), at(1_000)), LIFETIME, "the operator's clock is behind");
    }
}
