//! Masks: what takes the place of a personal value. The same value and key give the same mask in every table, run and
//! engine, so that what joined still joins. Pure: bytes in, bytes out.

mod digits;
mod invented;
mod json;
mod shift;

use std::fmt::Write;

use api::MaskSpec;
pub use invented::UNIQUE_EMAIL;
use siphasher::sip128::{Hasher128, SipHasher24};

use crate::plan::schema::Column;

/// Draws values from a key. Two kinds of mask never draw the same of one value.
#[derive(Clone)]
pub struct Keyed {
    key: [u8; 16],
}

impl Keyed {
    pub fn new(secret: &[u8]) -> Self {
        use sha2::{Digest, Sha256};
        let digest = Sha256::new().chain_update(b"outboard masks 1\0").chain_update(secret).finalize();
        let mut key = [0; 16];
        key.copy_from_slice(&digest[..16]);
        Self { key }
    }

    pub fn draw(&self, domain: &str, value: &[u8]) -> u128 {
        use std::hash::Hasher;
        let mut hasher = SipHasher24::new_with_key(&self.key);
        hasher.write(domain.as_bytes());
        hasher.write(&[0]);
        hasher.write(value);
        hasher.finish128().as_u128()
    }

    /// From numbers, and from characters one by one: nothing is put together first.
    fn draw_from(&self, domain: &str, numbers: &[u128]) -> u128 {
        use std::hash::Hasher;
        let mut hasher = SipHasher24::new_with_key(&self.key);
        hasher.write(domain.as_bytes());
        numbers.iter().for_each(|number| hasher.write(&number.to_le_bytes()));
        hasher.finish128().as_u128()
    }

    fn draw_over(&self, domain: &str, characters: impl Iterator<Item = char>) -> u128 {
        use std::hash::Hasher;
        let mut hasher = SipHasher24::new_with_key(&self.key);
        hasher.write(domain.as_bytes());
        characters.for_each(|character| hasher.write(&u32::from(character).to_le_bytes()));
        hasher.finish128().as_u128()
    }

    /// Tells keys apart without giving one away.
    pub fn id(&self) -> String {
        format!("{:016x}", self.draw("id", b"") as u64)
    }
}

impl std::fmt::Debug for Keyed {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Keyed(…)")
    }
}

/// A mask for one column.
#[derive(Clone, Debug)]
pub struct Mask {
    kind: MaskSpec,
    keyed: Keyed,
    /// Longest result, in characters.
    longest: usize,
    /// Upper and lower case are the same to the column, so they have to be to the mask. So they are within documents, whose
    /// values join with those of such columns.
    folds: bool,
    wide: Option<Wide>,
    /// Its charset has not every character.
    narrow: bool,
    /// Bytes rather than text.
    bytes: bool,
    column: String,
    unsigned: bool,
}

#[derive(Clone, Copy, Debug)]
enum Wide {
    Two { little: bool },
    Four,
}

impl Mask {
    pub fn new(kind: MaskSpec, keyed: Keyed, column: &Column) -> Self {
        let wide = column.charset.as_deref().and_then(|charset| match charset {
            "ucs2" | "utf16" => Some(Wide::Two { little: false }),
            "utf16le" => Some(Wide::Two { little: true }),
            "utf32" => Some(Wide::Four),
            _ => None,
        });
        let folds = matches!(kind, MaskSpec::Json(_))
            || column.collation.as_deref().is_some_and(|collation| collation.ends_with("_ci"));
        Self {
            kind,
            keyed,
            folds,
            longest: column.length.and_then(|length| length.try_into().ok()).unwrap_or(usize::MAX),
            wide,
            narrow: column.is_text()
                && wide.is_none()
                && column.charset.as_deref().is_none_or(|charset| !charset.starts_with("utf8")),
            bytes: column.is_bytes(),
            column: column.kind.clone(),
            unsigned: column.full.contains("unsigned"),
        }
    }

    /// Appends what stands for `value`, which is text in UTF-8 where the column is text; false: NULL does.
    pub fn apply(&self, value: &[u8], out: &mut Vec<u8>) -> bool {
        let start = out.len();
        if !self.write(&self.kind, value, out) {
            return false;
        }
        if self.column.contains("char") || self.column.contains("text") {
            cut(out, start, self.longest);
            if self.narrow {
                narrow(out, start);
            }
            // A CHAR has no spaces at its end.
            if self.column == "char" {
                let kept =
                    out[start..].iter().rposition(|byte| *byte != b' ').map_or(start, |at| start + at + 1);
                out.truncate(kept);
            }
            self.widen(out, start);
        } else if self.column == "binary" {
            // And a BINARY is always as long as it can be.
            out.resize(start + self.longest, 0);
        }
        true
    }

    fn write(&self, kind: &MaskSpec, value: &[u8], out: &mut Vec<u8>) -> bool {
        let folded = self.folded(value);
        let keyed = &self.keyed;
        match kind {
            MaskSpec::Null => return false,
            MaskSpec::Keep => out.extend_from_slice(value),
            MaskSpec::Constant(text) => out.extend_from_slice(text.as_bytes()),
            MaskSpec::Email => invented::email(keyed, &folded, self.longest, out),
            MaskSpec::Name => invented::name(keyed, &folded, out),
            MaskSpec::Address => invented::address(keyed, &folded, out),
            MaskSpec::Hash => hash(keyed, &folded, self.longest, self.bytes, out),
            MaskSpec::Phone => digits::phone(keyed, value, out),
            MaskSpec::Format => digits::same_form(keyed, value, out),
            MaskSpec::Number => digits::number(keyed, value, &self.column, self.unsigned, out),
            MaskSpec::DateShift(days) => shift::date(keyed, value, *days, &self.column, out),
            MaskSpec::Json(paths) => {
                json::mask(value, paths, out, &|kind, text, out| self.write(kind, text, out));
            }
        }
        true
    }

    fn folded<'a>(&self, value: &'a [u8]) -> std::borrow::Cow<'a, [u8]> {
        let text = if self.folds { std::str::from_utf8(value).ok() } else { None };
        match text {
            // As such a collation compares: in any case, and without the spaces at the end.
            Some(text) => text.trim_end_matches(' ').to_lowercase().into_bytes().into(),
            None => value.into(),
        }
    }

    /// From ASCII or UTF-8 to what the column stores.
    fn widen(&self, out: &mut Vec<u8>, start: usize) {
        let Some(wide) = self.wide else { return };
        let text = String::from_utf8_lossy(&out[start..]).into_owned();
        out.truncate(start);
        match wide {
            Wide::Four => text.chars().for_each(|character| out.extend((character as u32).to_be_bytes())),
            Wide::Two { little } => text.encode_utf16().for_each(|unit| {
                out.extend(if little { unit.to_le_bytes() } else { unit.to_be_bytes() });
            }),
        }
    }
}

/// 32 digits, or as many as fit; of a column of bytes, 16 bytes.
fn hash(keyed: &Keyed, value: &[u8], longest: usize, bytes: bool, out: &mut Vec<u8>) {
    let drawn = keyed.draw("hash", value);
    if bytes {
        out.extend(drawn.to_be_bytes().iter().take(longest));
        return;
    }
    let mut text = String::with_capacity(32);
    // A String never refuses.
    let _ = write!(text, "{drawn:032x}");
    out.extend(text.bytes().take(longest));
}

/// Leaves ASCII only.
fn narrow(out: &mut Vec<u8>, start: usize) {
    if out[start..].is_ascii() {
        return;
    }
    let text = String::from_utf8_lossy(&out[start..]).into_owned();
    out.truncate(start);
    out.extend(text.chars().map(|character| if character.is_ascii() { character as u8 } else { b'?' }));
}

fn cut(out: &mut Vec<u8>, start: usize, longest: usize) {
    // A character has at least one byte.
    if out.len() - start <= longest {
        return;
    }
    let end = std::str::from_utf8(&out[start..])
        .ok()
        .and_then(|text| text.char_indices().nth(longest))
        .map_or(out.len(), |(at, _)| start + at);
    out.truncate(end);
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plan::tests::column;

    fn keyed() -> Keyed {
        Keyed::new(b"a key of the project")
    }

    fn masked_in(kind: MaskSpec, column: &Column, value: &str) -> Option<String> {
        let (mask, mut out) = (Mask::new(kind, keyed(), column), b"kept ".to_vec());
        mask.apply(value.as_bytes(), &mut out).then(|| String::from_utf8_lossy(&out[5..]).into_owned())
    }

    fn masked(kind: MaskSpec, value: &str) -> String {
        masked_in(kind, &column("c", "varchar"), value).unwrap()
    }

    #[test]
    fn the_same_value_has_the_same_mask_in_every_column_and_another_key_another() {
        let other = Column { length: Some(100), ..column("other", "text") };
        let there = masked_in(MaskSpec::Email, &other, "Ann@Example.org");
        assert_eq!(Some(masked(MaskSpec::Email, "ann@example.org")), there);
        assert_ne!(masked(MaskSpec::Hash, "a"), masked(MaskSpec::Hash, "b"));
        assert_ne!(keyed().draw("x", b"1"), Keyed::new(b"another").draw("x", b"1"));
        assert_ne!(keyed().id(), Keyed::new(b"another").id());
    }

    #[test]
    fn masks_look_like_what_they_stand_for() {
        let lines = [
            masked(MaskSpec::Email, "ann@example.org"),
            masked(MaskSpec::Name, "Ann Smith"),
            masked(MaskSpec::Address, "1 High Street"),
            masked(MaskSpec::Phone, "+44 (0)20 7946-0958"),
            masked(MaskSpec::Format, "AB-123456-C"),
            masked(MaskSpec::Hash, "anything"),
            masked(MaskSpec::Constant("x".into()), "anything"),
        ];
        insta::assert_snapshot!(lines.join("\n"));
    }

    #[test]
    fn a_mask_is_never_longer_than_its_column() {
        let short = Column { length: Some(5), ..column("c", "varchar") };
        for kind in [MaskSpec::Email, MaskSpec::Name, MaskSpec::Address, MaskSpec::Hash] {
            let text = masked_in(kind, &short, "Ann Smith").unwrap();
            assert!(text.chars().count() <= 5, "{text}");
        }
    }

    #[test]
    fn null_is_what_null_masks_with() {
        assert_eq!(masked_in(MaskSpec::Null, &column("c", "varchar"), "x"), None);
    }

    #[test]
    fn what_a_server_would_pad_or_trim_is_sent_so() {
        let bytes = Column { length: Some(20), ..column("c", "binary") };
        let (mask, mut out) = (Mask::new(MaskSpec::Hash, keyed(), &bytes), vec![]);
        assert!(mask.apply(b"x", &mut out));
        assert_eq!((out.len(), &out[16..]), (20, &[0u8; 4][..]));
        let padded = Column { length: Some(9), ..column("c", "char") };
        assert_eq!(masked_in(MaskSpec::Constant("ab  ".into()), &padded, "x").as_deref(), Some("ab"));
        let narrow = Column { charset: Some("latin1".into()), ..column("c", "varchar") };
        assert_eq!(masked_in(MaskSpec::Constant("é".into()), &narrow, "x").as_deref(), Some("?"));
    }

    #[test]
    fn wide_columns_get_wide_characters() {
        let wide = Column { charset: Some("utf16".into()), ..column("c", "varchar") };
        let (mask, mut out) = (Mask::new(MaskSpec::Constant("aé".into()), keyed(), &wide), vec![]);
        assert!(mask.apply(b"x", &mut out));
        assert_eq!(out, [0, b'a', 0, 0xe9]);
    }
}
