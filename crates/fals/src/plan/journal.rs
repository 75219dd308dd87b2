//! How far each file is shipped, as it stands on disk: one checked row for each change, of which the last one of a
//! file holds. What was written when everything was killed is cut off and left out.

use std::collections::BTreeMap;
use std::path::PathBuf;

use flate2::Crc;
use serde::{Deserialize, Serialize};

use super::cut::Parts;
use crate::record::Origin;

/// By what some bytes of a file are known again.
#[derive(Clone, Debug, Default, Deserialize, PartialEq, Eq, Serialize)]
pub struct Print {
    pub length: u32,
    pub hash: String,
}

/// How far one file is shipped.
#[derive(Clone, Debug, Default, Deserialize, PartialEq, Eq, Serialize)]
pub struct Place {
    pub id: u64,
    /// Which of the sources it belongs to.
    pub source: String,
    pub path: PathBuf,
    pub device: u64,
    pub inode: u64,
    /// Everything before it is accepted.
    pub offset: u64,
    #[serde(default)]
    pub parts: Parts,
    /// So many pieces of what begins at `offset` are accepted, too.
    #[serde(default)]
    pub within: u32,
    /// What lies before it may have been sent.
    pub sent: u64,
    /// The time that was sent with it, in seconds.
    pub at: i64,
    /// Of the file's first bytes.
    pub head: Print,
    /// Of the bytes just before `offset`.
    pub tail: Print,
    /// How long it was when last looked at, and when it was changed, in nanoseconds.
    pub size: u64,
    pub modified: i64,
    /// Its rest lies in the spool.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub copied: bool,
    /// Shipped to its end; remembered so that it is not taken for a new one.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub done: bool,
    /// Of a pod that may be gone by the time the rest is read.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub origin: Option<Origin>,
}

/// A row of the journal.
#[derive(Debug, Deserialize, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Entry {
    Place(Box<Place>),
    Forget(u64),
}

impl Entry {
    pub fn place(place: Place) -> Self {
        Self::Place(Box::new(place))
    }

    /// As it stands in the journal, with its newline.
    pub fn row(&self) -> String {
        let text = serde_json::to_string(self).unwrap_or_default();
        format!("{:08x} {text}\n", checksum(text.as_bytes()))
    }

    fn read(row: &[u8]) -> Option<Self> {
        let row = std::str::from_utf8(row).ok()?;
        let (sum, text) = row.split_once(' ')?;
        let sum = u32::from_str_radix(sum, 16).ok()?;
        (checksum(text.as_bytes()) == sum).then(|| serde_json::from_str(text).ok())?
    }
}

fn checksum(bytes: &[u8]) -> u32 {
    let mut crc = Crc::new();
    crc.update(bytes);
    crc.sum()
}

/// What a journal says.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Replay {
    pub places: BTreeMap<u64, Place>,
    /// Rows that are not whole.
    pub broken: usize,
}

/// Reads a journal from its beginning.
pub fn replay(bytes: &[u8]) -> Replay {
    let mut replay = Replay::default();
    for row in bytes.split_inclusive(|byte| *byte == b'\n') {
        match row.strip_suffix(b"\n").and_then(Entry::read) {
            Some(Entry::Place(place)) => drop(replay.places.insert(place.id, *place)),
            Some(Entry::Forget(id)) => drop(replay.places.remove(&id)),
            None => replay.broken += 1,
        }
    }
    replay
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn place(id: u64, offset: u64) -> Place {
        Place { id, offset, source: "web".into(), path: "/a b".into(), ..Place::default() }
    }

    proptest! {
        #[test]
        fn a_journal_that_was_cut_off_anywhere_holds_what_was_whole(
            changes in prop::collection::vec((0_u64..4, 0_u64..100, prop::bool::ANY), 1..20),
            cut in 0_usize..4000,
        ) {
            let rows: Vec<String> = changes
                .iter()
                .map(|(id, offset, forget)| {
                    let entry = if *forget { Entry::Forget(*id) } else { Entry::place(place(*id, *offset)) };
                    entry.row()
                })
                .collect();
            let whole = rows.concat();
            let cut = cut.min(whole.len());
            let mut expected = BTreeMap::new();
            let mut end = 0;
            for (row, (id, offset, forget)) in rows.iter().zip(&changes) {
                end += row.len();
                if end > cut {
                    break;
                }
                if *forget { expected.remove(id); } else { expected.insert(*id, place(*id, *offset)); }
            }
            let replayed = replay(&whole.as_bytes()[..cut]);
            prop_assert_eq!(replayed.places, expected);
            prop_assert!(replayed.broken <= 1);
        }
    }

    #[test]
    fn a_row_with_another_content_than_was_written_is_left_out() {
        let row = Entry::place(place(1, 7)).row();
        let broken = row.replace(":7,", ":8,");
        assert_eq!(replay(broken.as_bytes()), Replay { broken: 1, ..Replay::default() });
        assert_eq!(replay(row.as_bytes()).places[&1].offset, 7);
    }
}
