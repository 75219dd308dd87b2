//! What happened how often in a row, by what it happened to. Forgets what has been calm for long.

use std::collections::HashMap;
use std::hash::Hash;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use k8s_openapi::jiff::Timestamp;

use crate::plan::backoff::{Rules, Streak};

/// More entries than this are swept of those that are over.
const MANY: usize = 1_000;

pub struct Streaks<K> {
    rules: Rules,
    known: Mutex<HashMap<K, Streak>>,
}

impl<K: Eq + Hash> Streaks<K> {
    pub fn new(rules: Rules) -> Self {
        Self { rules, known: Mutex::default() }
    }

    /// Counts once more; how long the next time has to wait.
    pub fn count(&self, key: K, now: Timestamp) -> Duration {
        let mut known = self.lock();
        if known.len() > MANY {
            known.retain(|_, streak| self.rules.goes_on(*streak, now));
        }
        let streak = self.rules.again(known.get(&key).copied(), now);
        known.insert(key, streak);
        self.rules.length(streak)
    }

    /// Until when it has to wait; none: it may be at once.
    pub fn until(&self, key: &K, now: Timestamp) -> Option<Timestamp> {
        self.lock().get(key).and_then(|streak| self.rules.until(*streak, now))
    }

    pub fn reset(&self, key: &K) {
        self.lock().remove(key);
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<K, Streak>> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
