//! What a browser keeps for us and can neither read nor change: sealed with a key that only this server has. The first key of
//! the file seals, all of them open, so that a key can be replaced while nobody is signed out.

use base64::Engine;
use base64::prelude::{BASE64_STANDARD, BASE64_URL_SAFE_NO_PAD};
use rand::RngExt;
use ring::aead::{Aad, CHACHA20_POLY1305, LessSafeKey, NONCE_LEN, Nonce, UnboundKey};
use serde::Serialize;
use serde::de::DeserializeOwned;
use sha2::{Digest, Sha256};
use thiserror::Error;

const KEY: usize = 32;
const MARK: usize = 4;

struct Key {
    /// Says which of the keys it was.
    mark: [u8; MARK],
    key: LessSafeKey,
}

pub struct Keys(Vec<Key>);

#[derive(Debug, Error, PartialEq)]
pub enum BadKeys {
    #[error("it has no key")]
    None,
    #[error("line {line} is no key: 32 random bytes in base64")]
    Line { line: usize },
    #[error("line {line} has a key that is there already")]
    Twice { line: usize },
}

impl Keys {
    /// One key a line.
    pub fn parse(text: &str) -> Result<Self, BadKeys> {
        let mut keys: Vec<Key> = vec![];
        for (index, said) in text.lines().enumerate().filter(|(_, line)| !line.trim().is_empty()) {
            let wrong = BadKeys::Line { line: index + 1 };
            let Ok(bytes) = BASE64_STANDARD.decode(said.trim()) else { return Err(wrong) };
            // A key that was typed rather than drawn would be guessed.
            let drawn =
                bytes.len() == KEY && bytes.iter().collect::<std::collections::BTreeSet<_>>().len() > KEY / 4;
            let Ok(key) = UnboundKey::new(&CHACHA20_POLY1305, &bytes) else { return Err(wrong) };
            if !drawn {
                return Err(wrong);
            }
            let mut mark = [0; MARK];
            mark.copy_from_slice(&Sha256::digest([b"mark of ".as_slice(), &bytes].concat())[..MARK]);
            if keys.iter().any(|known| known.mark == mark) {
                return Err(BadKeys::Twice { line: index + 1 });
            }
            keys.push(Key { mark, key: LessSafeKey::new(key) });
        }
        if keys.is_empty() { Err(BadKeys::None) } else { Ok(Self(keys)) }
    }

    /// `what` it is for: nothing that was sealed for one thing opens as another.
    pub fn seal(&self, what: &str, value: &impl Serialize) -> Option<String> {
        let key = self.0.first()?;
        let nonce: [u8; NONCE_LEN] = rand::rng().random();
        let mut sealed = serde_json::to_vec(value).ok()?;
        let with = Nonce::assume_unique_for_key(nonce);
        key.key.seal_in_place_append_tag(with, Aad::from(what.as_bytes()), &mut sealed).ok()?;
        Some(BASE64_URL_SAFE_NO_PAD.encode([&key.mark, nonce.as_slice(), &sealed].concat()))
    }

    pub fn open<T: DeserializeOwned>(&self, what: &str, sealed: &str) -> Option<T> {
        let bytes = BASE64_URL_SAFE_NO_PAD.decode(sealed).ok()?;
        let (mark, rest) = bytes.split_at_checked(MARK)?;
        let (nonce, rest) = rest.split_at_checked(NONCE_LEN)?;
        let key = self.0.iter().find(|key| key.mark == mark)?;
        let nonce = Nonce::try_assume_unique_for_key(nonce).ok()?;
        let mut rest = rest.to_vec();
        let opened = key.key.open_in_place(nonce, Aad::from(what.as_bytes()), &mut rest).ok()?;
        serde_json::from_slice(opened).ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(first: u8) -> String {
        BASE64_STANDARD.encode((0..32).map(|index| first.wrapping_add(index * 7)).collect::<Vec<u8>>())
    }

    #[test]
    fn what_was_sealed_opens_as_what_it_is_and_as_nothing_else() {
        let keys = Keys::parse(&key(1)).unwrap();
        let sealed = keys.seal("session", &"ann").unwrap();
        assert!(!sealed.contains("ann"));
        assert_eq!(keys.open::<String>("session", &sealed).as_deref(), Some("ann"));
        assert_eq!(keys.open::<String>("sign-in", &sealed), None);
        assert_ne!(sealed, keys.seal("session", &"ann").unwrap(), "each time by another nonce");
        assert_eq!(Keys::parse(&key(2)).unwrap().open::<String>("session", &sealed), None);
    }

    #[test]
    fn every_bit_of_it_counts() {
        let keys = Keys::parse(&key(1)).unwrap();
        let sealed = BASE64_URL_SAFE_NO_PAD.decode(keys.seal("session", &"ann").unwrap()).unwrap();
        for index in 0..sealed.len() {
            let mut changed = sealed.clone();
            changed[index] ^= 1;
            let changed = BASE64_URL_SAFE_NO_PAD.encode(changed);
            assert_eq!(keys.open::<String>("session", &changed), None, "byte {index}");
        }
        for text in ["", "AAAA", "nonsense!", &BASE64_URL_SAFE_NO_PAD.encode(&sealed[..20])] {
            assert_eq!(keys.open::<String>("session", text), None, "{text}");
        }
    }

    #[test]
    fn a_key_is_replaced_by_putting_another_before_it() {
        let (old, new) = (Keys::parse(&key(1)).unwrap(), Keys::parse(&key(2)).unwrap());
        let both = Keys::parse(&format!("{}\n\n{}\n", key(2), key(1))).unwrap();
        let before = old.seal("session", &1).unwrap();
        assert_eq!(both.open::<u8>("session", &before), Some(1));
        assert_eq!(new.open::<u8>("session", &both.seal("session", &2).unwrap()), Some(2));
        assert_eq!(new.open::<u8>("session", &before), None);
    }

    #[test]
    fn what_is_no_key_is_told_with_its_line_and_never_shown() {
        let parse = |text: &str| Keys::parse(text).map(|_| ()).unwrap_err();
        assert_eq!(parse(""), BadKeys::None);
        assert_eq!(parse(" \n"), BadKeys::None);
        assert_eq!(parse("secret"), BadKeys::Line { line: 1 });
        assert_eq!(parse(&BASE64_STANDARD.encode([7; 32])), BadKeys::Line { line: 1 });
        assert_eq!(parse(&BASE64_STANDARD.encode([1, 2, 3])), BadKeys::Line { line: 1 });
        assert_eq!(parse(&format!("{0}\n{0}", key(1))), BadKeys::Twice { line: 2 });
        assert!(!parse("\nhunter2").to_string().contains("hunter2"));
    }
}
