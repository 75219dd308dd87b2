//! One line of the audit. It says what was asked for, never with which content.

use jiff::Timestamp;
use serde::Serialize;

/// One change that was asked for, whatever became of it. No value of it is a secret: it says what, not with which content.
#[derive(Clone, Debug, Eq, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Record {
    pub time: Timestamp,
    /// As the provider calls them.
    pub who: String,
    /// With their first line of a day.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub groups: Vec<String>,
    /// Address that the request came from.
    pub from: String,
    /// By page, by program or by the command line.
    pub by: &'static str,
    pub method: String,
    pub path: String,
    /// In words, where there are some.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub what: Option<String>,
    /// What differs, as far as that is known before it is done.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub diff: Option<String>,
    /// As HTTP says it.
    pub status: u16,
}
