//! Services of AWS by their query protocol: an action with its parameters as a form, an answer in XML. Only for EC2, load
//! balancers and IAM, of whose hundreds of actions outboard needs a dozen
//! ([decision 87](../../../docs/decisions/0087-ec2-is-asked-without-its-client.md)).

use std::time::{Duration, SystemTime};

use aws_config::SdkConfig;
use aws_credential_types::provider::ProvideCredentials;
use aws_sigv4::http_request::{SignableBody, SignableRequest, SigningSettings, sign};
use aws_sigv4::sign::v4::SigningParams;
use aws_smithy_http_client::Connector;
use aws_smithy_http_client::tls::{Provider, rustls_provider::CryptoMode};
use aws_smithy_runtime_api::client::http::{HttpConnector, HttpConnectorSettings};
use aws_smithy_runtime_api::client::orchestrator::HttpRequest;
use aws_smithy_types::body::SdkBody;
use aws_smithy_types::byte_stream::ByteStream;
use roxmltree::{Document, Node};

use crate::Failure;
use crate::failure::of_service;

const CONNECT: Duration = Duration::from_secs(3);
const ANSWER: Duration = Duration::from_secs(20);
const ATTEMPTS: u32 = 4;
const PAUSE: Duration = Duration::from_millis(400);
const FORM: &str = "application/x-www-form-urlencoded; charset=utf-8";

/// A service and the version of its actions.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Service {
    pub name: &'static str,
    pub version: &'static str,
    /// Whether it has one endpoint for all regions.
    pub global: bool,
}

pub(crate) const EC2: Service = Service { name: "ec2", version: "2016-11-15", global: false };
pub(crate) const IAM: Service = Service { name: "iam", version: "2010-05-08", global: true };
pub(crate) const BALANCERS: Service =
    Service { name: "elasticloadbalancing", version: "2015-12-01", global: false };
/// The one before, which load balancers of Services are made with unless somebody asks for another.
pub(crate) const CLASSIC: Service =
    Service { name: "elasticloadbalancing", version: "2012-06-01", global: false };

pub(crate) struct Query {
    config: SdkConfig,
    connector: Connector,
}

impl Query {
    pub fn of(config: &SdkConfig) -> Self {
        let settings = HttpConnectorSettings::builder().connect_timeout(CONNECT).read_timeout(ANSWER).build();
        let connector = Connector::builder()
            .connector_settings(settings)
            .tls_provider(Provider::Rustls(CryptoMode::Ring))
            .build();
        Self { config: config.clone(), connector }
    }

    /// The answer's XML. What passes by itself is asked again.
    pub async fn ask(
        &self,
        service: Service,
        action: &str,
        parameters: &[(String, String)],
    ) -> Result<String, Failure> {
        let mut attempt = 1;
        loop {
            match self.once(service, action, parameters).await {
                Err(failure) if failure.passes() && attempt < ATTEMPTS => {
                    tokio::time::sleep(PAUSE * 2_u32.pow(attempt)).await;
                    attempt += 1;
                }
                outcome => return outcome,
            }
        }
    }

    async fn once(
        &self,
        service: Service,
        action: &str,
        parameters: &[(String, String)],
    ) -> Result<String, Failure> {
        let region = self.config.region().ok_or(Failure::NoRegion)?.as_ref();
        let (host, region) = place(service, region);
        let url = match self.config.endpoint_url() {
            Some(elsewhere) => format!("{}/", elsewhere.trim_end_matches('/')),
            None => format!("https://{host}/"),
        };
        let form = form(service, action, parameters);
        let request = self.signed(service, region, &url, &form).await?;
        let answer = self.connector.call(request).await;
        let answer = answer.map_err(|error| Failure::Unreachable(error.to_string()))?;
        let status = answer.status().as_u16();
        let body = whole(answer.into_body()).await?;
        if (200..300).contains(&status) {
            return Ok(body);
        }
        let (code, message) = refusal(&body);
        Err(of_service(&code, &message, status))
    }

    async fn signed(
        &self,
        service: Service,
        region: &str,
        url: &str,
        form: &str,
    ) -> Result<HttpRequest, Failure> {
        let nobody = || Failure::NoCredentials("the chain of AWS has none".to_owned());
        let provider = self.config.credentials_provider().ok_or_else(nobody)?;
        let credentials = provider.provide_credentials().await;
        let identity = credentials.map_err(|error| Failure::NoCredentials(error.to_string()))?.into();
        let wrong = |error: &dyn std::error::Error| Failure::Refused(error.to_string());
        let params = SigningParams::builder()
            .identity(&identity)
            .region(region)
            .name(service.name)
            .time(SystemTime::now())
            .settings(SigningSettings::default())
            .build()
            .map_err(|error| wrong(&error))?
            .into();
        let headers = [("content-type", FORM)];
        let body = SignableBody::Bytes(form.as_bytes());
        let signable = SignableRequest::new("POST", url, headers.into_iter(), body);
        let signed =
            sign(signable.map_err(|error| wrong(&error))?, &params).map_err(|error| wrong(&error))?;
        let mut request = http::Request::post(url)
            .header("content-type", FORM)
            .body(SdkBody::from(form))
            .map_err(|error| wrong(&error))?;
        signed.into_parts().0.apply_to_request_http1x(&mut request);
        HttpRequest::try_from(request).map_err(|error| wrong(&error))
    }
}

async fn whole(body: SdkBody) -> Result<String, Failure> {
    let bytes = ByteStream::new(body).collect().await;
    let bytes = bytes.map_err(|error| Failure::Unreachable(format!("an answer was cut off: {error}")))?;
    Ok(String::from_utf8_lossy(&bytes.into_bytes()).into_owned())
}

/// The host of a service, and the region that signatures for it name.
fn place(service: Service, region: &str) -> (String, &str) {
    let name = service.name;
    match (service.global, region.split('-').next()) {
        (false, Some("cn")) => (format!("{name}.{region}.amazonaws.com.cn"), region),
        (false, _) => (format!("{name}.{region}.amazonaws.com"), region),
        (true, Some("cn")) => (format!("{name}.cn-north-1.amazonaws.com.cn"), "cn-north-1"),
        (true, _) if region.starts_with("us-gov-") => {
            (format!("{name}.us-gov.amazonaws.com"), "us-gov-west-1")
        }
        (true, _) => (format!("{name}.amazonaws.com"), "us-east-1"),
    }
}

fn form(service: Service, action: &str, parameters: &[(String, String)]) -> String {
    let fixed = [("Action", action), ("Version", service.version)];
    let given = parameters.iter().map(|(name, value)| (name.as_str(), value.as_str()));
    let pairs = fixed.into_iter().chain(given);
    pairs.map(|(name, value)| format!("{}={}", encoded(name), encoded(value))).collect::<Vec<_>>().join("&")
}

fn encoded(text: &str) -> String {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~".contains(&byte);
    text.bytes()
        .map(|byte| if plain(byte) { char::from(byte).to_string() } else { format!("%{byte:02X}") })
        .collect()
}

/// Code and message; EC2 and load balancers wrap them differently.
fn refusal(body: &str) -> (String, String) {
    let first = |name: &str| {
        let found = each(body, name, |node| node.text().map(|text| text.trim().to_owned()));
        found.ok().and_then(|found| found.into_iter().next()).unwrap_or_default()
    };
    (first("Code"), first("Message"))
}

/// What `read` makes of each node of this name, wherever it is.
pub(crate) fn each<T>(
    body: &str,
    name: &str,
    read: impl Fn(Node<'_, '_>) -> Option<T>,
) -> Result<Vec<T>, Failure> {
    let document =
        Document::parse(body).map_err(|error| Failure::Refused(format!("its answer is no XML: {error}")))?;
    Ok(document.descendants().filter(|node| node.tag_name().name() == name).filter_map(read).collect())
}

/// The text of a node within another.
pub(crate) fn text(node: Node<'_, '_>, name: &str) -> Option<String> {
    let found = node.children().find(|child| child.tag_name().name() == name)?;
    Some(found.text().unwrap_or_default().trim().to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_form_holds_action_version_and_what_is_asked() {
        let parameters = [("Filter.1.Value.1".to_owned(), "a b/ü".to_owned())];
        let expected = "Action=DescribeVpcs&Version=2016-11-15&Filter.1.Value.1=a%20b%2F%C3%BC";
        assert_eq!(form(EC2, "DescribeVpcs", &parameters), expected);
    }

    #[test]
    fn a_service_of_all_regions_has_one_place_in_each_part_of_aws() {
        assert_eq!(place(EC2, "eu-west-1"), ("ec2.eu-west-1.amazonaws.com".to_owned(), "eu-west-1"));
        assert_eq!(place(EC2, "cn-north-1").0, "ec2.cn-north-1.amazonaws.com.cn");
        assert_eq!(place(IAM, "eu-west-1"), ("iam.amazonaws.com".to_owned(), "us-east-1"));
        assert_eq!(place(IAM, "us-gov-east-1"), ("iam.us-gov.amazonaws.com".to_owned(), "us-gov-west-1"));
    }

    #[test]
    fn a_refusal_is_read_in_both_wrappings() {
        let ec2 = "<Response><Errors><Error><Code>InvalidVolume.NotFound</Code><Message>no</Message></Error></Errors></Response>";
        let balancers = r#"<ErrorResponse xmlns="http://x/"><Error><Type>Sender</Type><Code>AccessDenied</Code><Message>you may not</Message></Error></ErrorResponse>"#;
        assert_eq!(refusal(ec2), ("InvalidVolume.NotFound".to_owned(), "no".to_owned()));
        assert_eq!(refusal(balancers), ("AccessDenied".to_owned(), "you may not".to_owned()));
        assert_eq!(refusal("<html>"), (String::new(), String::new()));
    }
}
