//! Tokens: drawn at random, kept as hashes only, and compared as hashes, so that the time it takes tells nothing.

use rand::RngExt;
use sha2::{Digest, Sha256};

/// What is kept of a token.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Mark([u8; 32]);

/// 256 bits, as they stand in an address or a cookie.
pub fn draw() -> String {
    let bytes: [u8; 32] = rand::rng().random();
    hex(&bytes)
}

pub fn mark(token: &str) -> Mark {
    Mark(Sha256::digest(token.as_bytes()).into())
}

/// Of one, in characters.
pub const LENGTH: u64 = 64;

/// Whether a file holds one that was drawn here.
pub fn is_one(held: &[u8]) -> bool {
    held.len() == 64 && held.iter().all(u8::is_ascii_hexdigit)
}

/// What every form of a session carries: whoever does not read our pages cannot know it.
pub fn of_forms(session: &str) -> String {
    hex(&Sha256::digest(format!("forms of {session}").as_bytes()))
}

/// A short name of some content, for what is kept in a browser until that changes.
pub fn digest(content: &[u8]) -> String {
    hex(&Sha256::digest(content)[..8])
}

/// A name that nothing else has.
pub fn name(content: &[u8]) -> String {
    hex(&Sha256::digest(content))
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_two_tokens_are_alike_and_the_one_of_forms_does_not_tell_the_session() {
        let (one, two) = (draw(), draw());
        assert_ne!(one, two);
        assert_eq!(one.len(), 64);
        assert_eq!(mark(&one), mark(&one));
        assert_ne!(mark(&one), mark(&two));
        assert_ne!(of_forms(&one), one);
    }
}
