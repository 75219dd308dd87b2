//! What is sent in one go, and how far its files are shipped once it has arrived.

use std::collections::BTreeMap;
use std::time::Instant;

use crate::plan::batch::{Batch, Limits};
use crate::plan::cut::Parts;

/// How far a parcel goes in one file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Reach {
    pub read: u64,
    pub parts: Parts,
    pub within: u32,
    /// The time that its lines of this file carry.
    pub at: i64,
    /// Ends where what may have been sent before ends: nothing more of this file goes with it.
    pub closed: bool,
}

pub struct Parcel {
    pub batch: Batch,
    /// By the number of the file.
    pub reach: BTreeMap<u64, Reach>,
    pub resent: usize,
    /// Nothing more fits.
    pub full: bool,
    /// When the first line came.
    pub since: Option<Instant>,
}

impl Parcel {
    pub fn new(limits: Limits) -> Self {
        Self { batch: Batch::new(limits), reach: BTreeMap::new(), resent: 0, full: false, since: None }
    }
}
