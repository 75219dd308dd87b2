//! One repository of a registry, read: answers are bounded in size, and none leads the login to another place.

use std::net::IpAddr;

use aws::Aws;
use oci_client::RegistryOperation;
use oci_client::errors::{OciDistributionError as OciError, OciEnvelope};
use oci_client::secrets::RegistryAuth;
use reqwest::header::{ACCEPT, HeaderMap};
use reqwest::redirect::Policy;
use reqwest::{Client, Method, Response, StatusCode, Url};

use super::{CONNECT, Credentials, Failure, READ, Way, client, plain, root_cause, sort};
use crate::Settings;
use crate::plan::versions;

/// A refusal is a few words.
const REFUSAL: usize = 64 * 1024;
/// The store of a registry's bytes is one hop away, or behind one more.
const HOPS: usize = 3;

/// A repository, and what opens it.
pub struct Repository<'a> {
    client: Client,
    /// For blobs, which lie elsewhere: goes where the registry leads.
    led: Client,
    /// `https://registry.example.com/v2/shop/web`
    base: String,
    /// What a mirror is told: the registry that is meant.
    stands_for: Option<String>,
    key: Key,
    way: Way,
    aws: &'a Aws,
}

enum Key {
    None,
    Login(String, String),
    Token(String),
}

/// What came back.
pub struct Answer {
    pub headers: HeaderMap,
    pub body: Vec<u8>,
}

impl<'a> Repository<'a> {
    /// Finds the way in, and nothing else yet.
    pub async fn open(
        repository: &str,
        settings: &Settings,
        credentials: &Credentials,
        aws: &'a Aws,
    ) -> Result<Self, Failure> {
        let way = Way::find(repository, settings, credentials, aws).await?;
        let reached = way.image.resolve_registry();
        let clear = settings.registries.values().filter_map(|url| plain(url)).any(|host| host == reached);
        let scheme = if clear { "http" } else { "https" };
        let base = format!("{scheme}://{reached}/v2/{}", way.image.repository());
        let token = client(settings).auth(&way.image, &way.login, RegistryOperation::Pull).await;
        let key = match (token.map_err(|error| sort(&error)), &way.login) {
            (Ok(Some(token)), _) => Key::Token(token),
            (Ok(None), RegistryAuth::Basic(user, password)) => Key::Login(user.clone(), password.clone()),
            (Ok(None), _) => Key::None,
            (Err(Failure::Denied), _) => return Err(way.denied(aws).await),
            (Err(failure), _) => return Err(failure),
        };
        let built = |policy: Policy| {
            let builder = Client::builder().connect_timeout(CONNECT).read_timeout(READ);
            let built = builder.user_agent("outboard").redirect(policy).build();
            built.map_err(|error| Failure::Unreachable(root_cause(&error)))
        };
        let client = built(Policy::none())?;
        // Of what is led elsewhere, to the store of the registry's bytes, the client leaves out who asks.
        let led = built(Policy::custom(move |attempt| {
            if attempt.previous().len() > HOPS || !may_lead_to(attempt.url(), clear) {
                attempt.error("it leads to a place that is not followed")
            } else {
                attempt.follow()
            }
        }))?;
        let stands_for = way.image.namespace().map(str::to_owned);
        Ok(Self { client, led, base, stands_for, key, way, aws })
    }

    /// The answer about `path`, of at most `bound` bytes.
    pub async fn get(&self, path: &str, query: &str, accept: &str, bound: usize) -> Result<Answer, Failure> {
        let response = self.ask(Method::GET, path, query, accept).await?;
        let headers = response.headers().clone();
        Ok(Answer { headers, body: read(response, bound).await? })
    }

    /// What stands above the answer about `path`.
    pub async fn head(&self, path: &str, accept: &str) -> Result<HeaderMap, Failure> {
        Ok(self.ask(Method::HEAD, path, "", accept).await?.headers().clone())
    }

    async fn ask(&self, method: Method, path: &str, query: &str, accept: &str) -> Result<Response, Failure> {
        let stands_for = self.stands_for.as_ref().map(|registry| format!("ns={registry}"));
        let said = [Some(query.to_owned()).filter(|query| !query.is_empty()), stands_for];
        let said: Vec<String> = said.into_iter().flatten().collect();
        let question = if said.is_empty() { "" } else { "?" };
        let url = format!("{}/{path}{question}{}", self.base, said.join("&"));
        let client = if path.starts_with("blobs/") { &self.led } else { &self.client };
        let request = client.request(method, url).header(ACCEPT, accept);
        let request = match &self.key {
            Key::None => request,
            Key::Login(user, password) => request.basic_auth(user, Some(password)),
            Key::Token(token) => request.bearer_auth(token),
        };
        let response =
            request.send().await.map_err(|error| Failure::Unreachable(root_cause(&error.without_url())))?;
        if response.status() == StatusCode::OK {
            return Ok(response);
        }
        let status = response.status();
        // Whatever is wrong with the words, the status counts.
        let body = read(response, REFUSAL).await.unwrap_or_default();
        Err(match refused(status, &body) {
            Failure::Denied => self.way.denied(self.aws).await,
            failure => failure,
        })
    }
}

/// Whether a registry may lead there: to no address of this machine or its link, where what answers trusts whoever reaches it.
fn may_lead_to(url: &Url, clear: bool) -> bool {
    let host = url.host_str().unwrap_or_default();
    let address = host.trim_matches(['[', ']']).parse::<IpAddr>().map(|address| address.to_canonical());
    let inward = address.is_ok_and(|address| match address {
        IpAddr::V4(four) => four.is_loopback() || four.is_link_local() || four.is_unspecified(),
        IpAddr::V6(six) => six.is_loopback() || six.is_unicast_link_local() || six.is_unspecified(),
    });
    !inward && (url.scheme() == "https" || (clear && url.scheme() == "http"))
}

/// What a refusal means.
fn refused(status: StatusCode, body: &[u8]) -> Failure {
    let envelope = serde_json::from_slice::<OciEnvelope>(body).ok();
    let said = envelope.as_ref().map(|envelope| {
        let words = envelope.errors.iter().map(|error| error.message.as_str()).collect::<Vec<_>>();
        words.join("; ")
    });
    let said = said.as_deref().and_then(versions::plain);
    match status {
        StatusCode::TOO_MANY_REQUESTS => Failure::Limited(said.unwrap_or_default()),
        StatusCode::UNAUTHORIZED => Failure::Denied,
        _ if status.is_client_error() => match envelope {
            Some(envelope) => match sort(&OciError::RegistryError { envelope, url: String::new() }) {
                Failure::Limited(_) => Failure::Limited(said.unwrap_or_default()),
                Failure::Unreachable(_) => told(status, said),
                failure => failure,
            },
            None => {
                match sort(&OciError::ServerError {
                    code: status.as_u16(),
                    url: String::new(),
                    message: String::new(),
                }) {
                    Failure::Unreachable(_) => told(status, said),
                    failure => failure,
                }
            }
        },
        _ => told(status, said),
    }
}

fn told(status: StatusCode, said: Option<String>) -> Failure {
    let said = said.map(|said| format!(": {said}")).unwrap_or_default();
    Failure::Unreachable(format!("it answers {status}{said}"))
}

/// The body, as long as it is no longer than it may be.
async fn read(mut response: Response, bound: usize) -> Result<Vec<u8>, Failure> {
    let mut body = vec![];
    let broken = |error: reqwest::Error| Failure::Unreachable(root_cause(&error.without_url()));
    while let Some(bytes) = response.chunk().await.map_err(broken)? {
        if body.len() + bytes.len() > bound {
            return Err(Failure::Unreachable(format!("an answer of it is larger than {bound} bytes")));
        }
        body.extend_from_slice(&bytes);
    }
    Ok(body)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_registry_leads_to_no_place_within() {
        let may = |url: &str, clear| may_lead_to(&url.parse().unwrap(), clear);
        assert!(may("https://store.example.com/x", false) && may("http://store.example.com/x", true));
        assert!(!may("http://store.example.com/x", false));
        for within in [
            "https://127.0.0.1/",
            "https://169.254.169.254/latest",
            "https://[::1]/",
            "https://[fe80::1]/",
            "https://[::ffff:127.0.0.1]/",
            "https://0.0.0.0/",
            "https://2130706433/",
        ] {
            assert!(!may(within, true), "{within}");
        }
    }
}
