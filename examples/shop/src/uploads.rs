//! Files in an S3 bucket, reached through signed URLs.

use std::time::Duration;

use axum::body::Bytes;
use reqwest::{Client, Response};
use rusty_s3::{Bucket, Credentials, S3Action, UrlStyle};

use crate::config::S3;

const SIGNED_FOR: Duration = Duration::from_mins(1);

#[derive(Debug)]
pub struct Uploads {
    bucket: Bucket,
    credentials: Credentials,
    client: Client,
}

impl Uploads {
    pub fn new(config: S3) -> Result<Self, String> {
        let bucket = Bucket::new(config.endpoint, UrlStyle::Path, config.bucket, config.region)
            .map_err(|error| format!("S3_ENDPOINT: {error}"))?;
        // Others of the workspace ask for TLS, so the client wants to know whose. An error says that it knows already.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let client = Client::builder()
            .timeout(Duration::from_secs(20))
            .build()
            .map_err(|error| format!("no HTTP client: {error}"))?;
        Ok(Self { bucket, credentials: Credentials::new(config.access_key, config.secret_key), client })
    }

    pub async fn put(&self, key: &str, body: Bytes) -> Result<(), String> {
        let url = self.bucket.put_object(Some(&self.credentials), key).sign(SIGNED_FOR);
        let answer = self.client.put(url).body(body).send().await.map_err(reason)?;
        if answer.status().is_success() { Ok(()) } else { Err(format!("S3 answered {}", answer.status())) }
    }

    /// The object, if there is one.
    pub async fn get(&self, key: &str) -> Result<Option<Bytes>, String> {
        let url = self.bucket.get_object(Some(&self.credentials), key).sign(SIGNED_FOR);
        let answer: Response = self.client.get(url).send().await.map_err(reason)?;
        match answer.status().as_u16() {
            200 => answer.bytes().await.map(Some).map_err(reason),
            404 => Ok(None),
            status => Err(format!("S3 answered {status}")),
        }
    }
}

/// Without the URL: its query is a signature.
fn reason(error: reqwest::Error) -> String {
    format!("S3: {}", error.without_url())
}

/// Keys are one plain name, so that no one climbs out of the bucket.
pub fn valid_key(key: &str) -> bool {
    (1..=200).contains(&key.len())
        && !key.starts_with('.')
        && key.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"._-".contains(&byte))
}

#[cfg(test)]
mod tests {
    use super::{S3, Uploads, valid_key};

    #[test]
    fn a_good_configuration_makes_a_client() {
        let words = |word: &str| word.to_owned();
        let made = Uploads::new(S3 {
            endpoint: "http://uploads:7070".parse().unwrap(),
            bucket: words("receipts"),
            region: words("us-east-1"),
            access_key: words("key"),
            secret_key: words("secret"),
        });
        assert!(made.is_ok(), "{made:?}");
    }

    #[test]
    fn a_key_is_one_plain_name() {
        assert!(valid_key("receipt-1.pdf"));
        for bad in ["", ".", "..", "a/b", "a b", ".hidden", "ü", &"x".repeat(201)] {
            assert!(!valid_key(bad), "{bad}");
        }
    }
}
