//! Objects of S3, or of a server that answers like it: listed, read from their beginning, and written where there was none. None is
//! ever changed.

use std::time::{Duration, SystemTime};

use aws_config::{Region, SdkConfig};
use aws_sdk_s3::Client;
use aws_sdk_s3::config::{Builder, RequestChecksumCalculation, ResponseChecksumValidation};
use aws_sdk_s3::error::ProvideErrorMetadata;
use aws_sdk_s3::operation::list_objects_v2::ListObjectsV2Output;
use aws_sdk_s3::primitives::ByteStream;
use aws_sdk_s3::types::{ChecksumAlgorithm, Object, ObjectStorageClass};
use bytes::Bytes;

use crate::Failure;
use crate::access::Access;
use crate::failure::sort;

/// A server of one's own has no regions; signatures name one all the same.
pub(crate) const ANY_REGION: &str = "us-east-1";

/// Which bucket, and where it is asked.
#[derive(Clone, Debug, Default, Eq, Hash, PartialEq)]
pub struct BucketPlace {
    pub name: String,
    /// Else the chain's.
    pub region: Option<String>,
    /// Of a server that is not AWS.
    pub endpoint: Option<String>,
}

/// A bucket, as whoever the chain says.
#[derive(Clone, Debug)]
pub struct Bucket {
    client: Client,
    name: String,
}

/// One object, as a listing tells it.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Listed {
    pub key: String,
    pub size: u64,
    pub modified: Option<SystemTime>,
    /// It lies where it cannot be read before somebody fetches it back.
    pub frozen: bool,
}

/// One page of a listing.
#[derive(Debug, Default)]
pub struct Page {
    pub objects: Vec<Listed>,
    pub next: Option<String>,
}

/// The bytes of an object, as they come.
pub struct Content(ByteStream);

impl Bucket {
    pub(crate) async fn reach(access: &Access, place: &BucketPlace) -> Result<Self, Failure> {
        let region = match (&place.region, &place.endpoint) {
            (Some(region), _) => Some(region.as_str()),
            (None, Some(_)) if access.region().await.is_none() => Some(ANY_REGION),
            (None, _) => None,
        };
        let access: SdkConfig = access.of_region(region).await?;
        let elsewhere = place.endpoint.is_some() || access.endpoint_url().is_some();
        let mut config = aws_sdk_s3::config::Builder::from(&access)
            // Servers that are not AWS know neither new checksums nor buckets as hostnames.
            .request_checksum_calculation(RequestChecksumCalculation::WhenRequired)
            .response_checksum_validation(ResponseChecksumValidation::WhenRequired)
            .force_path_style(elsewhere)
            .region(access.region().cloned().unwrap_or(Region::from_static(ANY_REGION)));
        if let Some(endpoint) = &place.endpoint {
            config = config.endpoint_url(endpoint);
        }
        Ok(Self { client: Client::from_conf(config.build()), name: place.name.clone() })
    }

    /// Up to a thousand of the objects whose keys begin with `prefix`, after those of the page before.
    pub async fn list(&self, prefix: &str, next: Option<String>) -> Result<Page, Failure> {
        let asked = self.client.list_objects_v2().bucket(&self.name).prefix(prefix);
        let told = asked.set_continuation_token(next).send().await.map_err(|error| sort(&error))?;
        Ok(page(told))
    }

    /// Writes an object unless there is one; says whether it did. That another writes it just now is a failure: theirs may fail.
    pub async fn put_new(&self, key: &str, bytes: Vec<u8>) -> Result<bool, Failure> {
        let call = self.client.put_object().bucket(&self.name).key(key).body(ByteStream::from(bytes));
        // A bucket with Object Lock takes nothing without.
        let call = call.checksum_algorithm(ChecksumAlgorithm::Crc32);
        let always = Builder::new().request_checksum_calculation(RequestChecksumCalculation::WhenSupported);
        match call.if_none_match("*").customize().config_override(always).send().await {
            Ok(_) => Ok(true),
            Err(error) if error.code() == Some("PreconditionFailed") => Ok(false),
            Err(error) => Err(sort(&error)),
        }
    }

    pub async fn read(&self, key: &str) -> Result<Content, Failure> {
        let asked = self.client.get_object().bucket(&self.name).key(key);
        let told = asked.send().await.map_err(|error| sort(&error))?;
        Ok(Content(told.body))
    }
}

impl Content {
    /// The next bytes; none at the end.
    pub async fn next(&mut self) -> Result<Option<Bytes>, Failure> {
        match self.0.try_next().await {
            Ok(bytes) => Ok(bytes),
            Err(error) => Err(Failure::Unreachable(format!("an answer was cut off: {error}"))),
        }
    }
}

fn page(told: ListObjectsV2Output) -> Page {
    let next = told.next_continuation_token.filter(|_| told.is_truncated == Some(true));
    Page { objects: told.contents.unwrap_or_default().into_iter().filter_map(listed).collect(), next }
}

fn listed(object: Object) -> Option<Listed> {
    let modified = object.last_modified.and_then(|time| {
        let since = Duration::from_secs(u64::try_from(time.secs()).ok()?);
        SystemTime::UNIX_EPOCH.checked_add(since)
    });
    let frozen =
        matches!(object.storage_class, Some(ObjectStorageClass::Glacier | ObjectStorageClass::DeepArchive));
    let size = object.size.and_then(|size| u64::try_from(size).ok()).unwrap_or_default();
    Some(Listed { key: object.key?, size, modified, frozen })
}

#[cfg(test)]
mod tests;
