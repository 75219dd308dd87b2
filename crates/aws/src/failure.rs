//! Why AWS did not tell something, told apart by what can be done about it.

use std::error::Error;
use std::io::ErrorKind;

use aws_credential_types::provider::error::CredentialsError;
use aws_sdk_ssm::config::http::HttpResponse;
use aws_sdk_ssm::error::{ProvideErrorMetadata, SdkError};

/// Words of AWS hold no value and no number of a request, so the same failure is told in the same words.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Failure {
    /// There is nothing of that name.
    Missing,
    /// It is scheduled for deletion.
    Going,
    /// It is there and has no current value.
    Empty,
    /// More lies there than anybody means.
    TooMany(usize),
    /// outboard's identity may not.
    Denied(String),
    /// It has been asked too often.
    Throttled(String),
    /// outboard has no identity.
    NoCredentials(String),
    /// Nobody said in which region.
    NoRegion,
    /// It does not answer.
    Unreachable(String),
    /// It answers, and not with what was asked for.
    Refused(String),
}

impl Failure {
    /// Whether waiting alone may mend it. Until then what was known goes on to hold.
    pub fn passes(&self) -> bool {
        matches!(self, Self::Throttled(_) | Self::Unreachable(_))
    }
}

/// Sorts what a client says.
pub fn sort<E>(error: &SdkError<E, HttpResponse>) -> Failure
where
    E: ProvideErrorMetadata + Error + 'static,
{
    if let Some(why) = credentials(error) {
        return Failure::NoCredentials(why);
    }
    match error {
        SdkError::ServiceError(answer) => of_service(
            answer.err().code().unwrap_or_default(),
            answer.err().message().unwrap_or_default(),
            answer.raw().status().as_u16(),
        ),
        SdkError::TimeoutError(_) => Failure::Unreachable("it does not answer in time".to_owned()),
        other => Failure::Unreachable(root_cause(other)),
    }
}

/// The same by its parts.
pub fn of_service(code: &str, message: &str, status: u16) -> Failure {
    let words = match (code, message) {
        ("", "") => format!("HTTP status {status}"),
        (code, "") => code.to_owned(),
        (_, message) => message.to_owned(),
    };
    match code {
        "ResourceNotFoundException"
        | "LoadBalancerNotFound"
        | "NoSuchResourceException"
        | "NoSuchHostedZone"
        | "ParameterNotFound"
        | "TargetGroupNotFound"
        | "InvalidResourceId"
        | "NoSuchBucket"
        | "NoSuchKey" => Failure::Missing,
        code if code.ends_with(".NotFound") => Failure::Missing,
        // Of a wrong key, session or clock; each in AWS' own words.
        "AccessDenied"
        | "AccessDeniedException"
        | "DecryptionFailure"
        | "ExpiredTokenException"
        | "IncompleteSignature"
        | "InvalidClientTokenId"
        | "InvalidKeyId"
        | "InvalidSignatureException"
        | "MissingAuthenticationTokenException"
        | "NotAuthorized"
        | "OptInRequired"
        | "UnrecognizedClientException" => Failure::Denied(words),
        "ProvisionedThroughputExceededException"
        | "RequestLimitExceeded"
        | "SlowDown"
        | "Throttling"
        | "ThrottlingException"
        | "TooManyRequestsException" => Failure::Throttled(words),
        _ if status == 429 => Failure::Throttled(words),
        // What is not there will not be there a moment later.
        _ if status == 501 => Failure::Refused(words),
        _ if status >= 500 => Failure::Unreachable(words),
        _ if status == 401 || status == 403 => Failure::Denied(words),
        "" => Failure::Refused(words),
        code => Failure::Refused(format!("{code}: {words}")),
    }
}

/// Whether it was never sent since nobody knew as whom.
pub fn is_of_credentials(error: &(dyn Error + 'static)) -> bool {
    chain(error).any(<dyn Error>::is::<CredentialsError>)
}

/// Whether there never was a connection on which anything could have been sent.
pub fn never_connected(error: &(dyn Error + 'static)) -> bool {
    chain(error).filter_map(|error| error.downcast_ref::<std::io::Error>()).any(|error| {
        matches!(
            error.kind(),
            ErrorKind::ConnectionRefused
                | ErrorKind::HostUnreachable
                | ErrorKind::NetworkUnreachable
                | ErrorKind::AddrNotAvailable
        )
    })
}

/// Why there are no credentials, if that is it.
fn credentials(error: &(dyn Error + 'static)) -> Option<String> {
    let found = chain(error).find_map(|error| error.downcast_ref::<CredentialsError>())?;
    Some(match found {
        CredentialsError::CredentialsNotLoaded(_) => {
            "neither the environment nor a web identity, a pod identity or an instance profile has any"
                .to_owned()
        }
        other => root_cause(other),
    })
}

fn root_cause(error: &(dyn Error + 'static)) -> String {
    chain(error).last().map(ToString::to_string).unwrap_or_default()
}

fn chain<'a>(error: &'a (dyn Error + 'static)) -> impl Iterator<Item = &'a (dyn Error + 'static)> {
    let mut next = Some(error);
    std::iter::from_fn(move || {
        let error = next?;
        next = error.source();
        Some(error)
    })
}
