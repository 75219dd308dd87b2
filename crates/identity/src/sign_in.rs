//! Signing in with a browser: there with a request of one's own (authorization code with PKCE), back with a code, and whose it is.

use base64::Engine;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use jiff::Timestamp;
use rand::RngExt;
use reqwest::{StatusCode, Url};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use sha2::{Digest, Sha256};

use crate::{Away, Gate, Person, Refused};

/// What we are at the provider.
pub struct Client {
    pub id: String,
    pub secret: Option<String>,
    /// Where it sends people back to.
    pub back: String,
    pub scopes: Vec<String>,
}

/// What has to come back with somebody, and what is needed then: kept by the browser, where nobody can read or change it.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
pub struct SignIn {
    pub state: String,
    nonce: String,
    verifier: String,
}

/// A sign-in that has begun.
pub struct Begun {
    /// The provider's page.
    pub address: String,
    pub kept: SignIn,
}

#[derive(Deserialize)]
struct Tokens {
    id_token: Option<String>,
}

/// How a provider says no (RFC 6749, 5.2).
#[derive(Default, Deserialize)]
#[serde(default)]
struct No {
    error: String,
    error_description: String,
}

fn draw() -> String {
    let bytes: [u8; 32] = rand::rng().random();
    BASE64_URL_SAFE_NO_PAD.encode(bytes)
}

impl Gate {
    pub async fn begin(&self, client: &Client) -> Result<Begun, Away> {
        let provider = &self.people.provider;
        let discovery = provider.discovery().await?;
        let mut url = Url::parse(&discovery.authorization_endpoint)
            .map_err(|_| provider.away("it has no page to sign in at"))?;
        let kept = SignIn { state: draw(), nonce: draw(), verifier: draw() };
        let challenge = BASE64_URL_SAFE_NO_PAD.encode(Sha256::digest(kept.verifier.as_bytes()));
        url.query_pairs_mut()
            .append_pair("response_type", "code")
            .append_pair("client_id", &client.id)
            .append_pair("redirect_uri", &client.back)
            .append_pair("scope", &client.scopes.join(" "))
            .append_pair("state", &kept.state)
            .append_pair("nonce", &kept.nonce)
            .append_pair("code_challenge", &challenge)
            .append_pair("code_challenge_method", "S256");
        Ok(Begun { address: url.into(), kept })
    }

    /// Who came back with that code.
    pub async fn end(
        &self,
        client: &Client,
        kept: &SignIn,
        code: &str,
        now: Timestamp,
    ) -> Result<Person, Refused> {
        let provider = &self.people.provider;
        let discovery = provider.discovery().await?;
        let methods = discovery.token_endpoint_auth_methods_supported.unwrap_or_default();
        // By the standard, what is not said is `client_secret_basic`.
        let basic = methods.is_empty() || methods.iter().any(|method| method == "client_secret_basic");
        let mut form = vec![
            ("grant_type", "authorization_code"),
            ("code", code),
            ("redirect_uri", client.back.as_str()),
            ("code_verifier", kept.verifier.as_str()),
        ];
        let secret = client.secret.as_deref();
        if secret.is_none() || !basic {
            form.push(("client_id", client.id.as_str()));
        }
        form.extend(secret.filter(|_| !basic).map(|secret| ("client_secret", secret)));
        let mut request = provider.post(&discovery.token_endpoint, &form);
        if let Some(secret) = secret.filter(|_| basic) {
            request = request.basic_auth(encoded(&client.id), Some(encoded(secret)));
        }
        let (status, body) = provider.send(request).await?;
        if status.is_server_error() || status == StatusCode::TOO_MANY_REQUESTS {
            return Err(provider.away(format!("it answers with status {}", status.as_u16())).into());
        }
        if status != StatusCode::OK {
            let no: No = serde_json::from_slice(&body).unwrap_or_default();
            return Err(Refused::Declined { reason: told(&no.error, &no.error_description, status) });
        }
        let tokens: Option<Tokens> = serde_json::from_slice(&body).ok();
        let token = tokens.and_then(|tokens| tokens.id_token);
        let token = token
            .ok_or_else(|| provider.away("it answered without an ID token: is `openid` among the scopes?"))?;
        let claims = self.claims(&token, now).await?;
        // A token of another sign-in, of a person who is not here.
        if claims.0.get("nonce").and_then(Value::as_str) != Some(kept.nonce.as_str()) {
            return Err(Refused::Nonce);
        }
        self.named(&claims)
    }
}

/// In the words of a provider, cut to a line.
pub(crate) fn told(error: &str, description: &str, status: StatusCode) -> String {
    let said = match (error, description) {
        ("", "") => format!("status {}", status.as_u16()),
        (error, "") => error.to_owned(),
        ("", description) => description.to_owned(),
        (error, description) => format!("{description} ({error})"),
    };
    said.chars().take(300).collect()
}

/// As RFC 6749, 2.3.1 has it: form-encoded, before it is base64.
fn encoded(text: &str) -> String {
    let mut url = Url::parse("x:/").ok();
    let pairs = url.as_mut().map(|url| {
        url.query_pairs_mut().append_pair("x", text);
        url.query().unwrap_or_default().trim_start_matches("x=").to_owned()
    });
    pairs.unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_is_encoded_as_forms_are() {
        assert_eq!(encoded("a:b c%é"), "a%3Ab+c%25%C3%A9");
        assert_eq!(encoded("x=1"), "x%3D1");
    }

    #[test]
    fn what_a_provider_says_is_told_in_one_line() {
        assert_eq!(
            told("invalid_grant", "Code expired", StatusCode::BAD_REQUEST),
            "Code expired (invalid_grant)"
        );
        assert_eq!(told("", "", StatusCode::FORBIDDEN), "status 403");
        assert_eq!(told("", &"x".repeat(900), StatusCode::BAD_REQUEST).len(), 300);
    }
}
