//! What a day of the audit has room for, in all and of each person: nobody hides what was done behind very much else. Pure.

use std::collections::BTreeMap;

use super::Record;
use super::journal::LONGEST;

/// No day of people and CI has more; whoever sends more than that fills no disk with it. They stand in the log.
pub(super) const MOST_A_DAY: u32 = 50_000;
/// … and nobody hides what others did, or what they did themselves, behind very many of their own.
pub(super) const EACH_A_DAY: u32 = 10_000;
/// The same in bytes: etcd has room for a few thousand millions of them, and a month of days is kept.
pub(super) const BYTES_A_DAY: usize = 20_000_000;
const BYTES_EACH_A_DAY: usize = 4_000_000;

/// The newest day that there was a line of.
#[derive(Default)]
pub(super) struct Today {
    day: String,
    pub(super) filled: Filled,
    pub(super) people: BTreeMap<String, Theirs>,
}

/// What one person filled of a day.
#[derive(Default)]
pub(super) struct Theirs {
    filled: Filled,
    /// The groups that they were named with last.
    named: Option<Vec<String>>,
}

#[derive(Default)]
pub(super) struct Filled {
    pub(super) lines: u32,
    bytes: usize,
}

impl Filled {
    /// What was refused may fill half of it only, so that whoever may do nothing hides nothing that was done.
    fn is_full(&self, lines: u32, bytes: usize, refused: bool) -> bool {
        let (lines, bytes) = if refused { (lines / 2, bytes / 2) } else { (lines, bytes) };
        self.lines >= lines || self.bytes >= bytes
    }

    fn add(&mut self, bytes: usize) {
        self.lines += 1;
        self.bytes += bytes;
    }
}

impl Today {
    /// The line that is kept of it; none: there is no room for it.
    pub(super) fn line(&mut self, day: &str, record: &Record) -> Option<String> {
        if self.day.as_str() < day {
            *self = Self { day: day.to_owned(), ..Self::default() };
        }
        let refused = (400..500).contains(&record.status);
        if self.filled.is_full(MOST_A_DAY, BYTES_A_DAY, refused) {
            return None;
        }
        let theirs = self.people.entry(record.who.clone()).or_default();
        if theirs.filled.is_full(EACH_A_DAY, BYTES_EACH_A_DAY, refused) {
            return None;
        }
        let mut record = record.clone();
        // Once a day, and again when they are others.
        let groups = std::mem::take(&mut record.groups);
        if theirs.named.as_ref() != Some(&groups) {
            record.groups.clone_from(&groups);
        }
        let line = serde_json::to_string(&record).unwrap_or_default();
        // Whoever asks cuts what they say; one that is longer than an object would stop all behind it.
        if line.len() > LONGEST {
            return None;
        }
        theirs.named = Some(groups);
        theirs.filled.add(line.len());
        self.filled.add(line.len());
        Some(line)
    }
}
