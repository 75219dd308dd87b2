//! What was asked of Route 53, by whom, why, and what became of it: a value for each batch, kept by whoever has it done.

use std::future::Future;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::plan::{Change, Name, Unit};
use crate::route53::Zone;

#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Entry {
    /// Known before Route 53 gives the change an id.
    pub id: String,
    pub zone: Zone,
    /// The owner of the records.
    pub owner: String,
    /// Who asked for it.
    pub by: String,
    pub hosts: Vec<Asked>,
    pub intended: Timestamp,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub answered: Option<Timestamp>,
    pub state: State,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub in_sync: Option<Timestamp>,
}

#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Asked {
    pub host: Name,
    pub why: String,
    /// What is deleted, what is created, and what is only asserted.
    pub changes: Vec<Change>,
}

#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub enum State {
    /// About to be sent. Found in a journal later, nobody knows whether it was done.
    Intended,
    Accepted {
        change: String,
    },
    /// Nothing of it was done.
    Refused {
        words: String,
    },
    /// Not answered: what is there tells.
    Unknown {
        words: String,
    },
}

impl Entry {
    pub(crate) fn new(zone: &Zone, owner: &str, by: &str, units: &[Unit]) -> Self {
        let asked = |unit: &Unit| Asked {
            host: unit.host.clone(),
            why: unit.why.clone(),
            changes: unit.changes.clone(),
        };
        Self {
            id: format!("{:016x}", rand::random::<u64>()),
            zone: zone.clone(),
            owner: owner.to_owned(),
            by: by.to_owned(),
            hosts: units.iter().map(asked).collect(),
            intended: Timestamp::now(),
            answered: None,
            state: State::Intended,
            in_sync: None,
        }
    }
}

/// Where entries are kept.
pub trait Journal: Send {
    /// Called before a batch is sent and again when it is answered; entries of one id replace each other. What cannot be
    /// written down is not sent.
    fn keep(&mut self, entry: &Entry) -> impl Future<Output = Result<(), String>> + Send;
}
