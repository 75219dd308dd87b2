//! What a server remembers of sessions, which lie in their cookies. Holds nothing for ever.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use jiff::Timestamp;

use crate::door::parked::Park;

/// Sessions that were ended before their time, until they would have ended anyway.
const MOST_ENDED: usize = 100_000;

/// What a server remembers of sessions that it does not keep itself.
#[derive(Default)]
pub struct Memory {
    /// Those that were ended before their time.
    ended: Mutex<HashMap<String, Timestamp>>,
    /// Sign-ins that somebody came back from.
    used: Mutex<HashMap<String, Timestamp>>,
    pub(super) parked: Park,
}

type Until = HashMap<String, Timestamp>;

impl Memory {
    /// Ends a session that would have been forgotten then.
    pub fn end(&self, id: &str, forgotten: Timestamp, now: Timestamp) {
        let mut ended = lock(&self.ended);
        if ended.len() >= MOST_ENDED {
            ended.retain(|_, until| now < *until);
        }
        if ended.len() >= MOST_ENDED {
            // Those that would end first anyway: half of them, so that it is not looked for them each time.
            let mut ends: Vec<Timestamp> = ended.values().copied().collect();
            let (_, middle, _) = ends.select_nth_unstable(MOST_ENDED / 2);
            let middle = *middle;
            ended.retain(|_, until| middle < *until);
        }
        ended.insert(id.to_owned(), forgotten);
    }

    pub fn was_ended(&self, id: &str) -> bool {
        lock(&self.ended).contains_key(id)
    }

    /// Whether nobody came back from that sign-in yet.
    pub fn is_first(&self, state: &str, until: Timestamp, now: Timestamp) -> bool {
        let mut used = lock(&self.used);
        used.retain(|_, until| now < *until);
        used.insert(state.to_owned(), until).is_none()
    }
}

fn lock(kept: &Mutex<Until>) -> MutexGuard<'_, Until> {
    kept.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use jiff::SignedDuration;

    use super::*;

    #[test]
    fn of_too_many_ended_sessions_those_that_end_first_are_forgotten() {
        let (memory, now) = (Memory::default(), Timestamp::UNIX_EPOCH);
        let later = |second: usize| now + SignedDuration::from_secs(second as i64 + 1);
        for number in 0..MOST_ENDED + 10 {
            memory.end(&number.to_string(), later(number), now);
        }
        assert!(lock(&memory.ended).len() <= MOST_ENDED);
        assert!(!memory.was_ended("0"));
        for number in [MOST_ENDED / 2 + 1, MOST_ENDED, MOST_ENDED + 9] {
            assert!(memory.was_ended(&number.to_string()), "{number}");
        }
    }
}
