//! Credentials, region and transport: found once, by the chain that every AWS tool has (environment, web identity,
//! pod identity, instance profile), and renewed by it.

use std::time::Duration;

use aws_config::retry::RetryConfig;
use aws_config::timeout::TimeoutConfig;
use aws_config::{BehaviorVersion, Region, SdkConfig};
use aws_credential_types::Credentials;
use aws_smithy_http_client::tls::{Provider, rustls_provider::CryptoMode};
use tokio::sync::OnceCell;

use crate::Failure;

const CONNECT: Duration = Duration::from_secs(3);
const ATTEMPT: Duration = Duration::from_secs(5);
/// With all that is tried again. Environments wait for it.
const WHOLE: Duration = Duration::from_secs(12);
const ATTEMPTS: u32 = 3;

#[derive(Default)]
pub struct Access {
    chain: OnceCell<SdkConfig>,
    /// Where it is asked instead.
    endpoint: Option<String>,
}

impl Access {
    /// What clients of this region, or else the chain's, are made from.
    pub async fn of_region(&self, region: Option<&str>) -> Result<SdkConfig, Failure> {
        let chain = self.chain.get_or_init(|| load(self.endpoint.as_deref())).await;
        match region {
            Some(region) => Ok(chain.to_builder().region(Region::new(region.to_owned())).build()),
            None if chain.region().is_some() => Ok(chain.clone()),
            None => Err(Failure::NoRegion),
        }
    }

    /// The one that the chain says.
    pub async fn region(&self) -> Option<Region> {
        self.chain.get_or_init(|| load(self.endpoint.as_deref())).await.region().cloned()
    }

    /// Somewhere else, as somebody who is not asked who they are.
    pub fn at(endpoint: &str) -> Self {
        Self { chain: OnceCell::new(), endpoint: Some(endpoint.to_owned()) }
    }

    #[cfg(test)]
    pub fn of(config: SdkConfig) -> Self {
        Self { chain: OnceCell::new_with(Some(config)), endpoint: None }
    }
}

async fn load(endpoint: Option<&str>) -> SdkConfig {
    // The cryptography that the rest of the process uses, too.
    let transport =
        aws_smithy_http_client::Builder::new().tls_provider(Provider::Rustls(CryptoMode::Ring)).build_https();
    let timeouts = TimeoutConfig::builder()
        .connect_timeout(CONNECT)
        .operation_attempt_timeout(ATTEMPT)
        .operation_timeout(WHOLE)
        .build();
    let mut loader = aws_config::defaults(BehaviorVersion::latest())
        .http_client(transport)
        .retry_config(RetryConfig::standard().with_max_attempts(ATTEMPTS))
        .timeout_config(timeouts);
    if let Some(endpoint) = endpoint {
        let nobody = Credentials::new("nobody", "nothing", None, None, "fixed");
        let region = Region::from_static("eu-west-1");
        loader = loader.endpoint_url(endpoint).region(region).credentials_provider(nobody);
    }
    loader.load().await
}
