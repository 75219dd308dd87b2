//! A provider of OpenID Connect over HTTP: what it says of itself, and its keys. Both are kept for a while, and nobody whose
//! token can be verified by what is kept waits for anything else.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use jsonwebtoken::jwk::Jwk;
use reqwest::redirect::Policy;
use reqwest::{Certificate, Client, RequestBuilder, StatusCode, Url};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::Value;
use thiserror::Error;
use tokio::sync::{Mutex as Turn, OwnedMutexGuard};

use crate::jwt::{Key, Peek};

/// People wait.
const PATIENCE: Duration = Duration::from_secs(10);
/// Nothing that a provider says is longer.
const LONGEST: usize = 1 << 20;
/// So long what was read is good without looking again.
const FRESH: Duration = Duration::from_secs(60 * 60);
/// A provider that is away has not withdrawn its keys.
const STALE: Duration = Duration::from_secs(24 * 60 * 60);
/// A key that is not known is looked for no more often than that, whoever says how many of them.
const PAUSE: Duration = Duration::from_secs(30);
/// One that did not answer is asked again no sooner.
const CALM: Duration = Duration::from_secs(2);

/// Why a provider cannot be asked, or cannot be understood.
#[derive(Clone, Debug, Error)]
#[error("{issuer} cannot be used: {reason}")]
pub struct Away {
    pub issuer: String,
    pub reason: String,
    /// Waiting does not mend it: its settings are wrong, or ours.
    pub lasting: bool,
}

/// What a provider says of itself (OpenID Connect Discovery 1.0).
#[derive(Clone, Debug, Deserialize)]
pub(crate) struct Discovery {
    pub issuer: String,
    #[serde(default)]
    pub authorization_endpoint: String,
    #[serde(default)]
    pub token_endpoint: String,
    pub jwks_uri: String,
    #[serde(default)]
    pub device_authorization_endpoint: Option<String>,
    #[serde(default)]
    pub revocation_endpoint: Option<String>,
    #[serde(default)]
    pub token_endpoint_auth_methods_supported: Option<Vec<String>>,
}

#[derive(Deserialize)]
struct Keys {
    keys: Vec<Value>,
}

#[derive(Clone, Default)]
struct Read {
    discovery: Option<Discovery>,
    keys: Vec<Key>,
    /// When both were read.
    at: Option<Instant>,
    /// When somebody tried.
    tried: Option<Instant>,
    /// What came of that, as long as nothing is known.
    failed: Option<Away>,
}

/// What is to be done before what was read is used.
#[derive(Debug)]
enum Due {
    Nothing,
    Ask,
    /// It was away a moment ago.
    Again(Away),
}

impl Read {
    /// Whether what was read may be used though the provider is away.
    fn is_good(&self, now: Instant) -> bool {
        self.at.is_some_and(|at| now.duration_since(at) < STALE)
    }

    /// `again`: something is missing in what was read.
    fn due(&self, again: bool, now: Instant) -> Due {
        let within = |then: Option<Instant>, span| then.is_some_and(|then| now.duration_since(then) < span);
        if self.is_good(now) {
            let enough = (!again && within(self.at, FRESH)) || within(self.tried, PAUSE);
            return if enough { Due::Nothing } else { Due::Ask };
        }
        match &self.failed {
            Some(away) if within(self.tried, CALM) => Due::Again(away.clone()),
            _ => Due::Ask,
        }
    }
}

#[derive(Clone)]
pub struct Provider {
    pub issuer: String,
    client: Client,
    /// Never locked while anybody waits for anything.
    read: Arc<Mutex<Arc<Read>>>,
    /// Held while it is asked, so that many who come at once ask once.
    asking: Arc<Turn<()>>,
}

/// Whom certificates of providers may be of, besides those whom this machine trusts.
#[derive(Clone, Debug, Default)]
pub struct Trust(Vec<Certificate>);

impl Trust {
    /// PEM, one after the other.
    pub fn read(pem: &[u8]) -> Result<Self, String> {
        match Certificate::from_pem_bundle(pem) {
            Ok(all) if all.is_empty() => Err("there is no certificate in it".to_owned()),
            Ok(all) => Ok(Self(all)),
            Err(error) => Err(chain(&error)),
        }
    }
}

impl Provider {
    /// Whether an issuer could be one, by its address; else why not.
    pub fn fits(issuer: &str) -> Result<(), String> {
        safe(issuer)
    }

    /// Asks nobody yet.
    pub fn new(issuer: &str) -> Result<Self, Away> {
        Self::trusting(issuer, &Trust::default())
    }

    /// The same, where its certificate may be of an authority of one's own.
    pub fn trusting(issuer: &str, trust: &Trust) -> Result<Self, Away> {
        let wrong = |reason: String| Away { issuer: issuer.to_owned(), reason, lasting: true };
        safe(issuer).map_err(&wrong)?;
        // Whoever has chosen already, has.
        let _ = rustls::crypto::ring::default_provider().install_default();
        // What was said to be elsewhere may be anywhere: no redirect is followed.
        let client = Client::builder().timeout(PATIENCE).redirect(Policy::none()).user_agent("outboard");
        let client = client.tls_certs_merge(trust.0.clone()).build();
        let client = client.map_err(|error| wrong(chain(&error)))?;
        let (read, asking) = (Arc::default(), Arc::default());
        Ok(Self { issuer: issuer.to_owned(), client, read, asking })
    }

    pub(crate) async fn discovery(&self) -> Result<Discovery, Away> {
        let read = self.known(false).await?;
        read.discovery.clone().ok_or_else(|| self.away("it says nothing of itself"))
    }

    /// Asks it once, to tell what is wrong at the start.
    pub async fn look(&self) -> Result<(), Away> {
        self.discovery().await.map(|_| ())
    }

    /// Does something with the keys that fit.
    pub(crate) async fn with_keys<T>(
        &self,
        peek: &Peek,
        verify: impl FnOnce(&[&Key]) -> T,
    ) -> Result<T, Away> {
        let mut read = self.known(false).await?;
        if !read.keys.iter().any(|key| key.is_for(peek)) {
            // It may have a new one.
            read = self.known(true).await?;
        }
        let fitting: Vec<&Key> = read.keys.iter().filter(|key| key.is_for(peek)).collect();
        Ok(verify(&fitting))
    }

    /// What was read, if that is good; else whoever asks waits until it is. What is only old is read again beside.
    async fn known(&self, again: bool) -> Result<Arc<Read>, Away> {
        let read = self.read().clone();
        match read.due(again, Instant::now()) {
            Due::Nothing => Ok(read),
            // Many who wait for one that is away hear of it together.
            Due::Again(away) => Err(away),
            Due::Ask if !again && read.is_good(Instant::now()) => {
                if let Ok(turn) = self.asking.clone().try_lock_owned() {
                    let this = self.clone();
                    tokio::spawn(async move { this.refresh(turn).await });
                }
                Ok(read)
            }
            Due::Ask => {
                let turn = self.asking.clone().lock_owned().await;
                // Whoever came first has asked for all.
                let read = self.read().clone();
                match read.due(again, Instant::now()) {
                    Due::Nothing => Ok(read),
                    Due::Again(away) => Err(away),
                    Due::Ask => self.refresh(turn).await,
                }
            }
        }
    }

    async fn refresh(&self, _turn: OwnedMutexGuard<()>) -> Result<Arc<Read>, Away> {
        let asked = self.ask().await;
        let tried = Some(Instant::now());
        let before = self.read().clone();
        let (fresh, outcome) = match asked {
            Ok((discovery, keys)) => {
                let discovery = Some(discovery);
                (Read { discovery, keys, at: tried, tried, failed: None }, Ok(()))
            }
            Err(away) => {
                let outcome = if before.is_good(Instant::now()) {
                    tracing::warn!(issuer = self.issuer, "{away}; its keys of before are used");
                    Ok(())
                } else {
                    Err(away.clone())
                };
                (Read { tried, failed: Some(away), ..Read::clone(&before) }, outcome)
            }
        };
        let fresh = Arc::new(fresh);
        *self.read() = fresh.clone();
        outcome.map(|()| fresh)
    }

    fn read(&self) -> MutexGuard<'_, Arc<Read>> {
        self.read.lock().unwrap_or_else(PoisonError::into_inner)
    }

    async fn ask(&self) -> Result<(Discovery, Vec<Key>), Away> {
        let address = format!("{}/.well-known/openid-configuration", self.issuer.trim_end_matches('/'));
        let discovery: Discovery = self.json(self.client.get(address)).await?;
        if discovery.issuer != self.issuer {
            let reason = format!("it calls itself `{}`: say exactly that", discovery.issuer.escape_debug());
            return Err(Away { issuer: self.issuer.clone(), reason, lasting: true });
        }
        let all = [&discovery.authorization_endpoint, &discovery.token_endpoint, &discovery.jwks_uri];
        let more =
            [&discovery.device_authorization_endpoint, &discovery.revocation_endpoint].into_iter().flatten();
        for address in all.into_iter().chain(more).filter(|said| !said.is_empty()) {
            safe(address).map_err(|reason| Away { issuer: self.issuer.clone(), reason, lasting: true })?;
        }
        let keys: Keys = self.json(self.client.get(&discovery.jwks_uri)).await?;
        // Of what is not understood there may be any amount: others use it.
        let keys = keys.keys.into_iter().filter_map(|key| Key::of(&serde_json::from_value::<Jwk>(key).ok()?));
        Ok((discovery, keys.collect()))
    }

    pub(crate) fn post(&self, address: &str, form: &[(&str, &str)]) -> RequestBuilder {
        self.client.post(address).form(form)
    }

    pub(crate) async fn get(&self, address: &str) -> Result<(StatusCode, Vec<u8>), Away> {
        self.send(self.client.get(address)).await
    }

    pub(crate) fn away(&self, reason: impl Into<String>) -> Away {
        Away { issuer: self.issuer.clone(), reason: reason.into(), lasting: false }
    }

    async fn json<T: DeserializeOwned>(&self, request: RequestBuilder) -> Result<T, Away> {
        let (status, body) = self.send(request).await?;
        if status != StatusCode::OK {
            return Err(self.away(format!("it answers with status {}", status.as_u16())));
        }
        serde_json::from_slice(&body)
            .map_err(|error| self.away(format!("its answer is not understood: {error}")))
    }

    /// Status and body of an answer, whatever it is.
    pub(crate) async fn send(&self, request: RequestBuilder) -> Result<(StatusCode, Vec<u8>), Away> {
        let mut response = request.send().await.map_err(|error| self.away(chain(&error.without_url())))?;
        let mut body = vec![];
        while let Some(piece) =
            response.chunk().await.map_err(|error| self.away(chain(&error.without_url())))?
        {
            body.extend_from_slice(&piece);
            if body.len() > LONGEST {
                return Err(self.away("its answer does not end"));
            }
        }
        Ok((response.status(), body))
    }
}

/// In clear, whoever stands between would be the provider.
fn safe(address: &str) -> Result<(), String> {
    let wrong = || format!("`{}` is no address of a provider: write https://…", address.escape_debug());
    let url = Url::parse(address).map_err(|_| wrong())?;
    let here = url.host_str().is_some_and(|host| matches!(host, "localhost" | "127.0.0.1" | "[::1]"));
    let good = url.scheme() == "https" || (url.scheme() == "http" && here);
    let plain = url.username().is_empty() && url.password().is_none() && url.fragment().is_none();
    (good && plain).then_some(()).ok_or_else(wrong)
}

/// An error with its causes.
fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(inner) = cause {
        text = format!("{text}: {inner}");
        cause = inner.source();
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_read_is_good_for_a_day_without_the_provider_and_no_longer() {
        let begun = Instant::now();
        let after = |span: Duration| begun + span;
        let away = Away { issuer: "i".into(), reason: "r".into(), lasting: false };
        let read = |tried| Read {
            at: Some(begun),
            tried: Some(tried),
            failed: Some(away.clone()),
            ..Read::default()
        };
        assert!(matches!(read(begun).due(false, after(FRESH / 2)), Due::Nothing));
        assert!(matches!(read(begun).due(false, after(FRESH)), Due::Ask));
        assert!(matches!(read(begun).due(true, after(PAUSE / 2)), Due::Nothing));
        assert!(matches!(read(begun).due(true, after(PAUSE)), Due::Ask));
        // Somebody tried a moment ago, and it was away.
        let tried = after(STALE) - CALM / 2;
        assert!(matches!(read(tried).due(false, after(STALE) - CALM / 4), Due::Nothing));
        assert!(matches!(read(tried).due(false, after(STALE)), Due::Again(_)));
        assert!(!read(tried).is_good(after(STALE)));
        assert!(matches!(read(tried).due(false, after(STALE) + CALM), Due::Ask));
        assert!(matches!(Read::default().due(false, begun), Due::Ask));
    }

    #[tokio::test]
    async fn nobody_waits_while_what_is_old_is_read_again() {
        let fake = oidc_fake::Fake::start().await;
        let provider = Provider::new(&fake.issuer()).unwrap();
        provider.look().await.unwrap();
        let old =
            Read { at: Instant::now().checked_sub(FRESH), tried: None, ..Read::clone(&provider.read()) };
        *provider.read() = Arc::new(old);
        // Somebody asks already, and hears nothing.
        let turn = provider.asking.clone().lock_owned().await;
        assert_eq!(provider.known(false).await.unwrap().keys.len(), 1);
        assert_eq!(fake.inside().keys_read, 1);
        drop(turn);
        provider.known(false).await.unwrap();
        // Whoever takes the next turn comes after that.
        while fake.inside().keys_read < 2 {
            let _ = provider.asking.lock().await;
            tokio::task::yield_now().await;
        }
    }

    #[tokio::test]
    async fn many_who_come_at_once_ask_once() {
        let fake = oidc_fake::Fake::start().await;
        let provider = Provider::new(&fake.issuer()).unwrap();
        let mut all = tokio::task::JoinSet::new();
        for _ in 0..20 {
            let provider = provider.clone();
            all.spawn(async move { provider.look().await });
        }
        assert!(all.join_all().await.iter().all(Result::is_ok));
        assert_eq!(fake.inside().keys_read, 1);
    }

    #[test]
    fn a_file_of_authorities_that_has_none_is_told_at_once() {
        assert!(Trust::read(b"").unwrap_err().contains("no certificate"));
        let broken = "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n";
        let trusting = Trust::read(broken.as_bytes()).and_then(|trust| {
            Provider::trusting("https://id.example.com", &trust).map(drop).map_err(|away| away.reason)
        });
        assert!(trusting.is_err());
    }

    #[test]
    fn a_provider_is_reached_over_tls_or_on_this_machine() {
        assert!(
            safe("https://id.example.com/realms/shop").is_ok() && safe("http://127.0.0.1:5556/dex").is_ok()
        );
        for address in [
            "http://id.example.com",
            "id.example.com",
            "ftp://x",
            "https://a:b@x",
            "",
            "http://127.0.0.1.evil.example",
        ] {
            assert!(safe(address).is_err(), "{address}");
        }
    }
}
