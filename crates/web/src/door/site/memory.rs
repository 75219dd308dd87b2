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
