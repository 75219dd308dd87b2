//! Removes what a backup has in its bucket: what is no longer kept, and what one that failed has left.

use api::datacopy::BackupPlace;
use aws::Authority;

use crate::backup;
use crate::context::{Context, Stop};
use crate::s3::Bucket;
use crate::servers;

/// What there is to be said of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Swept {
    /// Nothing of it is left.
    Gone,
    /// Some of it is gone; the next look goes on.
    Some,
    /// It cannot be removed, or not yet, and why.
    Stays(String),
}

pub async fn sweep(backup: &BackupPlace, control: &str, context: &Context) -> Result<Swept, Stop> {
    let bucket = match servers::shelf(backup, control, context).await? {
        Ok(bucket) => bucket,
        Err(verdict) => return Ok(Swept::Stays(verdict.message)),
    };
    let authority = bucket.authority.as_deref().map(Authority::read).transpose();
    let (Ok(authority), Ok(secret)) = (authority, String::from_utf8(bucket.secret_key)) else {
        return Ok(Swept::Stays("its Secret has a key or certificates that cannot be read".to_owned()));
    };
    let place = Bucket {
        bucket: bucket.name,
        endpoint: bucket.endpoint,
        region: bucket.region,
        access_key: Some(bucket.access_key),
        secret_key_file: None,
        secret_key_env: None,
        tls: None,
    };
    Ok(match Box::pin(backup::remove(&place, secret.trim_end(), authority, &backup.folder)).await {
        Ok(true) => Swept::Gone,
        Ok(false) => Swept::Some,
        Err(error) => Swept::Stays(error.to_string()),
    })
}
