//! Signing in from a terminal (RFC 8628): a code is typed into any browser, and the terminal asks until it was. Also: a new token
//! for an old one, without anybody typing anything.

use std::time::Duration;

use jiff::Timestamp;
use reqwest::StatusCode;
use serde::Deserialize;
use thiserror::Error;

use crate::jwt::peek;
use crate::provider::{Away, Provider};
use crate::sign_in::told;

const GRANT: &str = "urn:ietf:params:oauth:grant-type:device_code";
/// By the standard, unless the provider says otherwise.
const INTERVAL: u64 = 5;
/// Nobody waits longer, whatever a provider says.
const LONGEST: u64 = 30 * 60;
/// Nor is it asked without a pause, or hardly ever.
const PAUSES: (u64, u64) = (1, 60);

#[derive(Debug, Error)]
pub enum Error {
    #[error(transparent)]
    Away(#[from] Away),
    #[error("{issuer} does not let terminals sign in")]
    NoDevices { issuer: String },
    #[error("{issuer} refuses: {reason}")]
    Refused { issuer: String, reason: String },
    #[error("nobody typed the code in time")]
    Late,
    /// What was kept is good for nothing any more.
    #[error("your sign-in has ended: {reason}")]
    Ended { reason: String },
}

/// How a server lets terminals sign in.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Offer {
    pub issuer: String,
    pub client_id: String,
    pub scopes: Vec<String>,
}

/// Asks a server where its people sign in.
pub async fn offered(server: &str) -> Result<Offer, Error> {
    let provider = Provider::new(server)?;
    let (status, body) = provider.get(&format!("{}/api/v1/sign-in", server.trim_end_matches('/'))).await?;
    let offer = serde_json::from_slice(&body).ok().filter(|_| status == StatusCode::OK);
    offer.ok_or_else(|| Error::NoDevices { issuer: server.to_owned() })
}

/// What somebody has to do.
#[derive(Clone, Debug, Deserialize)]
pub struct Code {
    device_code: String,
    /// What is typed.
    pub user_code: String,
    /// Where.
    #[serde(alias = "verification_url")]
    pub verification_uri: String,
    /// The same with the code in it.
    #[serde(default)]
    pub verification_uri_complete: Option<String>,
    pub expires_in: u64,
    #[serde(default)]
    interval: Option<u64>,
}

/// What a terminal keeps.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Tokens {
    pub token: String,
    /// None: whoever signed in does so again once the token has ended.
    pub refresh: Option<String>,
}

#[derive(Deserialize)]
struct Granted {
    id_token: String,
    #[serde(default)]
    refresh_token: Option<String>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct No {
    error: String,
    error_description: String,
}

/// Asks for a code.
pub async fn begin(provider: &Provider, client: &str, scopes: &[String]) -> Result<Code, Error> {
    let none = || Error::NoDevices { issuer: provider.issuer.clone() };
    let address = provider.discovery().await?.device_authorization_endpoint.ok_or_else(none)?;
    let scopes = scopes.join(" ");
    let (status, body) =
        provider.send(provider.post(&address, &[("client_id", client), ("scope", &scopes)])).await?;
    match status {
        StatusCode::OK => serde_json::from_slice(&body)
            .map_err(|error| provider.away(format!("its answer is not understood: {error}")).into()),
        status => Err(refused(provider, status, &body)),
    }
}

/// Asks until the code was typed, or is good no more.
pub async fn wait(provider: &Provider, client: &str, code: &Code) -> Result<Tokens, Error> {
    let address = provider.discovery().await?.token_endpoint;
    let deadline = tokio::time::Instant::now() + Duration::from_secs(code.expires_in.min(LONGEST));
    let mut pause = sensible(code.interval.unwrap_or(INTERVAL));
    loop {
        tokio::time::sleep_until(deadline.min(tokio::time::Instant::now() + pause)).await;
        if tokio::time::Instant::now() >= deadline {
            return Err(Error::Late);
        }
        let form = [("grant_type", GRANT), ("client_id", client), ("device_code", &code.device_code)];
        // A line that is lost for a moment is no refusal.
        let Ok((status, body)) = provider.send(provider.post(&address, &form)).await else { continue };
        if status == StatusCode::OK {
            return granted(provider, &body, None);
        }
        let no: No = serde_json::from_slice(&body).unwrap_or_default();
        match said(&no.error, status) {
            Said::Wait => {}
            Said::Slower => pause = sensible(pause.as_secs() + INTERVAL),
            Said::Late => return Err(Error::Late),
            Said::No => return Err(refused(provider, status, &body)),
        }
    }
}

fn sensible(seconds: u64) -> Duration {
    Duration::from_secs(seconds.clamp(PAUSES.0, PAUSES.1))
}

/// What an answer means to whoever waits.
#[derive(Debug, PartialEq)]
enum Said {
    Wait,
    Slower,
    Late,
    No,
}

fn said(error: &str, status: StatusCode) -> Said {
    match error {
        "authorization_pending" => Said::Wait,
        "slow_down" => Said::Slower,
        "expired_token" => Said::Late,
        _ if status.is_server_error() => Said::Wait,
        _ => Said::No,
    }
}

/// A new token, as long as the provider goes along.
pub async fn renew(provider: &Provider, client: &str, refresh: &str) -> Result<Tokens, Error> {
    let address = provider.discovery().await?.token_endpoint;
    let form = [("grant_type", "refresh_token"), ("client_id", client), ("refresh_token", refresh)];
    let (status, body) = provider.send(provider.post(&address, &form)).await?;
    match status {
        StatusCode::OK => granted(provider, &body, Some(refresh)),
        status if status.is_server_error() => {
            Err(provider.away(format!("it answers with status {}", status.as_u16())).into())
        }
        status => {
            let no: No = serde_json::from_slice(&body).unwrap_or_default();
            Err(Error::Ended { reason: told(&no.error, &no.error_description, status) })
        }
    }
}

/// Tells the provider that the refresh token is used no more. Where it cannot be told, the token ends by itself.
pub async fn leave(provider: &Provider, client: &str, refresh: &str) -> Result<(), Error> {
    let Some(address) = provider.discovery().await?.revocation_endpoint else { return Ok(()) };
    let form = [("token", refresh), ("token_type_hint", "refresh_token"), ("client_id", client)];
    provider.send(provider.post(&address, &form)).await?;
    Ok(())
}

/// When a token ends, by its own word: only to fetch another in time. The server looks at it for good.
pub fn ends(token: &str) -> Option<Timestamp> {
    peek(token).ok()?;
    let claims = jsonwebtoken::dangerous::insecure_decode_claims::<serde_json::Value>(token).ok()?;
    Timestamp::from_second(claims.get("exp")?.as_i64()?).ok()
}

fn granted(provider: &Provider, body: &[u8], refresh: Option<&str>) -> Result<Tokens, Error> {
    let granted: Granted = serde_json::from_slice(body)
        .map_err(|_| provider.away("it answered without an ID token: is `openid` among the scopes?"))?;
    // A provider that turns no refresh token over goes on with the old one.
    let refresh = granted.refresh_token.or_else(|| refresh.map(str::to_owned));
    Ok(Tokens { token: granted.id_token, refresh })
}

fn refused(provider: &Provider, status: StatusCode, body: &[u8]) -> Error {
    let no: No = serde_json::from_slice(body).unwrap_or_default();
    Error::Refused { issuer: provider.issuer.clone(), reason: told(&no.error, &no.error_description, status) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use oidc_fake::{Fake, TERMINAL};

    #[tokio::test]
    async fn a_terminal_waits_until_somebody_typed_the_code_and_renews_its_token() {
        let fake = Fake::start().await;
        let provider = Provider::new(&fake.issuer()).unwrap();
        let code = begin(&provider, TERMINAL, &["openid".to_owned()]).await.unwrap();
        assert_eq!(code.user_code, "ABCD-EFGH");
        let tokens = wait(&provider, TERMINAL, &code).await.unwrap();
        assert!(ends(&tokens.token).is_some());
        let refresh = tokens.refresh.unwrap();
        let renewed = renew(&provider, TERMINAL, &refresh).await.unwrap();
        assert_ne!(renewed.refresh.as_deref(), Some(refresh.as_str()));
        // One that was turned over is good for nothing.
        assert!(matches!(renew(&provider, TERMINAL, &refresh).await, Err(Error::Ended { .. })));
    }

    #[test]
    fn a_provider_that_stumbles_or_wants_calm_is_no_refusal() {
        assert_eq!(said("authorization_pending", StatusCode::BAD_REQUEST), Said::Wait);
        assert_eq!(said("slow_down", StatusCode::BAD_REQUEST), Said::Slower);
        assert_eq!(said("", StatusCode::BAD_GATEWAY), Said::Wait);
        assert_eq!(said("expired_token", StatusCode::BAD_REQUEST), Said::Late);
        assert_eq!(said("access_denied", StatusCode::BAD_REQUEST), Said::No);
        assert_eq!(said("", StatusCode::NOT_FOUND), Said::No);
    }

    #[tokio::test]
    async fn no_pause_that_a_provider_wants_is_longer_than_its_code_is_good() {
        let fake = Fake::start().await;
        let provider = Provider::new(&fake.issuer()).unwrap();
        let code = begin(&provider, TERMINAL, &["openid".to_owned()]).await.unwrap();
        let code = Code { expires_in: 0, interval: Some(u64::MAX), ..code };
        let waited = tokio::time::timeout(Duration::from_secs(20), wait(&provider, TERMINAL, &code)).await;
        assert!(matches!(waited, Ok(Err(Error::Late))));
    }

    #[test]
    fn a_pause_is_neither_none_nor_for_ever() {
        assert_eq!([0, 5, 600, u64::MAX].map(|said| sensible(said).as_secs()), [1, 5, 60, 60]);
    }

    #[tokio::test]
    async fn a_client_that_may_not_and_a_code_that_nobody_has_are_refused() {
        let fake = Fake::start().await;
        let provider = Provider::new(&fake.issuer()).unwrap();
        assert!(matches!(begin(&provider, "other", &[]).await, Err(Error::Refused { .. })));
        let code = begin(&provider, TERMINAL, &[]).await.unwrap();
        let unknown = Code { device_code: "x".into(), ..code };
        assert!(matches!(wait(&provider, TERMINAL, &unknown).await, Err(Error::Late)));
    }
}
