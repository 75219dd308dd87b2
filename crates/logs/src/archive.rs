//! What Firehose delivered to S3, read again: found by time, searched as raw bytes, newest lines first.
//!
//! Never writes there, and never reads more than it says it will.

mod bound;
mod cursor;
mod error;
mod fields;
mod formats;
mod keep;
mod listing;
mod object;
mod prefixes;
mod record;
mod search;
mod sieve;
mod store;
#[cfg(test)]
mod tests;
mod time;
mod values;

use std::time::Duration;

use jiff::Timestamp;
use serde::Serialize;

use crate::Query;
pub use cursor::{Cursor, CursorError};
pub use error::{Doing, Error};
pub use fields::Fields;
pub use search::{Floor, Search, Take, prepare};
pub use store::{Place, Reading, Store};

/// As long as Firehose can be told to wait.
const BUFFER: Duration = Duration::from_secs(900);

/// Where shipped lines are, and how they are written there.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Archive {
    pub place: aws::BucketPlace,
    /// What keys begin with before `YYYY/MM/DD/HH/`.
    pub prefix: String,
    /// So long a line may be on its way.
    pub buffer: Duration,
    pub fields: Fields,
}

/// Which lines are wanted.
#[derive(Clone, Debug)]
pub struct Wanted {
    pub project: String,
    pub environment: String,
    pub query: Query,
    pub since: Timestamp,
    /// Up to this moment, and this moment too.
    pub until: Timestamp,
    /// The newest so many; those of the same moment as the last one come with it.
    pub limit: usize,
}

/// What a search may take at most.
#[derive(Clone, Copy, Debug)]
pub struct Most {
    /// As they lie there.
    pub bytes: u64,
    /// To list, and to read.
    pub requests: u64,
    /// For lines that wait for their place; what is read takes about as much once more.
    pub memory: usize,
}

/// What a search tells on its way.
#[derive(Clone, Debug)]
pub enum Event {
    /// Newest first.
    Line(Found),
    Progress(Progress),
}

/// A line, and what is known about it beside.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Found {
    pub line: crate::Line,
    /// Its time is that of its writing, to the nanosecond: with its text it says which line it is.
    pub exact: bool,
    /// It may have been shipped before.
    pub resent: bool,
    pub place: Place,
}

/// What a search will read at most, known before it reads.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Estimate {
    pub objects: u64,
    /// As they lie there, compressed or not.
    pub bytes: u64,
    /// Requests of this kind that were made to know it.
    pub list_requests: u64,
    pub get_requests: u64,
    /// Objects that lie where nothing can be read before somebody fetches it back, and are left out.
    pub frozen: u64,
}

/// How far a search is.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Progress {
    pub objects: u64,
    pub bytes: u64,
    pub of: Estimate,
    pub found: u64,
    /// At the speed so far.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub seconds_left: Option<u64>,
}

/// What was passed over, and why.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Skipped {
    /// Records that are no line of a log: those of other tools on the same stream.
    pub foreign: u64,
    /// Bytes between records that are no JSON.
    pub malformed: u64,
    /// Objects that end in the middle or are broken; what could be read of them was used.
    pub damaged: u64,
    /// Objects in a format that is not read: ZIP, Snappy, Parquet.
    pub unreadable: u64,
    /// Objects that were gone when they were to be read.
    pub gone: u64,
    /// The same line, shipped more than once.
    pub duplicates: u64,
    /// Lines that are older than their place among the others: clocks disagree.
    pub out_of_order: u64,
}

/// How a search ended.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Summary {
    pub lines: u64,
    pub objects: u64,
    pub bytes: u64,
    /// Unpacked.
    pub unpacked: u64,
    pub skipped: Skipped,
    /// There may be more, and all that is left is older than this.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub more_before: Option<Timestamp>,
    /// There was no room for as many as were wanted, or for all of one moment.
    #[serde(skip)]
    pub cut: bool,
}

impl Archive {
    /// As a project names it.
    pub fn of(named: &api::project::LogArchive) -> Self {
        let buffer = named.buffer.as_deref().and_then(api::project::seconds);
        Self {
            place: aws::BucketPlace {
                name: named.bucket.clone(),
                region: named.region.clone(),
                endpoint: named.endpoint.clone(),
            },
            prefix: named.prefix.clone().unwrap_or_default(),
            buffer: buffer.map_or(BUFFER, |seconds| Duration::from_secs(seconds.into())),
            fields: named.fields.as_ref().map(Fields::of).unwrap_or_default(),
        }
    }
}

impl Skipped {
    fn add(&mut self, other: &Self) {
        self.foreign += other.foreign;
        self.malformed += other.malformed;
        self.damaged += other.damaged;
        self.unreadable += other.unreadable;
        self.gone += other.gone;
        self.duplicates += other.duplicates;
        self.out_of_order += other.out_of_order;
    }

    pub fn is_nothing(&self) -> bool {
        *self == Self::default()
    }
}
