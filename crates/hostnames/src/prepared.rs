//! Which named hosts were found to have their claim and their route: what was seen then is not asked for again at every turn.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use crate::plan::Name;

/// Somebody may change a route behind our back.
const LOOK: Duration = Duration::from_secs(60);

/// What it hangs on, by their UIDs and revisions.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Prepared {
    pub hostname: (Option<String>, Option<i64>),
    pub environment: (Option<String>, Option<i64>),
    pub claim: Option<String>,
}

#[derive(Default)]
pub struct Memory(Mutex<BTreeMap<Name, (Prepared, Instant)>>);

impl Memory {
    pub fn holds(&self, host: &Name, seen: &Prepared) -> bool {
        let known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        known.get(host).is_some_and(|(before, at)| before == seen && at.elapsed() < LOOK)
    }

    /// `good`: nothing had to be waited for.
    pub fn remember(&self, host: &Name, seen: Prepared, good: bool) {
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        match good {
            // Without a claim of ours there was nothing to see yet.
            true if seen.claim.is_some() => drop(known.insert(host.clone(), (seen, Instant::now()))),
            _ => drop(known.remove(host)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_found_good_is_not_asked_for_again_until_something_changes() {
        let (memory, host) = (Memory::default(), Name::host("www.example.com").unwrap());
        let seen = |generation| Prepared {
            hostname: (Some("a".into()), Some(generation)),
            environment: (Some("b".into()), Some(1)),
            claim: Some("c".into()),
        };
        assert!(!memory.holds(&host, &seen(1)));
        memory.remember(&host, seen(1), true);
        assert!(memory.holds(&host, &seen(1)) && !memory.holds(&host, &seen(2)));
        memory.remember(&host, seen(1), false);
        assert!(!memory.holds(&host, &seen(1)));
        memory.remember(&host, Prepared { claim: None, ..seen(1) }, true);
        assert!(!memory.holds(&host, &Prepared { claim: None, ..seen(1) }));
    }
}
