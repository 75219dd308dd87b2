//! What belongs to an object besides its content: headers, metadata, tags, as one store tells them and another is told.

use std::collections::{BTreeMap, HashMap};

use aws_sdk_s3::operation::get_object::GetObjectOutput;
use aws_sdk_s3::operation::head_object::HeadObjectOutput;
use aws_sdk_s3::types::{ChecksumType, Tag};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};

use super::sums::Told;

#[derive(Clone, Debug, Default, PartialEq)]
pub struct Facts {
    pub etag: String,
    pub size: u64,
    pub modified: i64,
    pub tags: u32,
    pub sums: Told,
    pub about: About,
}

/// What is kept.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct About {
    pub content_type: Option<String>,
    pub content_encoding: Option<String>,
    pub content_language: Option<String>,
    pub content_disposition: Option<String>,
    pub cache_control: Option<String>,
    /// As it was written: it need not be a time.
    pub expires: Option<String>,
    pub redirect: Option<String>,
    pub metadata: BTreeMap<String, String>,
}

/// Outputs of two requests have the same fields, and no trait that says so.
macro_rules! facts {
    ($told:expr) => {{
        let told = $told;
        let text = |field: &Option<String>| field.clone().filter(|text| !text.is_empty());
        Facts {
            etag: etag(told.e_tag.as_deref()),
            size: told.content_length.and_then(|size| u64::try_from(size).ok()).unwrap_or_default(),
            modified: told.last_modified.as_ref().map_or(0, |time| time.secs()),
            tags: told.tag_count().and_then(|count| u32::try_from(count).ok()).unwrap_or_default(),
            sums: Told {
                crc64: text(&told.checksum_crc64_nvme),
                crc32c: text(&told.checksum_crc32_c),
                crc32: text(&told.checksum_crc32),
                of_parts: told.checksum_type == Some(ChecksumType::Composite),
            },
            about: About {
                content_type: text(&told.content_type),
                content_encoding: encoding(told.content_encoding.as_deref()),
                content_language: text(&told.content_language),
                content_disposition: text(&told.content_disposition),
                cache_control: text(&told.cache_control),
                expires: text(&told.expires_string),
                redirect: text(&told.website_redirect_location),
                metadata: told.metadata.clone().unwrap_or_default().into_iter().collect(),
            },
        }
    }};
}

pub fn of_head(told: &HeadObjectOutput) -> Facts {
    facts!(told)
}

pub fn of_get(told: &GetObjectOutput) -> Facts {
    facts!(told)
}

pub fn etag(told: Option<&str>) -> String {
    told.unwrap_or_default().trim_matches('"').to_owned()
}

/// How it came over the wire once is no part of it.
fn encoding(told: Option<&str>) -> Option<String> {
    let parts = told?.split(',').map(str::trim).filter(|part| !part.is_empty() && *part != "aws-chunked");
    let kept = parts.collect::<Vec<_>>().join(",");
    (!kept.is_empty()).then_some(kept)
}

impl About {
    pub fn metadata(&self) -> Option<HashMap<String, String>> {
        let all = self.metadata.clone();
        (!all.is_empty()).then(|| all.into_iter().collect())
    }
}

/// All but what RFC 3986 leaves as it is.
const ENCODED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'_').remove(b'.').remove(b'~');

pub fn encoded(text: &str) -> String {
    utf8_percent_encode(text, ENCODED).to_string()
}

/// As a header names an object.
pub fn copy_source(bucket: &str, key: &str) -> String {
    const PATH: &AsciiSet = &ENCODED.remove(b'/');
    format!("{bucket}/{}", utf8_percent_encode(key, PATH))
}

/// As a header has them.
pub fn tagging(tags: &[Tag]) -> Option<String> {
    let tags = tags.iter().map(|tag| format!("{}={}", encoded(tag.key()), encoded(tag.value())));
    let text = tags.collect::<Vec<_>>().join("&");
    (!text.is_empty()).then_some(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn how_content_was_sent_once_is_not_kept() {
        assert_eq!(encoding(Some("aws-chunked,gzip")).as_deref(), Some("gzip"));
        assert_eq!(encoding(Some("aws-chunked")), None);
    }

    #[test]
    fn names_in_headers_are_encoded_all_but_the_slashes_of_keys() {
        assert_eq!(copy_source("b", "a b/ü?+%.txt"), "b/a%20b/%C3%BC%3F%2B%25.txt");
        let tag = Tag::builder().key("team & co").value("a=b").build().unwrap();
        assert_eq!(tagging(&[tag]).as_deref(), Some("team%20%26%20co=a%3Db"));
    }
}
