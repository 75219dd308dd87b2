//! The decisions of a copy, as functions of values: what is read how, in which pieces, what has to wait, and whether a
//! policy of masks can be kept; and what the operator does about one. Talks to no server.

pub mod backup;
pub mod between;
pub mod chunks;
pub mod codec;
pub mod ddl;
pub mod estimate;
pub mod key;
pub mod lanes;
pub mod personal;
pub mod policy;
pub mod row;
pub mod schema;
pub mod sql;
#[cfg(test)]
pub(crate) mod tests;

use sha2::{Digest, Sha256};

/// A name for bytes: equal names, equal bytes.
pub fn digest(bytes: &[u8]) -> String {
    Sha256::digest(bytes).iter().take(16).map(|byte| format!("{byte:02x}")).collect()
}
