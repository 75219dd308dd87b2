//! Asks image registries which bytes a reference stands for: the digest of its index. What else they know is in [`repository`],
//! [`tags`] and [`image`].

pub mod image;
pub mod repository;
pub mod seats;
pub mod shelf;
pub mod tags;

use std::collections::BTreeMap;
use std::time::Duration;

use aws::Aws;
use futures::future::join_all;
use oci_client::client::{ClientConfig, ClientProtocol};
use oci_client::errors::{OciDistributionError as OciError, OciErrorCode};
use oci_client::secrets::RegistryAuth;
use oci_client::{Client, Reference, RegistryOperation};
use serde::Deserialize;

use crate::Settings;
use crate::plan::versions;

const CONNECT: Duration = Duration::from_secs(5);
const READ: Duration = Duration::from_secs(10);
/// Longer words of a registry are cut.
const WORDS: usize = 300;

/// Why a reference has no digest.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Failure {
    /// The registry answers and has no such image.
    Missing,
    /// It wants other credentials, or any.
    Denied,
    /// It is AWS', and outboard's own role may not.
    NoRight,
    /// It is AWS', nobody gave credentials for it, and AWS gives outboard none.
    NoLogin(aws::Failure),
    /// It has been asked too often; in its own words, if it has any.
    Limited(String),
    /// It does not answer, or not in a way that says anything about the image.
    Unreachable(String),
    /// No registry could ever have it.
    Malformed(String),
}

/// User and password by registry, as `docker login` keeps them.
#[derive(Clone, Default)]
pub struct Credentials(BTreeMap<String, RegistryAuth>);

#[derive(Deserialize)]
struct DockerConfig {
    auths: BTreeMap<String, DockerLogin>,
}

#[derive(Deserialize)]
struct DockerLogin {
    #[serde(default)]
    username: String,
    #[serde(default)]
    password: String,
    /// Both, as `user:password` in Base64; what `docker login` writes.
    #[serde(default)]
    auth: String,
}

impl Credentials {
    /// Reads the `.dockerconfigjson` of a Secret. What cannot be read is left out: the registry will say so.
    pub fn parse(config: &[u8]) -> Self {
        let Ok(config) = serde_json::from_slice::<DockerConfig>(config) else { return Self::default() };
        let logins = config.auths.into_iter().filter_map(|(registry, login)| {
            let (user, password) = match (login.username, login.password) {
                (user, password) if !user.is_empty() => (user, password),
                _ => {
                    let decoded = base64(&login.auth)?;
                    let (user, password) = decoded.split_once(':')?;
                    (user.to_owned(), password.to_owned())
                }
            };
            Some((host(&registry).to_owned(), RegistryAuth::Basic(user, password)))
        });
        Self(logins.collect())
    }

    fn of(&self, registry: &str) -> Option<RegistryAuth> {
        self.0.get(host(registry)).cloned()
    }
}

/// The digests of `references`, asked for side by side.
pub async fn digests(
    references: Vec<String>,
    settings: &Settings,
    credentials: &Credentials,
    aws: &Aws,
) -> BTreeMap<String, Result<String, Failure>> {
    let client = client(settings);
    let asked = references.into_iter().map(|reference| async {
        let digest = digest(&client, &reference, settings, credentials, aws).await;
        (reference, digest)
    });
    join_all(asked).await.into_iter().collect()
}

/// A client remembers credentials for good; one for each time sees those that are valid now.
fn client(settings: &Settings) -> Client {
    Client::new(ClientConfig {
        protocol: ClientProtocol::HttpsExcept(
            settings.registries.values().filter_map(|url| plain(url)).collect(),
        ),
        connect_timeout: Some(CONNECT),
        read_timeout: Some(READ),
        user_agent: "outboard",
        ..ClientConfig::default()
    })
}

/// An image, where it is reached, and with what.
struct Way {
    image: Reference,
    login: RegistryAuth,
    /// Of AWS, whose registry it is, and who gave the login.
    region: Option<String>,
}

impl Way {
    async fn find(
        reference: &str,
        settings: &Settings,
        credentials: &Credentials,
        aws: &Aws,
    ) -> Result<Self, Failure> {
        let mut image: Reference =
            reference.parse().map_err(|error| Failure::Malformed(format!("{reference}: {error}")))?;
        let registry = image.registry().to_owned();
        if let Some(url) = settings.registries.get(&registry) {
            image.set_mirror_registry(host(url).to_owned());
        }
        // What a person gave comes before what outboard itself may.
        let given = credentials.of(&registry);
        let region = aws::region_of(&registry).filter(|_| given.is_none()).map(str::to_owned);
        let login = match (given, &region) {
            (Some(given), _) => given,
            (None, Some(region)) => {
                let login = Box::pin(aws.login(region)).await.map_err(Failure::NoLogin)?;
                RegistryAuth::Basic(login.user, login.password)
            }
            (None, None) => RegistryAuth::Anonymous,
        };
        Ok(Self { image, login, region })
    }

    /// What it means that the registry wants other credentials.
    async fn denied(&self, aws: &Aws) -> Failure {
        let Some(region) = &self.region else { return Failure::Denied };
        // It may have been taken back, or be that of a role that outboard no longer has.
        aws.forget_login(region).await;
        Failure::NoRight
    }
}

async fn digest(
    client: &Client,
    reference: &str,
    settings: &Settings,
    credentials: &Credentials,
    aws: &Aws,
) -> Result<String, Failure> {
    let way = Way::find(reference, settings, credentials, aws).await?;
    let failure = match client.fetch_manifest_digest(&way.image, &way.login).await {
        Ok(digest) => return Ok(digest),
        Err(error) => sort(&error),
    };
    if failure != Failure::Denied {
        return Err(failure);
    }
    if way.region.is_some() {
        return Err(way.denied(aws).await);
    }
    // The client goes on without a token when it gets none: why it got none says more than the refusal that follows.
    let asked = client.auth(&way.image, &way.login, RegistryOperation::Pull).await;
    Err(asked.err().map_or(failure, |error| sort(&error)))
}

/// What an error of a registry says about the image.
fn sort(error: &OciError) -> Failure {
    match error {
        OciError::ImageManifestNotFoundError(_) | OciError::ServerError { code: 404, .. } => Failure::Missing,
        OciError::ServerError { code: 429, message, .. } => Failure::Limited(words(message)),
        // The token service of a registry has a limit, too; of its answer only the body is known.
        OciError::AuthenticationFailure(body) if body.to_uppercase().contains("TOOMANYREQUESTS") => {
            Failure::Limited(words(body))
        }
        OciError::UnauthorizedError { .. }
        | OciError::AuthenticationFailure(_)
        | OciError::ServerError { code: 401 | 403, .. } => Failure::Denied,
        OciError::RegistryError { envelope, .. } => {
            use OciErrorCode::{
                Denied, ManifestUnknown, NameUnknown, NotFound, Toomanyrequests, Unauthorized,
            };
            let says =
                |wanted: &[OciErrorCode]| envelope.errors.iter().any(|error| wanted.contains(&error.code));
            if says(&[Toomanyrequests]) {
                let said = envelope.errors.iter().map(|error| error.message.as_str());
                Failure::Limited(words(&said.collect::<Vec<_>>().join("; ")))
            } else if says(&[Unauthorized, Denied]) {
                Failure::Denied
            } else if says(&[ManifestUnknown, NameUnknown, NotFound]) {
                Failure::Missing
            } else {
                Failure::Unreachable(words(&error.to_string()))
            }
        }
        // Its cause may quote what was read.
        OciError::RequestError(request) if request.is_decode() => {
            Failure::Unreachable("its answer is not understood".to_owned())
        }
        // The text of this one is the URL alone; its cause says what happened.
        OciError::RequestError(request) => Failure::Unreachable(root_cause(request)),
        // The errors' own texts quote what was read.
        OciError::JsonError(error) => Failure::Unreachable(format!(
            "its answer is not understood (line {}, column {})",
            error.line(),
            error.column()
        )),
        OciError::RegistryTokenDecodeError(_) => {
            Failure::Unreachable("the answer of its token service is not understood".to_owned())
        }
        other => Failure::Unreachable(words(&other.to_string())),
    }
}

/// What a registry says, fit to be shown.
fn words(text: &str) -> String {
    versions::within(text, WORDS).unwrap_or_default()
}

fn root_cause(error: &dyn std::error::Error) -> String {
    match error.source() {
        Some(source) => root_cause(source),
        None => error.to_string(),
    }
}

/// The host of a registry, however it is written; Docker Hub has several names.
fn host(registry: &str) -> &str {
    let bare = registry.split_once("://").map_or(registry, |(_, rest)| rest);
    let bare = bare.split('/').next().unwrap_or(bare);
    match bare {
        "index.docker.io" | "registry-1.docker.io" => "docker.io",
        other => other,
    }
}

/// The host of a URL that is reached without TLS.
fn plain(url: &str) -> Option<String> {
    url.starts_with("http://").then(|| host(url).to_owned())
}

fn base64(text: &str) -> Option<String> {
    use base64::Engine;
    let bytes = base64::engine::general_purpose::STANDARD.decode(text.trim()).ok()?;
    String::from_utf8(bytes).ok()
}

#[cfg(test)]
mod tests;
