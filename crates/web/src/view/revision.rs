//! The revisions of an environment, newest first.

use jiff::Timestamp;
use verbs::environment::Entry;
use words::time::age_at;

pub struct Line {
    pub entry: Entry,
    pub age: String,
    /// Versions that the one before it did not have.
    pub changed: Vec<(String, String)>,
    pub same: usize,
}

/// `entries` are newest first.
pub fn lines(entries: &[Entry], now: Timestamp) -> Vec<Line> {
    let line = |(index, entry): (usize, &Entry)| {
        let before = entries.get(index + 1);
        let is_new = |component: &String, version: &String| {
            before.is_none_or(|before| before.versions.get(component) != Some(version))
        };
        let changed: Vec<_> = entry
            .versions
            .iter()
            .filter(|(component, version)| is_new(component, version))
            .map(|(component, version)| (component.clone(), version.clone()))
            .collect();
        Line {
            age: age_at(entry.made.as_deref(), now),
            same: entry.versions.len() - changed.len(),
            changed,
            entry: entry.clone(),
        }
    };
    entries.iter().enumerate().map(line).collect()
}

impl Line {
    /// Whether going back to it makes sense.
    pub fn can_come_back(&self) -> bool {
        self.entry.ready && !self.entry.current
    }
}
