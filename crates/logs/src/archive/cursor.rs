//! Where a search stopped, as a token that only means something to the search it came from.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use thiserror::Error;

/// Everything newer than `before`, and `before` itself, has been told.
#[derive(Clone, Debug, Eq, PartialEq, Serialize, Deserialize)]
pub struct Cursor {
    #[serde(rename = "v")]
    version: u8,
    #[serde(rename = "t")]
    pub before: Timestamp,
    /// Where the search began to look, however long ago it was asked.
    #[serde(rename = "s")]
    pub since: Timestamp,
    /// The search, in a few letters.
    #[serde(rename = "q")]
    of: String,
}

#[derive(Clone, Copy, Debug, Eq, Error, PartialEq)]
pub enum CursorError {
    #[error("the cursor is damaged")]
    Damaged,
    #[error("the cursor is of another search")]
    Other,
}

const VERSION: u8 = 1;

impl Cursor {
    /// `search` says what was searched for, and where.
    pub fn new(before: Timestamp, since: Timestamp, search: &[&str]) -> Self {
        Self { version: VERSION, before, since, of: digest(search) }
    }

    pub fn parse(token: &str, search: &[&str]) -> Result<Self, CursorError> {
        let bytes = URL_SAFE_NO_PAD.decode(token.trim()).map_err(|_| CursorError::Damaged)?;
        let cursor: Self = serde_json::from_slice(&bytes).map_err(|_| CursorError::Damaged)?;
        if cursor.version != VERSION {
            return Err(CursorError::Damaged);
        }
        if cursor.of == digest(search) { Ok(cursor) } else { Err(CursorError::Other) }
    }
}

impl std::fmt::Display for Cursor {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let json = serde_json::to_vec(self).map_err(|_| std::fmt::Error)?;
        f.write_str(&URL_SAFE_NO_PAD.encode(json))
    }
}

/// The same in every version of every program that reads it.
fn digest(search: &[&str]) -> String {
    use sha2::{Digest, Sha256};
    let mut hasher = Sha256::new();
    for part in search {
        hasher.update((part.len() as u64).to_be_bytes());
        hasher.update(part.as_bytes());
    }
    URL_SAFE_NO_PAD.encode(&hasher.finalize()[..9])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cursor_is_good_for_its_own_search_alone() {
        let time = "2026-11-25T10:00:00.000000001Z".parse().unwrap();
        let cursor = Cursor::new(time, time, &["shop", "qa-42", "checkout"]);
        let token = cursor.to_string();
        assert_eq!(Cursor::parse(&token, &["shop", "qa-42", "checkout"]), Ok(cursor));
        assert_eq!(Cursor::parse(&token, &["shop", "qa-4", "2checkout"]), Err(CursorError::Other));
        for damaged in ["", "!", "e30", &token[1..]] {
            assert_eq!(Cursor::parse(damaged, &["shop"]), Err(CursorError::Damaged), "{damaged}");
        }
    }
}
