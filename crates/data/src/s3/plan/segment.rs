//! A stretch of the ledger: a range of keys, and a mark for each object that was found equal in it.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use super::rows::Mark;

/// Objects of one segment: what is lost of the ledger at most, for each range that is walked, when a copy is killed.
pub const OBJECTS: usize = 5_000;

/// A header is no longer than this, whatever its keys are.
pub const HEADER: u64 = 16 << 10;

/// Of the scope whose keys begin with `scope`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Header {
    pub scope: String,
    pub after: String,
    pub upto: Option<String>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Segment {
    pub header: Header,
    pub marks: BTreeSet<Mark>,
}

impl Segment {
    pub fn write(&self) -> Vec<u8> {
        let mut bytes = serde_json::to_vec(&self.header).unwrap_or_default();
        bytes.push(b'\n');
        bytes.extend(self.marks.iter().flatten());
        bytes
    }

    /// None: it is none of ours.
    pub fn read(bytes: &[u8]) -> Option<Self> {
        let (header, rest) = split(bytes)?;
        let (marks, []) = rest.as_chunks() else { return None };
        Some(Self { header, marks: marks.iter().copied().collect() })
    }
}

/// Of a segment, or of its beginning.
pub fn header(bytes: &[u8]) -> Option<Header> {
    Some(split(bytes)?.0)
}

fn split(bytes: &[u8]) -> Option<(Header, &[u8])> {
    let end = memchr::memchr(b'\n', bytes)?;
    let (header, rest) = bytes.split_at(end);
    Some((serde_json::from_slice(header).ok()?, rest.get(1..)?))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn what_is_written_is_read_and_what_is_cut_off_is_not(after in ".{0,8}", upto in proptest::option::of(".{0,8}"), marks in proptest::collection::btree_set(any::<Mark>(), 1..9)) {
            let segment = Segment { header: Header { scope: "a/".into(), after, upto }, marks };
            let bytes = segment.write();
            prop_assert_eq!(header(&bytes), Some(segment.header.clone()));
            prop_assert_eq!(Segment::read(&bytes[..bytes.len() - 3]), None);
            prop_assert_eq!(Segment::read(&bytes), Some(segment));
        }
    }
}
