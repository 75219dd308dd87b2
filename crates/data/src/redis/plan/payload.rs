//! What DUMP writes: a type, the value as a server stores it, a version and a checksum. Read here to tell whether two of
//! them mean the same, and to look into them; what is not known is left to others, never guessed.

mod pieces;
mod streams;

use crc_fast::{CrcAlgorithm, checksum};
pub use pieces::{Pieces, Unread};

use super::value::{Field, Value};

/// A payload without its version and checksum, and the version.
pub fn split(payload: &[u8]) -> Option<(&[u8], u16)> {
    let (body, footer) = payload.split_at_checked(payload.len().checked_sub(10)?)?;
    let version = u16::from_le_bytes([*footer.first()?, *footer.get(1)?]);
    (!body.is_empty()).then_some((body, version))
}

/// What DUMP would have written: with version and checksum.
pub fn sealed(mut body: Vec<u8>, version: u16) -> Vec<u8> {
    body.extend(version.to_le_bytes());
    let sum = checksum(CrcAlgorithm::Crc64Redis, &body);
    body.extend(sum.to_le_bytes());
    body
}

/// A text as it is stored; none: it is no text.
pub fn string(stored: &[u8]) -> Option<Vec<u8>> {
    Reader(stored).string()
}

/// The value; none: of a type that is not read here.
pub fn value(body: &[u8]) -> Option<Value> {
    Pieces::new(body, usize::MAX)?.piece().ok()?
}

/// What is stored as one text, packed or not.
fn packed(read: &mut Reader<'_>, kind: u8) -> Option<Value> {
    Some(match kind {
        0 => Value::String(read.string()?),
        11 => Value::Set(intset(&read.string()?)?),
        16 => Value::Hash(pairs(&read.string()?, |name, value| Some(field(name, value)))?),
        17 => Value::Sorted(pairs(&read.string()?, |member, score| {
            Some((member, std::str::from_utf8(&score).ok()?.parse().ok()?))
        })?),
        20 => Value::Set(listpack(&read.string()?)?),
        25 => {
            read.take(8)?;
            Value::Hash(triples(&read.string()?)?)
        }
        _ => return None,
    })
}

/// Everything in it that could hold text; false: it cannot be looked into.
pub fn texts(body: &[u8], look: &mut dyn FnMut(&[u8])) -> bool {
    if let Some(value) = value(body) {
        value.texts(look);
        return true;
    }
    matches!(body.first(), Some(15 | 19 | 21)) && stream_texts(body, look).is_some()
}

fn stream_texts(body: &[u8], look: &mut dyn FnMut(&[u8])) -> Option<()> {
    let mut read = Reader(body.get(1..)?);
    for _ in 0..read.length()? {
        // The first id of the entries that follow.
        read.string()?;
        listpack(&read.string()?)?.iter().for_each(|text| look(text));
    }
    Some(())
}

fn field(name: Vec<u8>, value: Vec<u8>) -> Field {
    Field { name, value, expires: None }
}

/// A list's next node: elements packed together, or a large one alone.
fn node(read: &mut Reader<'_>) -> Option<Vec<Vec<u8>>> {
    match read.length()? {
        1 => Some(vec![read.string()?]),
        2 => listpack(&read.string()?),
        _ => None,
    }
}

fn pairs<T>(packed: &[u8], make: impl Fn(Vec<u8>, Vec<u8>) -> Option<T>) -> Option<Vec<T>> {
    let mut elements = listpack(packed)?.into_iter();
    let mut pairs = vec![];
    while let Some(first) = elements.next() {
        pairs.push(make(first, elements.next()?)?);
    }
    Some(pairs)
}

/// Fields with their ends; zero: it has none.
fn triples(packed: &[u8]) -> Option<Vec<Field>> {
    let elements = listpack(packed)?;
    let field = |three: &[Vec<u8>]| {
        let [name, value, ends] = three else { return None };
        let ends: i64 = std::str::from_utf8(ends).ok()?.parse().ok()?;
        Some(Field { name: name.clone(), value: value.clone(), expires: (ends > 0).then_some(ends) })
    };
    elements.chunks(3).map(field).collect()
}

fn intset(packed: &[u8]) -> Option<Vec<Vec<u8>>> {
    let (head, numbers) = packed.split_at_checked(8)?;
    let width = u32::from_le_bytes(head.get(..4)?.try_into().ok()?) as usize;
    let number = |bytes: &[u8]| -> Option<i64> {
        Some(match width {
            2 => i16::from_le_bytes(bytes.try_into().ok()?).into(),
            4 => i32::from_le_bytes(bytes.try_into().ok()?).into(),
            8 => i64::from_le_bytes(bytes.try_into().ok()?),
            _ => return None,
        })
    };
    numbers.chunks(width.max(1)).map(|bytes| Some(number(bytes)?.to_string().into_bytes())).collect()
}

fn listpack(packed: &[u8]) -> Option<Vec<Vec<u8>>> {
    let mut read = Reader(packed.get(6..)?);
    let mut elements = vec![];
    loop {
        let before = read.0.len();
        let sign = read.byte()?;
        let element = match sign {
            0xff => return read.0.is_empty().then_some(elements),
            0x00..=0x7f => number(sign.into()),
            0x80..=0xbf => read.take(usize::from(sign & 0x3f))?.to_vec(),
            0xc0..=0xdf => {
                let bits = (i64::from(sign & 0x1f) << 8) | i64::from(read.byte()?);
                number(if bits >= 1 << 12 { bits - (1 << 13) } else { bits })
            }
            0xe0..=0xef => {
                let length = (usize::from(sign & 0x0f) << 8) | usize::from(read.byte()?);
                read.take(length)?.to_vec()
            }
            0xf0 => {
                let length = u32::from_le_bytes(read.take(4)?.try_into().ok()?);
                read.take(length.try_into().ok()?)?.to_vec()
            }
            0xf1..=0xf4 => {
                let width = [2, 3, 4, 8][usize::from(sign - 0xf1)];
                let bytes = read.take(width)?;
                // The sign of the last byte fills up what is left.
                let fill = if bytes.last()? & 0x80 == 0 { 0 } else { 0xff };
                let mut wide = [fill; 8];
                wide[..width].copy_from_slice(bytes);
                number(i64::from_le_bytes(wide))
            }
            _ => return None,
        };
        elements.push(element);
        // Its length once more, for reading backwards.
        let back = match before - read.0.len() {
            0..=127 => 1,
            128..16_383 => 2,
            16_383..2_097_151 => 3,
            2_097_151..268_435_455 => 4,
            _ => 5,
        };
        read.take(back)?;
    }
}

fn number(number: i64) -> Vec<u8> {
    number.to_string().into_bytes()
}

struct Reader<'a>(&'a [u8]);

enum Length {
    Of(u64),
    /// A string in a form of its own.
    Special(u8),
}

impl<'a> Reader<'a> {
    fn take(&mut self, length: usize) -> Option<&'a [u8]> {
        let (taken, rest) = self.0.split_at_checked(length)?;
        self.0 = rest;
        Some(taken)
    }

    fn byte(&mut self) -> Option<u8> {
        Some(self.take(1)?[0])
    }

    fn any_length(&mut self) -> Option<Length> {
        let first = self.byte()?;
        Some(match (first >> 6, first & 0x3f) {
            (0, low) => Length::Of(low.into()),
            (1, low) => Length::Of((u64::from(low) << 8) | u64::from(self.byte()?)),
            (2, 0) => Length::Of(u32::from_be_bytes(self.take(4)?.try_into().ok()?).into()),
            (2, 1) => Length::Of(u64::from_be_bytes(self.take(8)?.try_into().ok()?)),
            (3, form) => Length::Special(form),
            _ => return None,
        })
    }

    fn number(&mut self) -> Option<u64> {
        match self.any_length()? {
            Length::Of(length) => Some(length),
            Length::Special(_) => None,
        }
    }

    fn length(&mut self) -> Option<usize> {
        self.number()?.try_into().ok()
    }

    fn string(&mut self) -> Option<Vec<u8>> {
        match self.any_length()? {
            Length::Of(length) => Some(self.take(length.try_into().ok()?)?.to_vec()),
            Length::Special(0) => Some(number(i8::from_le_bytes([self.byte()?]).into())),
            Length::Special(1) => Some(number(i16::from_le_bytes(self.take(2)?.try_into().ok()?).into())),
            Length::Special(2) => Some(number(i32::from_le_bytes(self.take(4)?.try_into().ok()?).into())),
            Length::Special(3) => {
                let (packed, whole) = (self.length()?, self.length()?);
                unpack(self.take(packed)?, whole)
            }
            Length::Special(_) => None,
        }
    }
}

/// LZF: runs of bytes, and references to bytes before.
fn unpack(packed: &[u8], whole: usize) -> Option<Vec<u8>> {
    let (mut read, mut out) = (Reader(packed), Vec::with_capacity(whole.min(1 << 26)));
    while !read.0.is_empty() {
        let control = read.byte()?;
        if control < 32 {
            out.extend_from_slice(read.take(usize::from(control) + 1)?);
            continue;
        }
        let mut length = usize::from(control >> 5);
        if length == 7 {
            length += usize::from(read.byte()?);
        }
        let back = (usize::from(control & 0x1f) << 8) | usize::from(read.byte()?);
        let from = out.len().checked_sub(back + 1)?;
        // It may overlap what it makes.
        for at in from..from + length + 2 {
            out.push(*out.get(at)?);
        }
    }
    (out.len() == whole).then_some(out)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn words(value: Option<Value>) -> Vec<String> {
        let mut words = vec![];
        value.expect("it can be read").texts(&mut |text| words.push(text.escape_ascii().to_string()));
        words
    }

    #[test]
    fn strings_of_every_form() {
        assert_eq!(words(value(b"\x00\x03abc")), ["abc"]);
        assert_eq!(words(value(b"\x00\xc0\xfe")), ["-2"]);
        assert_eq!(words(value(b"\x00\xc2\x00\x00\x01\x00")), ["65536"]);
        // `aaaaaaaaaaaaaaaaaaaa`: one byte, then 18 more of it, then a run.
        assert_eq!(words(value(b"\x00\xc3\x07\x14\x00a\xe0\x09\x00\x00a")), ["a".repeat(20)]);
    }

    #[test]
    fn a_packed_list_has_numbers_and_texts() {
        let packed = b"\x00\x00\x00\x00\x00\x00\x07\x01\x82hi\x03\xdf\xff\x02\xf1\x00\x80\x03\xff";
        let body = [b"\x12\x01\x02".as_slice(), &[packed.len() as u8], packed].concat();
        assert_eq!(words(value(&body)), ["7", "hi", "-1", "-32768"]);
    }

    #[test]
    fn the_same_set_in_two_forms_is_the_same() {
        let numbers = b"\x0b\x0c\x02\x00\x00\x00\x02\x00\x00\x00\x01\x00\x02\x00";
        let table = b"\x02\x02\xc0\x02\xc0\x01";
        assert_eq!(value(numbers).map(|value| value.digest()), value(table).map(|value| value.digest()));
    }

    #[test]
    fn a_footer_is_taken_off() {
        assert_eq!(
            split(b"\x00\x01a\x0a\x00\x01\x02\x03\x04\x05\x06\x07\x08"),
            Some((&b"\x00\x01a"[..], 10))
        );
        assert_eq!(split(b"short"), None);
    }

    #[test]
    fn what_is_sealed_is_what_dump_writes() {
        // As Redis' own documentation has it, of `SET mykey 10`.
        let dumped = b"\x00\xc0\n\n\x00n\x9fWE\x0e\xaec\xbb";
        let (body, version) = split(dumped).unwrap();
        assert_eq!(version, 10);
        assert_eq!(sealed(body.to_vec(), version), dumped);
    }

    #[test]
    fn a_stream_has_its_entries_and_what_its_groups_wait_for() {
        // Two entries of which one is gone, then: one entry, last id 2-2, first 1-1, removed 2-2, two ever; a group `g` at 2-2
        // that has read two, in which `c` waits for both.
        let packed = b"\x00\x00\x00\x00\x00\x00\x01\x01\x01\x01\x01\x01\x81f\x02\x00\x01\
            \x02\x01\x00\x01\x00\x01\x81v\x02\x04\x01\x03\x01\x01\x01\x01\x01\x81w\x02\x04\x01\xff";
        let id = |millis: u8, number: u8| [[0; 7].as_slice(), &[millis], &[0; 7], &[number]].concat();
        let mut body = [b"\x13\x01\x10".as_slice(), &id(1, 1), &[packed.len() as u8], packed].concat();
        body.extend(b"\x01\x02\x02\x01\x01\x02\x02\x02\x01\x01g\x02\x02\x02\x02");
        let waits = |id: Vec<u8>| [id.as_slice(), &[0; 8], &[1]].concat();
        body.extend([waits(id(1, 1)), waits(id(2, 2))].concat());
        body.extend([b"\x01\x01c".as_slice(), &[0; 8], &[2], &id(1, 1), &id(2, 2)].concat());
        let Some(Value::Stream(entries, Some(state))) = value(&body) else { panic!("{body:?}") };
        assert_eq!((entries.len(), entries[0].id.as_slice()), (1, b"1-1".as_slice()));
        assert_eq!(entries[0].fields, [b"f".to_vec(), b"v".to_vec()]);
        assert_eq!((state.last_id.as_slice(), state.entries_added), (b"2-2".as_slice(), 2));
        let group = &state.groups[0];
        assert_eq!((group.entries_read, group.pending.len()), (Some(2), 1));
        assert_eq!(group.pending[0].consumer, b"c");
    }

    #[test]
    fn what_is_not_known_is_not_guessed() {
        assert_eq!(value(b"\x07\x81anything"), None);
        assert_eq!(value(b"\x00\x03abcd"), None);
        assert!(!texts(b"\x07\x81anything", &mut |_| {}));
    }

    proptest! {
        #[test]
        fn no_bytes_are_too_broken_to_be_refused(body: Vec<u8>, kind in 0u8..26) {
            let _ = value(&body);
            let body = [&[kind], body.as_slice()].concat();
            let _ = value(&body);
            texts(&body, &mut |_| {});
        }
    }
}
