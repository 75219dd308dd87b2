//! How a copy can fail, in words for whoever started it. What passes by itself is told apart from what needs somebody.

use std::fmt;

use api::Problem;
use serde::Serialize;
use thiserror::Error;

use crate::plan::schema::Place;

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Side {
    Source,
    Target,
}

impl fmt::Display for Side {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Source => "the source",
            Self::Target => "the target",
        })
    }
}

pub type Result<T, E = Error> = std::result::Result<T, E>;

#[derive(Debug, Error)]
pub enum Error {
    /// The job's file is wrong.
    #[error("the job is wrong")]
    Job(Vec<Problem>),
    /// The policy of masks cannot be kept: column and reason.
    #[error("the masks do not fit what is copied")]
    Masks(Vec<(String, String)>),
    #[error("{side} at {address} cannot be reached: {reason}")]
    Unreachable { side: Side, address: String, reason: String },
    #[error("{side} refuses user {user}: {reason}")]
    Credentials { side: Side, user: String, reason: String },
    #[error("{message}")]
    Refused { message: String, fix: String },
    #[error("another copy is writing to the target")]
    Busy,
    /// By whoever runs it.
    #[error("it was asked to stop")]
    Stopped,
    #[error("{side} failed while {doing}: {}", said(source))]
    Sql { side: Side, doing: String, source: Box<mysql_async::Error> },
    #[error("{side} failed while {doing}: {message}")]
    Redis { side: Side, doing: String, code: String, message: String },
    #[error("{side} failed while {doing}: {message} ({code})")]
    S3 { side: Side, doing: String, code: String, message: String },
    /// Objects that could not be copied: the first of them, each with why.
    #[error("{count} objects were not copied")]
    NotCopied { count: u64, named: Vec<String> },
    #[error("{} keys are not on the target as they were sent", .0.len())]
    KeysDiffer(Vec<String>),
    #[error("{place} was changed on the source while it was copied")]
    Changed { place: Place },
    #[error("{place} was not loaded as it was sent: {what}")]
    NotAsSent { place: Place, what: String },
    #[error("{place} still differs from what was sent after {tries} tries")]
    Differs { place: Place, tries: u32 },
    /// Values of masked columns were found in what would not be masked.
    #[error("personal data would be copied: values of masked columns stand in other columns")]
    Leaks(Vec<String>),
    #[error("{0}")]
    Internal(String),
}

impl Error {
    pub fn sql(side: Side, doing: impl Into<String>, source: mysql_async::Error) -> Self {
        Self::Sql { side, doing: doing.into(), source: Box::new(source) }
    }

    /// Whether the same again, later, may go well.
    pub fn passes(&self) -> bool {
        match self {
            Self::Unreachable { .. } | Self::Changed { .. } => true,
            // It loads what it had, runs somebody's script, or finds its master again.
            Self::Redis { code, .. } => {
                matches!(code.as_str(), "LOADING" | "BUSY" | "MASTERDOWN" | "TRYAGAIN")
            }
            Self::S3 { code, .. } => code == "SlowDown",
            Self::Sql { source, .. } => match &**source {
                mysql_async::Error::Io(_) | mysql_async::Error::Driver(_) => true,
                // Deadlock, lock wait, shutdown, killed, too many connections, definition changed.
                mysql_async::Error::Server(error) => {
                    matches!(error.code, 1213 | 1205 | 1053 | 1927 | 1040 | 1203 | 1412 | 1317 | 2006 | 2013)
                }
                _ => false,
            },
            _ => false,
        }
    }

    pub fn side(&self) -> Option<Side> {
        match self {
            Self::Unreachable { side, .. }
            | Self::Credentials { side, .. }
            | Self::Redis { side, .. }
            | Self::S3 { side, .. }
            | Self::Sql { side, .. } => Some(*side),
            Self::Changed { .. } => Some(Side::Source),
            _ => None,
        }
    }

    fn code(&self) -> Option<u16> {
        match self {
            Self::Sql { source, .. } => match &**source {
                mysql_async::Error::Server(error) => Some(error.code),
                _ => None,
            },
            _ => None,
        }
    }

    /// What to do about it.
    pub fn fix(&self) -> Option<String> {
        let fix = match self {
            Self::Job(_) => "correct the job's file".to_owned(),
            Self::Masks(_) => "correct the masks, then start again: nothing was copied".to_owned(),
            Self::Unreachable { .. } => "see that it runs and that this machine may reach it".to_owned(),
            Self::Credentials { .. } => "correct user and password in the job".to_owned(),
            Self::Refused { fix, .. } => fix.clone(),
            Self::Busy => "wait until it has finished, or end it".to_owned(),
            Self::Stopped => "start the copy again: it goes on".to_owned(),
            Self::Changed { .. } => {
                "start the copy again once the schema stays as it is: it goes on".to_owned()
            }
            Self::Leaks(_) => {
                "mask those columns too, or say `keep` for those that may have them; the target has to be \
                copied anew"
                    .to_owned()
            }
            Self::Sql { side, .. } => match self.code()? {
                1114 | 1021 | 1026 | 1030 => {
                    format!("see whether {side} has space left, then start the copy again: it goes on")
                }
                1044 | 1045 | 1142 | 1143 | 1227 | 1370 => format!("give the user of {side} that right"),
                1062 => "masks must not make values of a unique index the same: see the column's collation"
                    .to_owned(),
                _ => "start the copy again: it goes on where it was".to_owned(),
            },
            Self::Redis { side, code, .. } => match code.as_str() {
                "OOM" => format!(
                    "give {side} more memory (maxmemory) or copy fewer keys, then start the copy again: it goes on"
                ),
                "NOPERM" => {
                    format!("give the user of {side} that right, or leave those keys out: keys.exclude")
                }
                "READONLY" => format!("{side} is a replica by now: name its master"),
                "MISCONF" => {
                    format!("see why {side} cannot write to its disk, then start the copy again: it goes on")
                }
                _ => "start the copy again: it goes on where it was".to_owned(),
            },
            Self::S3 { side, code, .. } => s3(*side, code),
            Self::NotCopied { .. } => {
                "see to them and start the copy again: it goes on; or say `denied: skip` to do without them"
                    .to_owned()
            }
            Self::NotAsSent { .. } | Self::Differs { .. } | Self::KeysDiffer(_) => {
                "see whether somebody writes to the target; start the copy again: it goes on".to_owned()
            }
            Self::Internal(_) => return None,
        };
        Some(fix)
    }

    /// Everything there is to say beyond the sentence.
    pub fn details(&self) -> Vec<String> {
        match self {
            Self::Job(problems) => problems
                .iter()
                .map(|problem| {
                    let hint = problem.hint.as_ref().map(|hint| format!(" ({hint})")).unwrap_or_default();
                    format!("{}: {}{hint}", problem.pointer, problem.message)
                })
                .collect(),
            Self::Masks(problems) => {
                problems.iter().map(|(column, problem)| format!("{column} {problem}")).collect()
            }
            Self::Leaks(found) => found.clone(),
            Self::NotCopied { named, .. } => named.clone(),
            Self::KeysDiffer(keys) => keys.iter().take(10).cloned().collect(),
            _ => vec![],
        }
    }
}

fn s3(side: Side, code: &str) -> String {
    match code {
        "NoSuchBucket" => format!("correct the bucket of {side}, or make it"),
        "AccessDenied" => {
            let rights = match side {
                Side::Source => "s3:ListBucket, s3:GetObject and s3:GetObjectTagging",
                Side::Target => {
                    "s3:ListBucket, s3:GetObject, s3:PutObject, s3:PutObjectTagging and s3:DeleteObject"
                }
            };
            format!(
                "give whoever is named at {side} these rights, by its own policy and the bucket's: {rights}"
            )
        }
        "PermanentRedirect"
        | "AuthorizationHeaderMalformed"
        | "301"
        | "IllegalLocationConstraintException" => {
            format!("say the region of {side}'s bucket")
        }
        "RequestTimeTooSkewed" => {
            format!("set the clock of this machine, or that of {side}: they differ by more than S3 allows")
        }
        "QuotaExceeded" | "NoSpaceLeftOnDevice" | "InsufficientStorage" | "XMinioStorageFull" => {
            format!("see whether {side} has space left, then start the copy again: it goes on")
        }
        "SlowDown" => "limit requestsPerSecond, then start the copy again: it goes on".to_owned(),
        _ => "start the copy again: it goes on where it was".to_owned(),
    }
}

/// A server's words without the driver's wrapping.
fn said(error: &mysql_async::Error) -> String {
    match error {
        // These quote the value.
        mysql_async::Error::Server(error) if matches!(error.code, 1062 | 1292 | 1366 | 1406 | 1586) => {
            let mut parts: Vec<&str> = error.message.split('\'').collect();
            if let Some(value) = parts.get_mut(1) {
                *value = "…";
            }
            format!("{} ({})", parts.join("'"), error.code)
        }
        mysql_async::Error::Server(error) => format!("{} ({})", error.message, error.code),
        other => other.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use mysql_async::ServerError;

    use super::*;

    fn server(code: u16, message: &str) -> Error {
        let error = ServerError { code, message: message.into(), state: "HY000".into() };
        Error::sql(Side::Target, "building indexes of shop.users", error.into())
    }

    #[test]
    fn a_value_that_a_server_quotes_is_not_shown() {
        let error = server(1062, "Duplicate entry 'ann@example.org' for key 'by_email'");
        assert_eq!(
            error.to_string(),
            "the target failed while building indexes of shop.users: Duplicate entry '…' for key 'by_email' (1062)"
        );
    }

    #[test]
    fn what_passes_by_itself_is_told_apart_from_what_needs_somebody() {
        assert!(server(1213, "Deadlock").passes() && server(1053, "Server shutdown in progress").passes());
        assert!(!server(1114, "The table is full").passes());
        assert!(server(1114, "The table is full").fix().is_some_and(|fix| fix.contains("space")));
    }
}
