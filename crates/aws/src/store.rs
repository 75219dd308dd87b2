//! S3, or a server that answers like it, for whoever reads and writes much of it. Nothing is tried again in here: whoever
//! asks counts each request, and knows when to ask less.

use std::time::Duration;

use aws_config::Region;
use aws_config::retry::RetryConfig;
use aws_config::timeout::TimeoutConfig;
use aws_credential_types::Credentials;
use aws_sdk_s3::Client;
use aws_sdk_s3::config::{RequestChecksumCalculation, ResponseChecksumValidation};

use crate::Failure;
use crate::access::Access;
use crate::authority::Authority;
use crate::objects::ANY_REGION;

const CONNECT: Duration = Duration::from_secs(5);

/// Where it is, and who asks.
#[derive(Clone, Default)]
pub struct StorePlace {
    /// Else the chain's.
    pub region: Option<String>,
    /// Of a server that is not AWS.
    pub endpoint: Option<String>,
    /// Key and secret; else the chain's.
    pub credentials: Option<(String, String)>,
    /// Whom its certificate is of; else one that everybody trusts.
    pub authority: Option<Authority>,
}

/// Whoever asks knows how long an answer may take: a store puts the parts of a large object together for minutes. What is
/// not said here would be what everybody else has.
fn timeouts() -> TimeoutConfig {
    TimeoutConfig::builder()
        .connect_timeout(CONNECT)
        .disable_read_timeout()
        .disable_operation_attempt_timeout()
        .disable_operation_timeout()
        .build()
}

pub(crate) async fn reach(access: &Access, place: &StorePlace) -> Result<Client, Failure> {
    let region = match (&place.region, &place.endpoint) {
        (Some(region), _) => Some(region.as_str()),
        (None, Some(_)) if access.region().await.is_none() => Some(ANY_REGION),
        (None, _) => None,
    };
    let access = access.of_region(region).await?;
    let elsewhere = place.endpoint.is_some() || access.endpoint_url().is_some();
    let mut config = aws_sdk_s3::config::Builder::from(&access)
        // Servers that are not AWS know neither new checksums nor buckets as hostnames.
        .request_checksum_calculation(RequestChecksumCalculation::WhenRequired)
        .response_checksum_validation(ResponseChecksumValidation::WhenRequired)
        .force_path_style(elsewhere)
        .retry_config(RetryConfig::disabled())
        .timeout_config(timeouts())
        .region(access.region().cloned().unwrap_or(Region::from_static(ANY_REGION)));
    if let Some(endpoint) = &place.endpoint {
        config = config.endpoint_url(endpoint);
    }
    if let Some((key, secret)) = &place.credentials {
        config = config.credentials_provider(Credentials::new(key, secret, None, None, "job"));
    }
    if let Some(authority) = &place.authority {
        config = config.http_client(authority.transport().map_err(Failure::Refused)?);
    }
    Ok(Client::from_conf(config.build()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn only_whoever_asks_limits_how_long_a_store_may_take() {
        let place = StorePlace { endpoint: Some("http://127.0.0.1:1".to_owned()), ..StorePlace::default() };
        let client = reach(&Access::at("http://127.0.0.1:1"), &place).await.unwrap();
        let timeouts = client.config().timeout_config().unwrap();
        assert_eq!(timeouts.connect_timeout(), Some(CONNECT));
        assert_eq!((timeouts.operation_attempt_timeout(), timeouts.operation_timeout()), (None, None));
        assert_eq!(timeouts.read_timeout(), None);
    }
}
