//! What is asked of a store without changing anything: listings, heads, content, tags.

use std::borrow::Cow;

use aws_sdk_s3::types::{ChecksumMode, EncodingType, Object, ObjectStorageClass};
use bytes::Bytes;
use percent_encoding::percent_decode_str;

use super::answer::{Answer, answer};
use super::end::{End, LONG, SOON};
use super::facts::{Facts, etag, of_get, of_head, tagging};
use super::plan::rows::Row;
use super::report::Kind;

/// Of a listing.
pub struct Page {
    pub rows: Vec<Row>,
    /// Where it goes on; none: it has ended.
    pub next: Option<String>,
}

/// Where a listing begins.
#[derive(Clone, Copy, Debug)]
pub enum From<'a> {
    After(&'a str),
    Token(&'a str),
}

impl End {
    /// Objects whose keys begin with `prefix`, which is left out of them.
    pub async fn list(&self, prefix: &str, from: From<'_>, most: i32) -> Result<Page, Answer> {
        let told = self
            .ask(Kind::List, SOON, || async {
                let asked = self
                    .client
                    .list_objects_v2()
                    .bucket(&self.bucket)
                    .prefix(prefix)
                    .max_keys(most)
                    // Else characters that XML does not have could not be told.
                    .encoding_type(EncodingType::Url);
                let asked = match from {
                    From::After("") => asked,
                    From::After(key) => asked.start_after(format!("{prefix}{key}")),
                    From::Token(token) => asked.continuation_token(token),
                };
                asked.send().await.map_err(|error| answer(&error))
            })
            .await?;
        let encoded = told.encoding_type == Some(EncodingType::Url);
        let next = told.next_continuation_token.filter(|_| told.is_truncated == Some(true));
        let rows = told.contents.unwrap_or_default();
        Ok(Page { rows: rows.into_iter().filter_map(|object| row(object, prefix, encoded)).collect(), next })
    }

    pub async fn head(&self, key: &str, part: Option<i32>) -> Result<Facts, Answer> {
        let told = self
            .ask(Kind::Read, SOON, || async {
                let asked = self.client.head_object().bucket(&self.bucket).key(key).set_part_number(part);
                asked.checksum_mode(ChecksumMode::Enabled).send().await.map_err(|error| answer(&error))
            })
            .await?;
        Ok(of_head(&told))
    }

    /// Its content, or some of it, if it is still the one with this ETag.
    pub async fn get(
        &self,
        key: &str,
        range: Option<(u64, u64)>,
        if_match: Option<&str>,
    ) -> Result<(Facts, Bytes), Answer> {
        self.ask(Kind::Read, LONG, || async {
            let asked = self
                .client
                .get_object()
                .bucket(&self.bucket)
                .key(key)
                .set_range(range.map(|(first, last)| format!("bytes={first}-{last}")))
                .set_if_match(if_match.map(|etag| format!("\"{etag}\"")));
            let asked = if range.is_none() { asked.checksum_mode(ChecksumMode::Enabled) } else { asked };
            let told = asked.send().await.map_err(|error| answer(&error))?;
            let facts = of_get(&told);
            let content = told.body.collect().await;
            let content = content.map_err(|error| Answer::Away(format!("an answer was cut off: {error}")))?;
            let content = content.into_bytes();
            if content.len() as u64 != facts.size {
                return Err(Answer::Away("an answer was cut off".to_owned()));
            }
            Ok((facts, content))
        })
        .await
    }

    /// As a header has them.
    pub async fn tags(&self, key: &str) -> Result<Option<String>, Answer> {
        let told = self
            .ask(Kind::Read, SOON, || async {
                let asked = self.client.get_object_tagging().bucket(&self.bucket).key(key);
                asked.send().await.map_err(|error| answer(&error))
            })
            .await?;
        Ok(tagging(told.tag_set()))
    }
}

fn row(object: Object, prefix: &str, encoded: bool) -> Option<Row> {
    let key = object.key?;
    let key: Cow<'_, [u8]> = if encoded { decoded(&key) } else { Cow::Borrowed(key.as_bytes()) };
    let frozen =
        matches!(object.storage_class, Some(ObjectStorageClass::Glacier | ObjectStorageClass::DeepArchive));
    Some(Row {
        key: key.strip_prefix(prefix.as_bytes())?.to_vec(),
        size: object.size.and_then(|size| u64::try_from(size).ok()).unwrap_or_default(),
        etag: etag(object.e_tag.as_deref()),
        modified: object.last_modified.map_or(0, |time| time.secs()),
        frozen: frozen && object.restore_status.and_then(|status| status.restore_expiry_date).is_none(),
    })
}

/// A plus is a blank there.
fn decoded(key: &str) -> Cow<'_, [u8]> {
    if key.contains('+') {
        Cow::Owned(percent_decode_str(&key.replace('+', " ")).collect())
    } else {
        percent_decode_str(key).into()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_are_read_as_listings_encode_them() {
        let object = |key: &str| Object::builder().key(key).size(1).e_tag("\"x\"").build();
        let key = |text: &str, encoded| row(object(text), "p/", encoded).map(|row| row.key);
        assert_eq!(key("p/a+b%2Bc%01", true).unwrap(), b"a b+c\x01");
        assert_eq!(key("p/a+b%2B", false).unwrap(), b"a+b%2B");
        assert_eq!(key("p/%ff", true).unwrap(), b"\xff");
        assert_eq!(key("q/a", true), None);
    }
}
