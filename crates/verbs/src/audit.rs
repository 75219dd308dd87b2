//! Who changed what through the server: kept as ConfigMaps of lines, for some days. Each server writes objects of its own, so
//! that none waits for another; what cannot be written now is written later, and stands in the server's log anyway.

use jiff::Timestamp;

mod journal;
mod record;
mod shelf;
mod sweep;
mod today;

pub use journal::Journal;
pub use record::Record;
pub use shelf::{Open, Shelf, Store};

/// Which ConfigMaps these are.
pub(crate) const LABEL: &str = "outboard.dev/audit";
/// Their names begin so, and no others that the server writes do.
pub(crate) const BEGIN: &str = "outboard-audit-";

/// In UTC, so that days follow each other as their names do.
fn day(time: Timestamp) -> String {
    time.strftime("%Y%m%d").to_string()
}

fn is_day(text: &str) -> bool {
    text.len() == 8 && text.bytes().all(|digit| digit.is_ascii_digit())
}
