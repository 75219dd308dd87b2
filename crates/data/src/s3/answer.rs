//! Why a store did not do what it was asked for, told apart by what can be done about it.

use std::error::Error as _;

use aws::Failure;
use aws_sdk_s3::config::http::HttpResponse;
use aws_sdk_s3::error::{ProvideErrorMetadata, SdkError};

use crate::error::{Error, Side};

/// Whoever asks is not known, or not believed.
const OF_IDENTITY: [&str; 5] =
    ["InvalidAccessKeyId", "SignatureDoesNotMatch", "ExpiredToken", "InvalidToken", "NoCredentials"];

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Answer {
    /// There is nothing of that name.
    Missing,
    /// It is not what it was any more.
    Changed,
    /// Not for whoever asks.
    Denied(String),
    /// It lies where it cannot be read.
    Archived,
    /// It is asked too much.
    Slow(String),
    /// It does not answer, or not to the end.
    Away(String),
    /// There is something else there than the store says.
    Corrupt(String),
    Refused {
        code: String,
        message: String,
    },
}

impl Answer {
    /// The same again may go well.
    pub fn passes(&self) -> bool {
        matches!(self, Self::Slow(_) | Self::Away(_) | Self::Corrupt(_))
    }

    /// Of this one object: the others may go well. Why.
    pub fn of_one(&self) -> Option<String> {
        match self {
            Self::Denied(why) => Some(format!("may not be read or written: {why}")),
            Self::Archived => Some("is archived: fetch it back first".to_owned()),
            Self::Corrupt(why) => Some(why.clone()),
            // What some stores cannot have, and others do.
            Self::Refused { code, message }
                if matches!(
                    code.as_str(),
                    "KeyTooLongError"
                        | "KeyTooLong"
                        | "InvalidObjectName"
                        | "ObjectParentIsFile"
                        | "ExistingObjectIsDirectory"
                        | "DirectoryObjectContainsData"
                        | "MetadataTooLarge"
                        | "InvalidURI"
                        | "InvalidTag"
                        | "InvalidRequest"
                        | "XMinioInvalidObjectName"
                        | "XMinioObjectExistsAsDirectory"
                ) =>
            {
                Some(format!("{message} ({code})"))
            }
            _ => None,
        }
    }

    pub fn error(self, side: Side, address: &str, identity: &str, doing: &str) -> Error {
        let s3 = |code: &str, message: String| Error::S3 {
            side,
            doing: doing.to_owned(),
            code: code.to_owned(),
            message,
        };
        match self {
            Self::Away(reason) => Error::Unreachable { side, address: address.to_owned(), reason },
            Self::Slow(message) => s3("SlowDown", message),
            Self::Missing => s3("NoSuchKey", "it is not there".to_owned()),
            Self::Changed => s3("PreconditionFailed", "it was changed meanwhile".to_owned()),
            Self::Denied(message) => s3("AccessDenied", message),
            Self::Archived => s3("InvalidObjectState", "it is archived".to_owned()),
            Self::Corrupt(message) => s3("BadDigest", message),
            Self::Refused { code, message } if OF_IDENTITY.contains(&code.as_str()) => {
                let reason = format!("{message} ({code})");
                Error::Credentials { side, user: identity.to_owned(), reason }
            }
            Self::Refused { code, message } => s3(&code, message),
        }
    }
}

/// Sorts what the client says.
pub fn answer<E>(error: &SdkError<E, HttpResponse>) -> Answer
where
    E: ProvideErrorMetadata + std::error::Error + 'static,
{
    match error {
        SdkError::ServiceError(told) => of_service(
            told.err().code().unwrap_or_default(),
            told.err().message().unwrap_or_default(),
            told.raw().status().as_u16(),
        ),
        SdkError::ResponseError(told) if told.raw().status().as_u16() >= 300 => {
            of_service("", "", told.raw().status().as_u16())
        }
        other => match aws::sort(other) {
            Failure::NoCredentials(message) => Answer::Refused { code: "NoCredentials".to_owned(), message },
            Failure::Unreachable(why) if matches!(other, SdkError::ConstructionFailure(_)) => {
                Answer::Refused { code: "InvalidRequest".to_owned(), message: why }
            }
            Failure::Unreachable(why) => Answer::Away(why),
            _ => Answer::Away(other.source().map_or_else(|| other.to_string(), ToString::to_string)),
        },
    }
}

fn of_service(code: &str, message: &str, status: u16) -> Answer {
    let words = match (code, message) {
        ("", "") => format!("HTTP status {status}"),
        (code, "") => code.to_owned(),
        (_, message) => message.to_owned(),
    };
    match code {
        "NoSuchKey" | "NotFound" => Answer::Missing,
        "PreconditionFailed" | "ConditionalRequestConflict" => Answer::Changed,
        "InvalidObjectState" => Answer::Archived,
        "AccessDenied" | "Forbidden" => Answer::Denied(words),
        "SlowDown" | "TooManyRequests" | "Throttling" | "ThrottlingException" | "RequestLimitExceeded" => {
            Answer::Slow(words)
        }
        "BadDigest" | "XAmzContentChecksumMismatch" | "InvalidDigest" | "IncompleteBody" => {
            Answer::Corrupt(words)
        }
        "RequestTimeout" | "OperationAborted" => Answer::Away(words),
        "" if status == 404 => Answer::Missing,
        "" if status == 403 => Answer::Denied(words),
        "" if status == 412 || status == 304 => Answer::Changed,
        _ if status == 429 || status == 503 => Answer::Slow(words),
        _ if status >= 500 && code != "NotImplemented" => Answer::Away(words),
        "" => Answer::Refused { code: status.to_string(), message: words },
        code => Answer::Refused { code: code.to_owned(), message: words },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn answers_are_told_apart_by_what_can_be_done_about_them() {
        assert_eq!(of_service("", "", 404), Answer::Missing);
        assert!(matches!(of_service("NoSuchBucket", "no", 404), Answer::Refused { .. }));
        assert!(matches!(of_service("SignatureDoesNotMatch", "no", 403), Answer::Refused { .. }));
        assert!(of_service("AccessDenied", "no", 403).of_one().is_some());
        assert!(of_service("SlowDown", "", 503).passes() && of_service("InternalError", "", 500).passes());
        assert!(!of_service("NotImplemented", "", 501).passes());
        assert_eq!(of_service("", "", 412), Answer::Changed);
    }
}
