//! How much one pass may do: what the policy allows, and how much of what is there may change at once.

use std::collections::BTreeSet;

use serde::Serialize;

use super::{Host, Outcome, RecordSet};

#[derive(Clone, Copy, Debug, Default, Eq, PartialEq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Policy {
    /// Records are made, changed and deleted.
    #[default]
    Sync,
    /// Nothing is deleted for good; what has to be replaced is.
    UpsertOnly,
    /// Only hosts that have nothing yet get records.
    CreateOnly,
}

impl Policy {
    pub fn parse(text: &str) -> Option<Self> {
        match text {
            "sync" => Some(Self::Sync),
            "upsert-only" => Some(Self::UpsertOnly),
            "create-only" => Some(Self::CreateOnly),
            _ => None,
        }
    }

    pub fn as_str(self) -> &'static str {
        match self {
            Self::Sync => "sync",
            Self::UpsertOnly => "upsert-only",
            Self::CreateOnly => "create-only",
        }
    }
}

#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Limits {
    /// Hosts that one pass makes, changes or deletes. The rest follows in the next.
    pub most: usize,
    /// Percent of the hosts that are ours which may be changed or deleted at once. More waits for a person.
    pub share: usize,
    /// Below so many hosts no share holds.
    pub share_from: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self { most: 1000, share: 30, share_from: 10 }
    }
}

/// Why something that is to be done is not done now.
#[derive(Clone, Debug, Eq, PartialEq, Serialize, thiserror::Error)]
#[serde(rename_all = "camelCase")]
pub enum Withheld {
    #[error("the policy of this zone does not allow to change records")]
    NoChange,
    #[error("the policy of this zone does not allow to delete records")]
    NoDelete,
    #[error(
        "{asked} of {ours} hosts would be changed or deleted at once, {allowed} may: look at `outboard hostname plan`, and \
         if that is meant, install with a greater --dns-at-once"
    )]
    TooManyAtOnce { asked: usize, ours: usize, allowed: usize },
    #[error("{most} hosts are enough for one pass, the next goes on")]
    NextPass { most: usize },
    #[error("it is ours, nothing asks for it, and nobody gave it back: `outboard hostname gc` deletes it")]
    Orphan,
    #[error("it would delete {record}, which is not ours")]
    NotOurs { record: String },
}

impl Limits {
    /// Takes what may not be done, or not now, out of `hosts`. `ours`: every record that is ours; `owned`: how many hosts
    /// have one.
    pub(super) fn hold(&self, hosts: &mut [Host], policy: Policy, ours: &BTreeSet<&RecordSet>, owned: usize) {
        for host in &mut *hosts {
            let forbidden = match (&host.outcome, policy) {
                (Outcome::Change, Policy::CreateOnly) => Some(Withheld::NoChange),
                (Outcome::Delete, Policy::CreateOnly | Policy::UpsertOnly) => Some(Withheld::NoDelete),
                _ => host.deletes().find(|set| !ours.contains(set)).map(|set| {
                    // Nothing asks for that. Should it ever, it ends here.
                    Withheld::NotOurs { record: set.to_string() }
                }),
            };
            if let Some(why) = forbidden {
                host.withhold(why);
            }
        }
        let touches = |host: &Host| matches!(host.outcome, Outcome::Change | Outcome::Delete);
        let asked = hosts.iter().filter(|host| touches(host)).count();
        let allowed = (owned * self.share).div_ceil(100);
        if owned >= self.share_from && asked > allowed {
            for host in hosts.iter_mut().filter(|host| touches(host)) {
                host.withhold(Withheld::TooManyAtOnce { asked, ours: owned, allowed });
            }
        }
        let acts =
            |host: &&mut Host| matches!(host.outcome, Outcome::Create | Outcome::Change | Outcome::Delete);
        for host in hosts.iter_mut().filter(acts).skip(self.most) {
            host.withhold(Withheld::NextPass { most: self.most });
        }
    }
}
