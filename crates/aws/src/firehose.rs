//! A delivery stream of Firehose: one call with several records, told apart by what may be sent again.
//!
//! Tries nothing twice: whoever ships knows better when, and has to know which records may have arrived before.

use std::error::Error;
use std::time::Duration;

use aws_config::retry::RetryConfig;
use aws_config::timeout::TimeoutConfig;
use aws_credential_types::Credentials;
use aws_sdk_firehose::Client;
use aws_sdk_firehose::config::Builder;
use aws_sdk_firehose::error::SdkError;
use aws_sdk_firehose::primitives::Blob;
use aws_sdk_firehose::types::Record;
use aws_sdk_ssm::config::http::HttpResponse;

use crate::access::Access;
use crate::{Failure, failure};

const CONNECT: Duration = Duration::from_secs(5);
/// A full call is 5 MiB on a line that may be slow.
const CALL: Duration = Duration::from_secs(30);

/// A key that somebody wrote down, in place of the chain's.
#[derive(Clone)]
pub struct Key {
    pub id: String,
    pub secret: String,
}

/// Where records go.
pub struct Firehose {
    client: Client,
    stream: String,
}

/// Why none of a call's records is known to have arrived.
#[derive(Debug)]
pub struct Undelivered {
    pub failure: Failure,
    /// Whether some may have arrived nevertheless.
    pub perhaps: bool,
}

impl Firehose {
    /// `region`: the chain's, unless it is named.
    pub async fn reach(region: Option<&str>, stream: &str, key: Option<Key>) -> Result<Self, Failure> {
        Self::through(&Access::default(), region, stream, key).await
    }

    /// One that is not found by the chain: what tests and measurements speak to.
    pub async fn at(endpoint: &str, stream: &str) -> Result<Self, Failure> {
        Self::through(&Access::at(endpoint), None, stream, None).await
    }

    async fn through(
        access: &Access,
        region: Option<&str>,
        stream: &str,
        key: Option<Key>,
    ) -> Result<Self, Failure> {
        let timeouts = TimeoutConfig::builder().connect_timeout(CONNECT).operation_timeout(CALL).build();
        let mut builder = Builder::from(&access.of_region(region).await?)
            .retry_config(RetryConfig::disabled())
            .timeout_config(timeouts);
        if let Some(key) = key {
            builder =
                builder.credentials_provider(Credentials::new(key.id, key.secret, None, None, "config.json"));
        }
        Ok(Self { client: Client::from_conf(builder.build()), stream: stream.to_owned() })
    }

    /// Sends records in one call. For each, in their order: nothing if it is taken, else why it is not.
    pub async fn put(&self, records: &[&[u8]]) -> Result<Vec<Option<String>>, Undelivered> {
        let mut call = self.client.put_record_batch().delivery_stream_name(&self.stream);
        for data in records {
            let record = Record::builder().data(Blob::new(*data)).build().map_err(|error| Undelivered {
                failure: Failure::Refused(error.to_string()),
                perhaps: false,
            })?;
            call = call.records(record);
        }
        let answer = call.send().await.map_err(|error| Undelivered {
            perhaps: may_have_arrived(&error),
            failure: failure::sort(&error),
        })?;
        let answers = answer.request_responses();
        if answers.len() != records.len() {
            let words = format!("{} records were answered with {} results", records.len(), answers.len());
            return Err(Undelivered { failure: Failure::Refused(words), perhaps: true });
        }
        Ok(answers
            .iter()
            .map(|answer| match (answer.error_code(), answer.record_id()) {
                (Some(code), _) => {
                    Some(format!("{code}: {}", answer.error_message().unwrap_or("no further words")))
                }
                (None, Some(_)) => None,
                (None, None) => Some("neither an identity nor an error".to_owned()),
            })
            .collect())
    }
}

/// An answer says so, and so does a connection that was never made; after anything else nobody knows.
fn may_have_arrived<E>(error: &SdkError<E, HttpResponse>) -> bool
where
    E: Error + 'static,
{
    match error {
        SdkError::ConstructionFailure(_) => false,
        SdkError::ServiceError(answer) => answer.raw().status().as_u16() >= 500,
        SdkError::DispatchFailure(failure) => {
            let never_sent =
                failure.is_user() || failure::is_of_credentials(error) || failure::never_connected(error);
            !never_sent
        }
        _ => true,
    }
}
