//! The state as it is stored, read without an engine.

use crate::plan::state;
use crate::work::Work;
use crate::{Error, Result};

pub async fn stored(work: &Work) -> Result<Option<state::Stored>> {
    stored_at(&work.bucket, &work.identity.state_key()).await
}

pub async fn stored_at(bucket: &aws::OwnBucket, key: &str) -> Result<Option<state::Stored>> {
    let found = bucket.get(key).await.map_err(|failure| Error::Aws { doing: "read the state", failure })?;
    let Some(found) = found else { return Ok(None) };
    state::read(&found.bytes)
        .map(Some)
        .map_err(|why| Error::Unreadable { what: format!("the state {key}"), why })
}
