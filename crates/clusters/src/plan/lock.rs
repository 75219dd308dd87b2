//! Who works on a state, as the lock beside it says, and whether they still do.

use serde::{Deserialize, Serialize};

/// What Terraform writes beside a state while it works on it.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct Lock {
    #[serde(rename = "ID")]
    pub id: String,
    #[serde(default)]
    pub operation: String,
    #[serde(default)]
    pub info: String,
    /// `user@host`.
    #[serde(default)]
    pub who: String,
    #[serde(default)]
    pub version: String,
    #[serde(default)]
    pub created: String,
    #[serde(default)]
    pub path: String,
}

impl Lock {
    /// What its holder does.
    pub fn what(&self) -> &str {
        if self.info.is_empty() { &self.operation } else { &self.info }
    }
}

/// What this machine remembers of the last run of Terraform on a state.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct LastRun {
    /// `user@host`, as in locks.
    pub who: String,
    /// Whether its process is there still.
    pub alive: bool,
    /// When it was begun, RFC 3339 in UTC.
    pub begun: String,
    /// When its end was seen, if it was.
    pub ended: Option<String>,
}

#[derive(Clone, Copy, Debug, Eq, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub enum Holder {
    /// A run of this machine that goes on.
    Alive,
    /// A run of this machine that ended without releasing it.
    Gone,
    /// Somebody else, of whom this machine knows nothing.
    Unknown,
}

/// A lock is an orphan only if that is proved: it was taken by the last run of this person on this machine, which is gone.
pub fn holder(lock: &Lock, last: Option<&LastRun>) -> Holder {
    let Some(last) = last else { return Holder::Unknown };
    let before = lock.created.as_str() < seconds(&last.begun);
    // What was taken after the last run had ended is somebody else's, be it by the same name.
    let after = last.ended.as_deref().is_some_and(|ended| seconds(&lock.created) > seconds(ended));
    if lock.who != last.who || before || after {
        return Holder::Unknown;
    }
    if last.alive { Holder::Alive } else { Holder::Gone }
}

/// Up to its seconds: fractions are written by some and not by others.
fn seconds(time: &str) -> &str {
    time.get(..19).unwrap_or(time)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lock(who: &str, created: &str) -> Lock {
        let text = format!(
            r#"{{"ID":"b7","Operation":"OperationTypeApply","Info":"","Who":"{who}","Version":"1.11.4","Created":"{created}","Path":"x"}}"#
        );
        serde_json::from_str(&text).unwrap()
    }

    fn last(alive: bool) -> LastRun {
        LastRun { who: "root@ci-1".into(), alive, begun: "2026-11-26T01:00:00.4Z".into(), ended: None }
    }

    #[test]
    fn a_lock_is_an_orphan_only_if_that_is_proved() {
        let ours = lock("root@ci-1", "2026-11-26T01:00:01.123Z");
        assert_eq!(holder(&ours, Some(&last(true))), Holder::Alive);
        assert_eq!(holder(&ours, Some(&last(false))), Holder::Gone);
        assert_eq!(holder(&ours, None), Holder::Unknown);
        assert_eq!(holder(&lock("root@ci-2", "2026-11-26T01:00:01Z"), Some(&last(false))), Holder::Unknown);
        assert_eq!(holder(&lock("bob@ci-1", "2026-11-26T01:00:01Z"), Some(&last(false))), Holder::Unknown);
        let ended = LastRun { ended: Some("2026-11-26T01:30:00.1Z".into()), ..last(false) };
        assert_eq!(holder(&lock("root@ci-1", "2026-11-26T01:20:00Z"), Some(&ended)), Holder::Gone);
        assert_eq!(holder(&lock("root@ci-1", "2026-11-27T09:00:00Z"), Some(&ended)), Holder::Unknown);
        // Taken before our last run began, so by another one.
        assert_eq!(holder(&lock("root@ci-1", "2026-11-26T00:59:59Z"), Some(&last(false))), Holder::Unknown);
    }
}
