//! What is asked of Route 53: zones, their record sets page by page, changes, and how far these have come. Who asks again, and
//! what is written down, is not said here.

use std::future::Future;

use serde::{Deserialize, Serialize};

use crate::Failure;
use crate::plan::{Change, Name, RecordSet};

#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Zone {
    pub id: String,
    pub name: Name,
    /// Answers in networks of its owner alone.
    pub private: bool,
}

/// Where a page begins.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Start {
    pub name: Name,
    pub kind: Option<String>,
    pub identifier: Option<String>,
}

#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Page {
    pub sets: Vec<RecordSet>,
    pub next: Option<Start>,
}

/// What is asked of Route 53. The one at AWS, and in tests one that keeps the same rules.
pub trait Route53: Sync {
    fn zone(&self, id: &str) -> impl Future<Output = Result<Zone, Failure>> + Send;
    /// Every zone of exactly this name.
    fn zones_named(&self, name: &Name) -> impl Future<Output = Result<Vec<Zone>, Failure>> + Send;
    fn page(&self, zone: &str, start: Option<&Start>) -> impl Future<Output = Result<Page, Failure>> + Send;
    /// All or nothing. The change's id.
    fn change(
        &self,
        zone: &str,
        comment: &str,
        changes: &[Change],
    ) -> impl Future<Output = Result<String, Failure>> + Send;
    /// Whether every name server has it.
    fn is_in_sync(&self, change: &str) -> impl Future<Output = Result<bool, Failure>> + Send;
}
