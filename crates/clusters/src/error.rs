//! Why something with a cluster did not work, each with what can be done about it.

use std::path::PathBuf;

use api::Problem;
use thiserror::Error;

use crate::plan::addons::Addon;
use crate::plan::lock::{Holder, Lock};
use crate::plan::rules::Violation;

/// What Terraform said, for people.
#[derive(Clone, Debug, Eq, PartialEq, serde::Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Said {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub address: Option<String>,
    pub summary: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    pub detail: String,
}

#[derive(Debug, Error)]
pub enum Error {
    #[error("clusters are made from Linux alone")]
    NotLinux,
    #[error("there is neither `tofu` nor `terraform`")]
    NoEngine,
    #[error("{program} cannot be run: {why}")]
    EngineBroken { program: String, why: String },
    #[error("{program} is {version}, and 1.10 is the least")]
    EngineTooOld { program: String, version: String },
    #[error("failed to {doing}")]
    Aws { doing: &'static str, failure: aws::Failure },
    #[error("these are the credentials of account {found}, and the cluster belongs to {wanted}")]
    OtherAccount { wanted: String, found: String, arn: String },
    #[error("bucket {bucket} takes no notice of conditions, so two could work on one state")]
    NoConditions { bucket: String },
    #[error("bucket {bucket} holds something of others")]
    OthersBucket { bucket: String },
    #[error("another outboard of this machine works on this cluster")]
    Busy,
    #[error("the state is locked")]
    Locked { lock: Box<Lock>, holder: Holder },
    #[error("there is no lock")]
    NotLocked,
    #[error("the lock is {found}, not {wanted}")]
    OtherLock { wanted: String, found: String },
    #[error("there is no cluster {name} in bucket {bucket}")]
    NoCluster { name: String, bucket: String },
    #[error("the cluster cannot be made here")]
    Preflight(Vec<Problem>),
    #[error("{what} failed")]
    Engine { what: &'static str, said: Vec<Said> },
    #[error("the state of the last run could not be stored")]
    Unstored { path: PathBuf, said: Vec<Said> },
    #[error("the plan breaks {} rule{}", .0.len(), if .0.len() == 1 { "" } else { "s" })]
    Rules(Vec<Violation>),
    #[error("the plan is {now} now, not {wanted}")]
    OtherPlan { wanted: String, now: String },
    #[error("{done} of {total} changes were made, then it failed")]
    Apply { done: usize, total: usize, said: Vec<Said> },
    #[error("stopped cleanly after {done} of {total} changes")]
    Stopped { done: usize, total: usize },
    #[error("the module breaks the contract of its output `outboard`")]
    Contract(Vec<Problem>),
    #[error("destroyed, but {} thing{} still carr{} the cluster's tag", .0.len(), if .0.len() == 1 { "" } else { "s" }, if .0.len() == 1 { "ies" } else { "y" })]
    Left(Vec<String>),
    #[error("`{0}` cannot be a cluster's name")]
    Name(String),
    #[error("there is a cluster {name} that outboard made")]
    Exists { name: String },
    #[error("{name} is a cluster that others made, and is only listed here")]
    Adopted { name: String },
    #[error("{what} is used still")]
    InUse { what: String, why: String },
    #[error("the cluster's keys cannot be drawn: {0}")]
    Keys(String),
    #[error("there is no {place}, where the module says that the kubeconfig is")]
    NoKubeconfig { place: String },
    #[error("parameter {parameter} is gone, with a key that the cluster's nodes trust")]
    LostKey { parameter: String },
    #[error("the cluster's API does not answer: {why}")]
    NoApi { why: String },
    #[error("{} cannot be applied: {why}", .addon.word())]
    Addon { addon: Addon, why: String },
    #[error("{what}, where {} would put its own", .addon.word())]
    AddonTaken { addon: Addon, what: String, takes_more: bool },
    #[error("{} does not come up: {why}", .addon.word())]
    AddonFails { addon: Addon, why: String },
    #[error("{} has not come up in time: {why}", .addon.word())]
    AddonLate { addon: Addon, why: String },
    #[error("{} add-on{} could not be brought about", .0.len(), if .0.len() == 1 { "" } else { "s" })]
    Addons(Vec<(Addon, Error)>),
    #[error("the cluster's Kubernetes refused to give something back: {why}")]
    GivingBack { why: String },
    #[error("a destruction of the cluster was begun")]
    Doomed,
    #[error("{} environment{} of the cluster may not be destroyed", .0.len(), if .0.len() == 1 { "" } else { "s" })]
    Held(Vec<String>),
    #[error("{url} cannot be fetched: {why}")]
    NotFetched { url: String, why: String },
    #[error("{place} is not what it has to be: its SHA-256 is {found}, not {wanted}")]
    OtherFile { place: String, wanted: String, found: String },
    #[error("{what} cannot be read: {why}")]
    Unreadable { what: String, why: String },
    #[error("failed to write {}", .path.display())]
    Folder { path: PathBuf, source: std::io::Error },
}

pub type Result<T, E = Error> = std::result::Result<T, E>;

impl Error {
    /// Sorts what went wrong with an add-on's objects.
    pub(crate) fn of_addon(addon: Addon, error: apply::Error) -> Self {
        match error {
            apply::Error::Others { ref kind, .. } => {
                let takes_more = matches!(kind.as_str(), "CustomResourceDefinition" | "Namespace");
                Self::AddonTaken { addon, what: error.to_string(), takes_more }
            }
            other => Self::Addon { addon, why: other.to_string() },
        }
    }

    /// What to do about it.
    pub fn hint(&self) -> Option<String> {
        Some(match self {
            Self::NotLinux => "elsewhere in a container or a virtual machine that keeps ~/.local/state/outboard".to_owned(),
            Self::NoEngine => "install OpenTofu or Terraform 1.10 or later, or name one in OUTBOARD_TERRAFORM".to_owned(),
            Self::EngineTooOld { .. } => {
                "locks of states in S3 came with 1.10: install a later one, or name one in OUTBOARD_TERRAFORM".to_owned()
            }
            Self::Aws { failure, .. } => return of_aws(failure),
            Self::OtherAccount { .. } => {
                "use credentials of the cluster's account (AWS_PROFILE), or correct `spec.account`".to_owned()
            }
            Self::NoConditions { .. } => "use a bucket of AWS, or a server that knows If-None-Match".to_owned(),
            Self::OthersBucket { .. } => {
                "states get a bucket of their own, whose rules outboard sets: name an empty one in `state.bucket`, or none".to_owned()
            }
            Self::Busy => "wait until it has ended; what it says it says there".to_owned(),
            Self::Locked { lock, holder } => match holder {
                Holder::Alive => "it is running: run the same command again to follow it".to_owned(),
                Holder::Gone | Holder::Unknown => {
                    format!("if nobody works on it any more: `outboard cluster unlock --id {}`", lock.id)
                }
            },
            Self::OtherLock { .. } => "look at it with `outboard cluster status` first".to_owned(),
            Self::NoCluster { .. } => "`outboard cluster list` shows those there are".to_owned(),
            Self::Unstored { path, .. } => format!(
                "it lies in {}: mend what keeps it from being stored and run the same command again, or move it away to go on without it",
                path.display()
            ),
            Self::OtherPlan { .. } => "something has changed since: look at `outboard cluster plan` again".to_owned(),
            Self::Apply { said, .. } | Self::Engine { said, .. } if is_expired(said) => {
                "log in again (`aws sso login`, or new credentials), and run the same command again: it goes on with the rest".to_owned()
            }
            Self::Apply { .. } | Self::Stopped { .. } => "run the same command again: it goes on with the rest".to_owned(),
            Self::Name(_) => crate::plan::validate::names(),
            Self::NoKubeconfig { .. } => "whoever makes the cluster has to put it there: it is the module's `auth`".to_owned(),
            Self::LostKey { .. } => {
                "another key would be nobody's: write back the old one (from /etc/kubernetes/pki of a node of the control plane), or make the cluster anew".to_owned()
            }
            Self::Exists { .. } => "adopt it by another name".to_owned(),
            Self::Adopted { name } => {
                format!("take another name, or strike it off first: `outboard cluster forget {name}`")
            }
            Self::InUse { .. } => "whatever uses it was made by others: take it away, and run the same command again".to_owned(),
            Self::NoApi { .. } => {
                "`outboard cluster diagnose` tells what machines say; a private API is reached from its network alone: run `outboard cluster addons apply` there".to_owned()
            }
            // Deleted, it would take along whatever hangs on it.
            Self::AddonTaken { addon, takes_more: true, .. } => {
                format!("leave this add-on to whoever made it: `addons: {{without: [{}]}}`", addon.word())
            }
            Self::AddonTaken { addon, .. } => format!(
                "rename or delete it, or leave this add-on to whoever made it: `addons: {{without: [{}]}}`",
                addon.word()
            ),
            Self::Addons(_) | Self::Addon { .. } | Self::AddonFails { .. } | Self::AddonLate { .. } => {
                "`outboard cluster addons apply` goes on with the rest".to_owned()
            }
            Self::NotFetched { .. } => {
                "without a way to it, bring the file along and say `--from FOLDER`: `outboard cluster addons images` lists what there has to be".to_owned()
            }
            Self::Doomed => {
                "`outboard cluster create` takes it back and brings add-ons about; `outboard cluster destroy` goes on with it".to_owned()
            }
            Self::Held(_) => "nothing was deleted: say --protected if protected ones may go, or have whoever guards them let them go".to_owned(),
            Self::GivingBack { .. } => "look at what it says, and run the same command again: it goes on".to_owned(),
            Self::OtherFile { .. } => "nothing of it was used: fetch it anew, and find out who changed it if it stays so".to_owned(),
            Self::Left(_) => {
                "AWS' index of tags may be some minutes late: run the same command again; what stays was made by others".to_owned()
            }
            _ => return None,
        })
    }

    /// Whether it went wrong because a session ended meanwhile.
    pub fn is_of_session(&self) -> bool {
        match self {
            Self::Apply { said, .. } | Self::Engine { said, .. } => is_expired(said),
            _ => false,
        }
    }

    /// Line by line, what there is to know besides.
    pub fn details(&self) -> Vec<String> {
        match self {
            Self::Engine { said, .. } | Self::Apply { said, .. } | Self::Unstored { said, .. } => said
                .iter()
                .flat_map(|said| {
                    let place = said.address.as_ref().map(|address| format!("{address}: ")).unwrap_or_default();
                    let detail = said.detail.lines().map(|line| format!("  {line}"));
                    std::iter::once(format!("{place}{}", said.summary)).chain(detail).collect::<Vec<_>>()
                })
                .collect(),
            Self::Aws { failure, .. } => vec![spoken(failure)],
            Self::OtherAccount { arn, .. } => vec![format!("you are {arn}")],
            Self::Locked { lock, holder } => vec![
                format!("by {} since {} ({})", lock.who, lock.created, lock.what()),
                match holder {
                    Holder::Alive => "its process runs on this machine".to_owned(),
                    Holder::Gone => "its process was on this machine and is gone".to_owned(),
                    Holder::Unknown => {
                        "it was not taken by this machine's last run, so nothing here knows whether it still works".to_owned()
                    }
                },
            ],
            Self::Rules(violations) => violations
                .iter()
                .map(|violation| format!("{}: {}; {}", violation.address, violation.message, violation.hint))
                .collect(),
            Self::Preflight(problems) => problems
                .iter()
                .map(|problem| {
                    let hint = problem.hint.as_ref().map(|hint| format!("; {hint}")).unwrap_or_default();
                    format!("{}: {}{hint}", problem.pointer.trim_start_matches('/').replace('/', "."), problem.message)
                })
                .collect(),
            Self::Contract(problems) => problems.iter().map(|problem| problem.message.clone()).collect(),
            Self::InUse { why, .. } => vec![why.clone()],
            Self::Addons(all) => all
                .iter()
                .map(|(_, error)| match error.hint() {
                    Some(hint) if matches!(error, Self::AddonTaken { .. }) => format!("{error}; {hint}"),
                    _ => error.to_string(),
                })
                .collect(),
            Self::Left(all) | Self::Held(all) => all.clone(),
            Self::Folder { source, .. } => vec![source.to_string()],
            _ => Vec::new(),
        }
    }
}

/// As AWS' services put it, and what reads credentials.
fn is_expired(said: &[Said]) -> bool {
    const EXPIRED: [&str; 4] = ["ExpiredToken", "RequestExpired", "token is expired", "has expired"];
    said.iter()
        .any(|said| EXPIRED.iter().any(|word| said.summary.contains(word) || said.detail.contains(word)))
}

/// In words.
pub fn spoken(failure: &aws::Failure) -> String {
    use aws::Failure;
    match failure {
        Failure::Missing => "there is nothing of that name".to_owned(),
        Failure::Going => "it is being deleted".to_owned(),
        Failure::Empty => "it holds nothing".to_owned(),
        Failure::TooMany(count) => format!("there are {count} of them"),
        Failure::NoRegion => "nobody said in which region".to_owned(),
        Failure::Denied(words)
        | Failure::Throttled(words)
        | Failure::NoCredentials(words)
        | Failure::Unreachable(words)
        | Failure::Refused(words) => words.clone(),
    }
}

fn of_aws(failure: &aws::Failure) -> Option<String> {
    use aws::Failure;
    Some(match failure {
        Failure::NoCredentials(_) => {
            "log in first: `aws sso login`, AWS_PROFILE or AWS_ACCESS_KEY_ID".to_owned()
        }
        Failure::Denied(_) => {
            "is the session still valid, and may it do that? `aws sts get-caller-identity`".to_owned()
        }
        Failure::Throttled(_) => "wait a minute, then run the same command again".to_owned(),
        Failure::Unreachable(_) => {
            "is the network there? What was made is kept: run the same command again".to_owned()
        }
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nobody_is_told_to_delete_what_takes_more_along() {
        let of = |kind: &str| {
            let name = "gateways.gateway.networking.k8s.io".to_owned();
            let others = apply::Error::Others { kind: kind.to_owned(), namespace: None, name };
            Error::of_addon(Addon::Gateway, others).hint().unwrap_or_default()
        };
        assert!(!of("CustomResourceDefinition").contains("delete"));
        assert!(!of("Namespace").contains("delete"));
        assert!(of("CustomResourceDefinition").contains("without: [gateway]"));
        assert!(of("ClusterRole").starts_with("rename or delete it"));
    }

    #[test]
    fn a_session_that_ended_is_told_from_other_failures() {
        let of = |detail: &str| {
            let said =
                vec![Said { address: None, summary: "creating VPC".to_owned(), detail: detail.to_owned() }];
            Error::Apply { done: 3, total: 9, said }
        };
        let expired = of("ExpiredToken: The security token included in the request is expired");
        assert!(expired.is_of_session());
        assert!(expired.hint().is_some_and(|hint| hint.starts_with("log in again")));
        let other = of("VpcLimitExceeded: The maximum number of VPCs has been reached.");
        assert!(!other.is_of_session());
        assert!(other.hint().is_some_and(|hint| hint.starts_with("run the same command again")));
    }
}
