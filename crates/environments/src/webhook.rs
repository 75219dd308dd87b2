//! The webhook of an installation: an address that is told, and a secret that proves by whom, as standardwebhooks.com has it.

use std::fmt;
use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use hmac::{Hmac, KeyInit, Mac};
use k8s_openapi::jiff::Timestamp;
use reqwest::redirect::Policy;
use reqwest::{Client, StatusCode, Url};
use sha2::Sha256;

use crate::plan::announce::Message;

/// Long enough for a slow receiver; what it does with the message it should do later.
const PATIENCE: Duration = Duration::from_secs(10);
const KEY_PREFIX: &str = "whsec_";

/// Where verdicts are announced. Neither address nor key is ever shown: many a webhook's address is its password.
#[derive(Clone, PartialEq, Eq)]
pub struct Webhook {
    url: Url,
    key: Option<Vec<u8>>,
}

impl fmt::Debug for Webhook {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Webhook")
    }
}

impl Webhook {
    /// Reads an address and a key as `whsec_` and base64; says what is wrong without saying what was given.
    pub fn read(url: &str, key: Option<&str>) -> Result<Self, String> {
        let url = Url::parse(url.trim()).map_err(|error| format!("the address is no URL: {error}"))?;
        if !matches!(url.scheme(), "http" | "https") || url.host_str().is_none_or(str::is_empty) {
            return Err("the address does not begin with https:// (or http://) and a host".to_owned());
        }
        let key = key.map(str::trim).filter(|key| !key.is_empty());
        let key = key.map(|key| STANDARD.decode(key.strip_prefix(KEY_PREFIX).unwrap_or(key)));
        let key = key.transpose().map_err(|_| format!("the key is not {KEY_PREFIX} and base64"))?;
        if key.as_ref().is_some_and(|key| key.len() < 16) {
            return Err("the key is shorter than 16 bytes".to_owned());
        }
        Ok(Self { url, key })
    }
}

/// Sends to one webhook.
pub struct Sender {
    webhook: Webhook,
    client: Client,
}

impl Sender {
    pub fn new(webhook: Webhook) -> Result<Self, reqwest::Error> {
        // A redirect would take the message where nobody said.
        let client = Client::builder().timeout(PATIENCE).redirect(Policy::none());
        let client = client.user_agent(concat!("outboard/", env!("CARGO_PKG_VERSION"))).build()?;
        Ok(Self { webhook, client })
    }

    /// Done once the receiver says that it has it.
    pub async fn send(&self, message: &Message, now: Timestamp) -> Result<(), String> {
        let body = message.body.to_string();
        let seconds = now.as_second().to_string();
        let mut request = self
            .client
            .post(self.webhook.url.clone())
            .header("content-type", "application/json")
            .header("webhook-id", &message.id)
            .header("webhook-timestamp", &seconds);
        if let Some(key) = &self.webhook.key {
            request = request.header("webhook-signature", signature(key, &message.id, &seconds, &body));
        }
        // Its address stays out of the words.
        let answer = request.body(body).send().await.map_err(|error| said(&error.without_url()))?;
        match answer.status() {
            status if status.is_success() => Ok(()),
            status if status.is_redirection() => {
                Err(format!("it answers {status} and wants to be asked elsewhere, which is not done"))
            }
            StatusCode::GONE => Err("it answers 410: it does not want to be told any more".to_owned()),
            status => Err(format!("it answers {status}")),
        }
    }
}

fn signature(key: &[u8], id: &str, seconds: &str, body: &str) -> String {
    // An HMAC takes keys of any length.
    let Ok(mut mac) = Hmac::<Sha256>::new_from_slice(key) else { return String::new() };
    mac.update(format!("{id}.{seconds}.{body}").as_bytes());
    format!("v1,{}", STANDARD.encode(mac.finalize().into_bytes()))
}

/// An error with what led to it: by itself it only says that something was not sent.
fn said(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        text.push_str(": ");
        text.push_str(&cause.to_string());
        source = cause.source();
    }
    text
}

#[cfg(test)]
mod tests;
