//! What changes a store: objects put, copied by the store itself, sent in parts, removed.

use aws_sdk_s3::types::{
    ChecksumAlgorithm, ChecksumType, CompletedMultipartUpload, CompletedPart, Delete, ObjectIdentifier,
};
use bytes::Bytes;

use super::answer::{Answer, answer};
use super::end::{End, LONG, LONGER, SOON};
use super::facts::{About, copy_source, etag};
use super::report::Kind;
use super::sums::{Algorithm, Sum, Told};

/// What a store says of what it received.
#[derive(Clone, Debug, Default)]
pub struct Put {
    pub etag: String,
    pub sums: Told,
}

/// Objects are removed by so many.
pub const TOGETHER: usize = 1000;

/// Whether a store is to tell the sum of the whole content, whatever parts it came in. Not every one knows how.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Whole {
    Yes,
    No,
}

/// One that was received.
#[derive(Clone, Debug)]
pub struct Part {
    pub number: i32,
    pub etag: String,
    pub sum: Option<Sum>,
}

/// Outputs of several requests have the same fields, and no trait that says so.
macro_rules! put {
    ($told:expr, $kind:expr) => {
        Put {
            etag: etag($told.e_tag.as_deref()),
            sums: Told {
                crc64: $told.checksum_crc64_nvme.clone(),
                crc32c: $told.checksum_crc32_c.clone(),
                crc32: $told.checksum_crc32.clone(),
                of_parts: $kind == Some(ChecksumType::Composite),
            },
        }
    };
}

fn known(algorithm: Algorithm) -> ChecksumAlgorithm {
    match algorithm {
        Algorithm::Crc64Nvme => ChecksumAlgorithm::Crc64Nvme,
        Algorithm::Crc32c => ChecksumAlgorithm::Crc32C,
        Algorithm::Crc32 => ChecksumAlgorithm::Crc32,
    }
}

fn if_is(sum: &Sum, algorithm: Algorithm) -> Option<String> {
    (sum.algorithm == algorithm).then(|| sum.text())
}

impl End {
    pub async fn put(
        &self,
        key: &str,
        content: &Bytes,
        about: &About,
        tags: Option<&str>,
        sum: &Sum,
    ) -> Result<Put, Answer> {
        let told = self
            .ask(Kind::Write, LONG, || async {
                let expires = about.expires.clone();
                self.client
                    .put_object()
                    .bucket(&self.bucket)
                    .key(key)
                    .set_content_type(about.content_type.clone())
                    .set_content_encoding(about.content_encoding.clone())
                    .set_content_language(about.content_language.clone())
                    .set_content_disposition(about.content_disposition.clone())
                    .set_cache_control(about.cache_control.clone())
                    .set_website_redirect_location(about.redirect.clone())
                    .set_metadata(about.metadata())
                    .set_tagging(tags.map(str::to_owned))
                    .set_checksum_crc64_nvme(if_is(sum, Algorithm::Crc64Nvme))
                    .set_checksum_crc32_c(if_is(sum, Algorithm::Crc32c))
                    .set_checksum_crc32(if_is(sum, Algorithm::Crc32))
                    .body(content.clone().into())
                    .customize()
                    .disable_payload_signing()
                    .mutate_request(move |request| {
                        if let Some(expires) = &expires {
                            let _ = request.headers_mut().try_insert("expires", expires.clone());
                        }
                    })
                    .send()
                    .await
                    .map_err(|error| answer(&error))
            })
            .await?;
        Ok(put!(told, told.checksum_type))
    }

    /// The store copies an object that it has, with all that belongs to it.
    pub async fn copy(&self, key: &str, from: (&str, &str), if_match: &str) -> Result<Put, Answer> {
        let told = self
            .ask(Kind::Write, LONGER, || async {
                self.client
                    .copy_object()
                    .bucket(&self.bucket)
                    .key(key)
                    .copy_source(copy_source(from.0, from.1))
                    .copy_source_if_match(format!("\"{if_match}\""))
                    .send()
                    .await
                    .map_err(|error| answer(&error))
            })
            .await?;
        let told = told.copy_object_result.ok_or_else(|| Answer::Away("an answer was cut off".to_owned()))?;
        Ok(put!(told, told.checksum_type))
    }

    /// Its number.
    pub async fn begin(
        &self,
        key: &str,
        about: &About,
        tags: Option<&str>,
        sum: Option<(Algorithm, Whole)>,
    ) -> Result<String, Answer> {
        let told = self
            .ask(Kind::Write, SOON, || async {
                let expires = about.expires.clone();
                self.client
                    .create_multipart_upload()
                    .bucket(&self.bucket)
                    .key(key)
                    .set_content_type(about.content_type.clone())
                    .set_content_encoding(about.content_encoding.clone())
                    .set_content_language(about.content_language.clone())
                    .set_content_disposition(about.content_disposition.clone())
                    .set_cache_control(about.cache_control.clone())
                    .set_website_redirect_location(about.redirect.clone())
                    .set_metadata(about.metadata())
                    .set_tagging(tags.map(str::to_owned))
                    .set_checksum_algorithm(sum.map(|(algorithm, _)| known(algorithm)))
                    .set_checksum_type(
                        sum.filter(|sum| sum.1 == Whole::Yes).map(|_| ChecksumType::FullObject),
                    )
                    .customize()
                    .mutate_request(move |request| {
                        if let Some(expires) = &expires {
                            let _ = request.headers_mut().try_insert("expires", expires.clone());
                        }
                    })
                    .send()
                    .await
                    .map_err(|error| answer(&error))
            })
            .await?;
        told.upload_id.ok_or_else(|| Answer::Away("an answer was cut off".to_owned()))
    }

    pub async fn part(
        &self,
        key: &str,
        upload: &str,
        number: i32,
        content: &Bytes,
        sum: Option<Sum>,
    ) -> Result<Part, Answer> {
        let told = self
            .ask(Kind::Write, LONG, || async {
                self.client
                    .upload_part()
                    .bucket(&self.bucket)
                    .key(key)
                    .upload_id(upload)
                    .part_number(number)
                    .set_checksum_crc64_nvme(sum.and_then(|sum| if_is(&sum, Algorithm::Crc64Nvme)))
                    .set_checksum_crc32_c(sum.and_then(|sum| if_is(&sum, Algorithm::Crc32c)))
                    .set_checksum_crc32(sum.and_then(|sum| if_is(&sum, Algorithm::Crc32)))
                    .body(content.clone().into())
                    .customize()
                    .disable_payload_signing()
                    .send()
                    .await
                    .map_err(|error| answer(&error))
            })
            .await?;
        Ok(Part { number, etag: etag(told.e_tag.as_deref()), sum })
    }

    pub async fn copy_part(
        &self,
        key: &str,
        upload: &str,
        number: i32,
        from: (&str, &str),
        range: (u64, u64),
        if_match: &str,
    ) -> Result<Part, Answer> {
        let told = self
            .ask(Kind::Write, LONGER, || async {
                self.client
                    .upload_part_copy()
                    .bucket(&self.bucket)
                    .key(key)
                    .upload_id(upload)
                    .part_number(number)
                    .copy_source(copy_source(from.0, from.1))
                    .copy_source_range(format!("bytes={}-{}", range.0, range.1))
                    .copy_source_if_match(format!("\"{if_match}\""))
                    .send()
                    .await
                    .map_err(|error| answer(&error))
            })
            .await?;
        let told = told.copy_part_result.ok_or_else(|| Answer::Away("an answer was cut off".to_owned()))?;
        Ok(Part { number, etag: etag(told.e_tag.as_deref()), sum: None })
    }

    pub async fn complete(&self, key: &str, upload: &str, parts: &[Part]) -> Result<Put, Answer> {
        let part = |part: &Part| {
            let sum = |algorithm| part.sum.and_then(|sum| if_is(&sum, algorithm));
            CompletedPart::builder()
                .part_number(part.number)
                .e_tag(format!("\"{}\"", part.etag))
                .set_checksum_crc64_nvme(sum(Algorithm::Crc64Nvme))
                .set_checksum_crc32_c(sum(Algorithm::Crc32c))
                .set_checksum_crc32(sum(Algorithm::Crc32))
                .build()
        };
        let all =
            CompletedMultipartUpload::builder().set_parts(Some(parts.iter().map(part).collect())).build();
        let told = self
            .ask(Kind::Write, LONGER, || async {
                self.client
                    .complete_multipart_upload()
                    .bucket(&self.bucket)
                    .key(key)
                    .upload_id(upload)
                    .multipart_upload(all.clone())
                    .send()
                    .await
                    .map_err(|error| answer(&error))
            })
            .await?;
        Ok(put!(told, told.checksum_type))
    }

    /// Parts of an upload that an earlier run began, with their sizes.
    pub async fn parts(
        &self,
        key: &str,
        upload: &str,
        algorithm: Algorithm,
    ) -> Result<Vec<(Part, u64)>, Answer> {
        let (mut all, mut after) = (vec![], None::<String>);
        loop {
            let told = self
                .ask(Kind::List, SOON, || async {
                    let asked = self.client.list_parts().bucket(&self.bucket).key(key).upload_id(upload);
                    let asked = asked.set_part_number_marker(after.clone());
                    asked.send().await.map_err(|error| answer(&error))
                })
                .await?;
            for part in told.parts.unwrap_or_default() {
                let text = match algorithm {
                    Algorithm::Crc64Nvme => &part.checksum_crc64_nvme,
                    Algorithm::Crc32c => &part.checksum_crc32_c,
                    Algorithm::Crc32 => &part.checksum_crc32,
                };
                if let (Some(number), Some(size)) = (part.part_number, part.size) {
                    let size = u64::try_from(size).unwrap_or_default();
                    let sum = text.as_deref().and_then(|text| Sum::read(algorithm, text, size));
                    all.push((Part { number, etag: etag(part.e_tag.as_deref()), sum }, size));
                }
            }
            after = told.next_part_number_marker.filter(|_| told.is_truncated == Some(true));
            if after.is_none() {
                return Ok(all);
            }
        }
    }

    /// Uploads in parts below `prefix` that nobody has completed: key and number.
    pub async fn uploads(&self, prefix: &str) -> Result<Vec<(String, String)>, Answer> {
        let (mut found, mut after) = (vec![], (None::<String>, None::<String>));
        loop {
            let told = self
                .ask(Kind::List, SOON, || async {
                    let asked = self.client.list_multipart_uploads().bucket(&self.bucket).prefix(prefix);
                    let asked = asked.set_key_marker(after.0.clone()).set_upload_id_marker(after.1.clone());
                    asked.send().await.map_err(|error| answer(&error))
                })
                .await?;
            let uploads = told.uploads.unwrap_or_default().into_iter();
            found.extend(uploads.filter_map(|upload| upload.key.zip(upload.upload_id)));
            if told.is_truncated != Some(true) {
                return Ok(found);
            }
            after = (told.next_key_marker, told.next_upload_id_marker);
        }
    }

    pub async fn abort(&self, key: &str, upload: &str) -> Result<(), Answer> {
        self.ask(Kind::Write, SOON, || async {
            let asked = self.client.abort_multipart_upload().bucket(&self.bucket).key(key).upload_id(upload);
            asked.send().await.map(drop).map_err(|error| answer(&error))
        })
        .await
    }

    pub async fn remove(&self, key: &str, kind: Kind) -> Result<(), Answer> {
        self.ask(kind, SOON, || async {
            let asked = self.client.delete_object().bucket(&self.bucket).key(key);
            asked.send().await.map(drop).map_err(|error| answer(&error))
        })
        .await
    }

    /// At most [`TOGETHER`]. Those that could not be removed, and why.
    pub async fn remove_all(&self, keys: &[String], kind: Kind) -> Result<Vec<(String, String)>, Answer> {
        // What XML cannot say is said one by one.
        let (odd, plain): (Vec<&String>, Vec<&String>) = keys.iter().partition(|key| {
            key.chars().any(|character| character < ' ' || character > '\u{fffd}' && character < '\u{10000}')
        });
        let mut failed = vec![];
        for key in odd {
            if let Err(answer) = self.remove(key, kind).await {
                let why = answer.of_one().ok_or(answer)?;
                failed.push((key.clone(), why));
            }
        }
        let named: Vec<ObjectIdentifier> =
            plain.iter().filter_map(|key| ObjectIdentifier::builder().key(*key).build().ok()).collect();
        let Some(delete) =
            Delete::builder().set_objects(Some(named)).quiet(true).build().ok().filter(|_| !plain.is_empty())
        else {
            return Ok(failed);
        };
        let told = self
            .ask(kind, SOON, || async {
                let asked = self.client.delete_objects().bucket(&self.bucket).delete(delete.clone());
                asked.send().await.map_err(|error| answer(&error))
            })
            .await?;
        failed.extend(told.errors.unwrap_or_default().into_iter().map(|error| {
            let why = error.message.or(error.code).unwrap_or_default();
            (error.key.unwrap_or_default(), format!("could not be removed: {why}"))
        }));
        Ok(failed)
    }
}
