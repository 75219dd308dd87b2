//! Clusters that others made and look after: written down beside ours, so that they are listed. Nothing of them is changed, and
//! nothing of them is ever destroyed.

use serde::{Deserialize, Serialize};

use crate::create::stored_at;
use crate::plan::names::Identity;
use crate::plan::validate;
use crate::work::{Places, ready};
use crate::{Error, Result, Sink};

/// How a cluster was when it was adopted.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Adopted {
    /// URL of its API.
    pub endpoint: String,
    pub kubernetes: String,
    pub nodes: usize,
    /// RFC 3339 in UTC.
    pub at: String,
}

pub fn key(identity: &Identity) -> String {
    format!("{}/adopted.json", identity.prefix())
}

/// Writes it down; again, if it is there already.
pub async fn adopt(
    name: &str,
    region: &str,
    bucket: Option<&str>,
    found: &Adopted,
    sink: Sink<'_>,
) -> Result<()> {
    if !validate::is_name(name) {
        return Err(Error::Name(name.to_owned()));
    }
    let places = Places::of(name, region, None, bucket).await?;
    ready(&places.bucket, &places.identity.bucket, places.partition(), sink).await?;
    if stored_at(&places.bucket, &places.identity.state_key()).await?.is_some() {
        return Err(Error::Exists { name: name.to_owned() });
    }
    let text = serde_json::to_vec_pretty(found).unwrap_or_default();
    let failed = |failure| Error::Aws { doing: "write down what is adopted", failure };
    places.bucket.put(&key(&places.identity), text).await.map_err(failed)
}

pub async fn read(bucket: &aws::OwnBucket, identity: &Identity) -> Result<Option<Adopted>> {
    let key = key(identity);
    let found =
        bucket.get(&key).await.map_err(|failure| Error::Aws { doing: "read what is adopted", failure })?;
    let Some(found) = found else { return Ok(None) };
    serde_json::from_slice(&found.bytes)
        .map(Some)
        .map_err(|error| Error::Unreadable { what: key, why: error.to_string() })
}

/// Strikes an adopted cluster off; it runs on.
pub async fn forget(name: &str, region: &str, bucket: Option<&str>) -> Result<()> {
    let places = Places::of(name, region, None, bucket).await?;
    if read(&places.bucket, &places.identity).await?.is_none() {
        return Err(Error::NoCluster { name: name.to_owned(), bucket: places.identity.bucket });
    }
    let failed = |failure| Error::Aws { doing: "strike off what is adopted", failure };
    places.bucket.delete(&key(&places.identity)).await.map_err(failed)
}
