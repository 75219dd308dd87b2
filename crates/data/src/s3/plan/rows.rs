//! Objects as listings tell them, and what is remembered of a pair that was found equal.

use sha2::{Digest, Sha256};

/// One object. Its key is without the prefix of its scope, and may be no text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Row {
    pub key: Vec<u8>,
    pub size: u64,
    /// Without its quotes.
    pub etag: String,
    /// Seconds since 1970, by its server's clock.
    pub modified: i64,
    /// It lies where it cannot be read before somebody fetches it back.
    pub frozen: bool,
}

impl Row {
    pub fn text(&self) -> Option<&str> {
        std::str::from_utf8(&self.key).ok()
    }

    /// The parts that it was uploaded in, as its ETag says.
    pub fn parts(&self) -> Option<u64> {
        parts(&self.etag)
    }
}

pub fn parts(etag: &str) -> Option<u64> {
    etag.split_once('-')?.1.parse().ok()
}

/// Whether it can be a digest of the content: of all of it, or of its parts.
fn tells(etag: &str) -> bool {
    let digest = etag.split_once('-').map_or(etag, |(digest, _)| digest);
    digest.len() == 32 && digest.bytes().all(|byte| byte.is_ascii_hexdigit())
}

/// Whether two ETags prove that the content is the same. That they differ proves nothing.
pub fn same_content(one: &str, other: &str) -> bool {
    tells(one) && one.eq_ignore_ascii_case(other)
}

/// Whether two ETags prove that the content is not the same: digests of the whole of each.
pub fn other_content(one: &str, other: &str) -> bool {
    let whole = |etag: &str| tells(etag) && parts(etag).is_none();
    whole(one) && whole(other) && !one.eq_ignore_ascii_case(other)
}

/// What the ledger remembers: this object of the source stands as that one on the target.
pub type Mark = [u8; 16];

pub fn mark(key: &[u8], source: (&str, u64, i64), target: (&str, u64)) -> Mark {
    let mut sha = Sha256::new();
    for part in [key, source.0.as_bytes(), target.0.as_bytes()] {
        sha.update((part.len() as u64).to_le_bytes());
        sha.update(part);
    }
    sha.update(source.1.to_le_bytes());
    sha.update(source.2.to_le_bytes());
    sha.update(target.1.to_le_bytes());
    let mut mark = Mark::default();
    for (to, from) in mark.iter_mut().zip(sha.finalize()) {
        *to = from;
    }
    mark
}

#[cfg(test)]
mod tests {
    use super::*;

    const WHOLE: &str = "0cc175b9c0f1b6a831c399e269772661";
    const OTHER: &str = "92eb5ffee6ae2fec3ad71c777531578f";

    #[test]
    fn etags_prove_what_they_can_and_nothing_more() {
        assert!(same_content(WHOLE, WHOLE) && same_content(&format!("{WHOLE}-3"), &format!("{WHOLE}-3")));
        assert!(other_content(WHOLE, OTHER));
        let parts = format!("{WHOLE}-3");
        assert!(!same_content(WHOLE, &parts) && !other_content(WHOLE, &parts));
        assert!(!same_content("opaque", "opaque") && !other_content("opaque", "other"));
    }

    #[test]
    fn a_mark_changes_with_everything_that_it_is_of() {
        let of = |key: &str, etag: &str, size, modified, other: &str| {
            mark(key.as_bytes(), (etag, size, modified), (other, 1))
        };
        let one = of("a", WHOLE, 1, 2, WHOLE);
        for other in [
            of("b", WHOLE, 1, 2, WHOLE),
            of("a", OTHER, 1, 2, WHOLE),
            of("a", WHOLE, 2, 2, WHOLE),
            of("a", WHOLE, 1, 3, WHOLE),
            of("a", WHOLE, 1, 2, OTHER),
        ] {
            assert_ne!(one, other);
        }
        assert_eq!(one, of("a", WHOLE, 1, 2, WHOLE));
    }
}
