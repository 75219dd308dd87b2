//! A bucket of outboard's own: made and hardened, and written with conditions, so that of two who write only one does.

use aws_sdk_s3::Client;
use aws_sdk_s3::config::{RequestChecksumCalculation, ResponseChecksumValidation};
use aws_sdk_s3::error::{ProvideErrorMetadata, SdkError};
use aws_sdk_s3::primitives::ByteStream;
use aws_sdk_s3::types::{
    AbortIncompleteMultipartUpload, BucketLifecycleConfiguration, BucketLocationConstraint,
    BucketVersioningStatus, CreateBucketConfiguration, ExpirationStatus, LifecycleExpiration, LifecycleRule,
    LifecycleRuleFilter, NoncurrentVersionExpiration, PublicAccessBlockConfiguration, ServerSideEncryption,
    ServerSideEncryptionByDefault, ServerSideEncryptionConfiguration, ServerSideEncryptionRule, Tag,
    VersioningConfiguration,
};
use aws_sdk_ssm::config::http::HttpResponse;

use crate::Failure;
use crate::access::Access;
use crate::failure::sort;

/// The region that buckets are in without a word.
const WITHOUT_WORD: &str = "us-east-1";
/// Old versions are what a broken state is mended from.
const KEPT_DAYS: i32 = 90;
/// A snapshot of etcd is written every 15 minutes.
const SNAPSHOT_DAYS: i32 = 7;

pub struct OwnBucket {
    client: Client,
    name: String,
    /// The account whose bucket it has to be: a name is anybody's who was first.
    owner: String,
    region: String,
    /// Whether it is reached by TLS: a server elsewhere may have none.
    tls: bool,
}

/// An object, and what it is known again by.
#[derive(Clone, Debug)]
pub struct Object {
    pub bytes: Vec<u8>,
    pub etag: String,
}

impl OwnBucket {
    /// Nobody is asked yet whether it is there.
    pub async fn reach(name: &str, owner: &str, region: &str) -> Result<Self, Failure> {
        let access = Access::default().of_region(Some(region)).await?;
        let config = aws_sdk_s3::config::Builder::from(&access)
            // Servers that are not AWS know neither new checksums nor buckets as hostnames.
            .request_checksum_calculation(RequestChecksumCalculation::WhenRequired)
            .response_checksum_validation(ResponseChecksumValidation::WhenRequired)
            .force_path_style(access.endpoint_url().is_some())
            .build();
        let tls = access.endpoint_url().is_none_or(|url| url.starts_with("https:"));
        Ok(Self {
            client: Client::from_conf(config),
            name: name.to_owned(),
            owner: owner.to_owned(),
            region: region.to_owned(),
            tls,
        })
    }

    /// Whether there is a bucket of this name that we may use. One of another account is a refusal.
    pub async fn exists(&self) -> Result<bool, Failure> {
        match self.client.head_bucket().bucket(&self.name).expected_bucket_owner(&self.owner).send().await {
            Ok(_) => Ok(true),
            // An answer to HEAD has no words.
            Err(SdkError::ServiceError(answer)) if answer.raw().status().as_u16() == 404 => Ok(false),
            Err(error) => Err(sort(&error)),
        }
    }

    /// Makes the bucket. Somebody else's of the same name is a refusal.
    pub async fn make(&self) -> Result<(), Failure> {
        let mut call = self.client.create_bucket().bucket(&self.name);
        if self.region != WITHOUT_WORD {
            let place = BucketLocationConstraint::from(self.region.as_str());
            call = call.create_bucket_configuration(
                CreateBucketConfiguration::builder().location_constraint(place).build(),
            );
        }
        match call.send().await {
            Ok(_) => Ok(()),
            Err(error) if error.code() == Some("BucketAlreadyOwnedByYou") => Ok(()),
            Err(error) => Err(sort(&error)),
        }
    }

    /// Versions, encryption, nothing public, TLS only, and an end of old versions. Safe to repeat.
    pub async fn harden(&self, partition: &str) -> Result<(), Failure> {
        let refused = |error: aws_sdk_s3::error::BuildError| Failure::Refused(error.to_string());
        let closed = PublicAccessBlockConfiguration::builder()
            .block_public_acls(true)
            .block_public_policy(true)
            .ignore_public_acls(true)
            .restrict_public_buckets(true)
            .build();
        let call = self.client.put_public_access_block().bucket(&self.name);
        call.public_access_block_configuration(closed).send().await.map_err(|error| sort(&error))?;

        let versions = VersioningConfiguration::builder().status(BucketVersioningStatus::Enabled).build();
        let call = self.client.put_bucket_versioning().bucket(&self.name);
        call.versioning_configuration(versions).send().await.map_err(|error| sort(&error))?;

        let cipher = ServerSideEncryptionByDefault::builder().sse_algorithm(ServerSideEncryption::Aes256);
        let rule = ServerSideEncryptionRule::builder()
            .apply_server_side_encryption_by_default(cipher.build().map_err(refused)?)
            .build();
        let encryption = ServerSideEncryptionConfiguration::builder().rules(rule).build().map_err(refused)?;
        let call = self.client.put_bucket_encryption().bucket(&self.name);
        call.server_side_encryption_configuration(encryption).send().await.map_err(|error| sort(&error))?;

        let rule = LifecycleRule::builder()
            .id("outboard-old-versions")
            .status(ExpirationStatus::Enabled)
            .filter(LifecycleRuleFilter::builder().prefix("").build())
            .noncurrent_version_expiration(
                NoncurrentVersionExpiration::builder().noncurrent_days(KEPT_DAYS).build(),
            )
            .abort_incomplete_multipart_upload(
                AbortIncompleteMultipartUpload::builder().days_after_initiation(1).build(),
            )
            .build()
            .map_err(refused)?;
        let tag = Tag::builder().key("outboard").value("snapshot").build().map_err(refused)?;
        let snapshots = LifecycleRule::builder()
            .id("outboard-snapshots")
            .status(ExpirationStatus::Enabled)
            .filter(LifecycleRuleFilter::builder().tag(tag).build())
            .expiration(LifecycleExpiration::builder().days(SNAPSHOT_DAYS).build())
            .noncurrent_version_expiration(NoncurrentVersionExpiration::builder().noncurrent_days(1).build())
            .build()
            .map_err(refused)?;
        let lifecycle = BucketLifecycleConfiguration::builder();
        let lifecycle = lifecycle.rules(rule).rules(snapshots).build().map_err(refused)?;
        let call = self.client.put_bucket_lifecycle_configuration().bucket(&self.name);
        call.lifecycle_configuration(lifecycle).send().await.map_err(|error| sort(&error))?;

        if self.tls {
            let call =
                self.client.put_bucket_policy().bucket(&self.name).policy(tls_only(&self.name, partition));
            call.send().await.map_err(|error| sort(&error))?;
        }
        Ok(())
    }

    pub async fn get(&self, key: &str) -> Result<Option<Object>, Failure> {
        let told = match self.client.get_object().bucket(&self.name).key(key).send().await {
            Ok(told) => told,
            Err(error) => return missing(&error),
        };
        let etag = told.e_tag.unwrap_or_default();
        match told.body.collect().await {
            Ok(bytes) => Ok(Some(Object { bytes: bytes.to_vec(), etag })),
            Err(error) => Err(Failure::Unreachable(format!("an answer was cut off: {error}"))),
        }
    }

    pub async fn put(&self, key: &str, bytes: Vec<u8>) -> Result<(), Failure> {
        let call = self.client.put_object().bucket(&self.name).key(key).body(ByteStream::from(bytes));
        call.send().await.map_err(|error| sort(&error))?;
        Ok(())
    }

    /// Writes an object unless there is one; says whether it did.
    pub async fn put_new(&self, key: &str, bytes: Vec<u8>) -> Result<bool, Failure> {
        let call = self.client.put_object().bucket(&self.name).key(key).body(ByteStream::from(bytes));
        match call.if_none_match("*").send().await {
            Ok(_) => Ok(true),
            Err(error) if is_refused_condition(&error) => Ok(false),
            Err(error) => Err(sort(&error)),
        }
    }

    /// That it was not there is no failure.
    pub async fn delete(&self, key: &str) -> Result<(), Failure> {
        let call = self.client.delete_object().bucket(&self.name).key(key);
        call.send().await.map_err(|error| sort(&error))?;
        Ok(())
    }

    /// Deletes an object if it is still the one that was read; says whether nothing else is there now.
    pub async fn delete_same(&self, key: &str, etag: &str) -> Result<bool, Failure> {
        let call = self.client.delete_object().bucket(&self.name).key(key);
        match call.if_match(etag).send().await {
            Ok(_) => Ok(true),
            Err(error) if is_refused_condition(&error) => Ok(false),
            Err(error) => missing::<(), _>(&error).map(|_| true),
        }
    }

    /// Whether there is an object in it.
    pub async fn holds_something(&self) -> Result<bool, Failure> {
        let page = self.client.list_objects_v2().bucket(&self.name).max_keys(1).send().await;
        let page = page.map_err(|error| sort(&error))?;
        Ok(!page.contents.unwrap_or_default().is_empty())
    }

    /// Keys that begin with `prefix`, all of them.
    pub async fn keys(&self, prefix: &str) -> Result<Vec<String>, Failure> {
        let (mut keys, mut next) = (Vec::new(), None::<String>);
        loop {
            let asked = self.client.list_objects_v2().bucket(&self.name).prefix(prefix);
            let page = match asked.set_continuation_token(next.take()).send().await {
                Ok(page) => page,
                Err(error) => return missing(&error).map(Option::unwrap_or_default),
            };
            keys.extend(page.contents.unwrap_or_default().into_iter().filter_map(|object| object.key));
            next = page.next_continuation_token;
            if next.is_none() {
                return Ok(keys);
            }
        }
    }
}

/// What is not there is none, anything else a failure.
fn missing<T, E>(error: &SdkError<E, HttpResponse>) -> Result<Option<T>, Failure>
where
    E: ProvideErrorMetadata + std::error::Error + 'static,
{
    match sort(error) {
        Failure::Missing => Ok(None),
        failure => Err(failure),
    }
}

/// Whether there was something already, or something else.
fn is_refused_condition<E: ProvideErrorMetadata>(error: &SdkError<E, HttpResponse>) -> bool {
    matches!(error.code(), Some("PreconditionFailed" | "ConditionalRequestConflict"))
}

fn tls_only(bucket: &str, partition: &str) -> String {
    let arn = format!("arn:{partition}:s3:::{bucket}");
    serde_json::json!({
        "Version": "2012-10-17",
        "Statement": [{
            "Sid": "TlsOnly",
            "Effect": "Deny",
            "Principal": "*",
            "Action": "s3:*",
            "Resource": [arn, format!("{arn}/*")],
            "Condition": {"Bool": {"aws:SecureTransport": "false"}},
        }],
    })
    .to_string()
}
