//! A snapshot as a server sends it to its replicas: keys with their values as it stores them, one after the other. Values
//! are not read here, only told apart. What is not known ends it: nothing can be found after it.

use super::payload;

/// What is larger is not kept in memory: neither as it comes, nor a text of it unpacked.
pub const LARGEST: usize = 64 << 20;

/// One thing of it.
#[derive(Debug, PartialEq)]
pub enum Part {
    /// When it was made, in seconds since 1970.
    Made(i64),
    Database(u32),
    Key {
        name: Vec<u8>,
        /// Its type, then the value: as in what DUMP writes.
        body: Vec<u8>,
        /// In milliseconds since 1970; -1: it has no end.
        expires: i64,
        /// How long it was not used, in seconds, or how often it is.
        age: Option<i64>,
    },
    /// The code of a library of functions.
    Library(Vec<u8>),
    /// What a copy has no use for.
    Other,
    End,
}

#[derive(Debug, PartialEq, Eq)]
pub enum Stop {
    /// It goes on; as many bytes have to be there at least.
    More(usize),
    TooLarge,
    Unknown(String),
}

type Read<T> = Result<T, Stop>;

/// The version of what begins so, and the length of that beginning.
pub fn version(buffer: &[u8]) -> Read<(u16, usize)> {
    const LENGTH: usize = 9;
    let Some(head) = buffer.get(..LENGTH) else { return Err(Stop::More(LENGTH)) };
    let number = head.strip_prefix(b"REDIS").or_else(|| head.strip_prefix(b"VALKEY"));
    let number = number.and_then(|text| std::str::from_utf8(text).ok()?.parse().ok());
    let unknown = || Stop::Unknown(format!("a snapshot that begins with {}", head.escape_ascii()));
    number.map(|version| (version, LENGTH)).ok_or_else(unknown)
}

/// What stands at the beginning, and its length.
pub fn next(buffer: &[u8]) -> Read<(Part, usize)> {
    let mut cursor = Cursor { buffer, at: 0 };
    let (mut expires, mut age) = (-1, None);
    loop {
        let part = match cursor.byte()? {
            0xff => Part::End,
            0xfe => {
                let number = cursor.length()?;
                Part::Database(number.try_into().map_err(|_| Stop::Unknown(format!("database {number}")))?)
            }
            // An end in seconds, or in milliseconds; when it was used, or how often.
            0xfd => {
                expires = i64::from(u32::from_le_bytes(cursor.some()?)) * 1000;
                continue;
            }
            0xfc => {
                expires = i64::from_le_bytes(cursor.some()?);
                continue;
            }
            0xf8 => {
                age = cursor.length()?.try_into().ok();
                continue;
            }
            0xf9 => {
                age = Some(cursor.byte()?.into());
                continue;
            }
            0xfa => {
                let (name, value) = (cursor.string()?, cursor.string()?);
                let value = name.filter(|name| name == b"ctime").and(value);
                let made = value.and_then(|value| std::str::from_utf8(&value).ok()?.parse().ok());
                made.map_or(Part::Other, Part::Made)
            }
            // How many keys follow; slots.
            0xfb => {
                cursor.lengths(2)?;
                Part::Other
            }
            0xf4 => {
                cursor.lengths(3)?;
                Part::Other
            }
            0xf5 => {
                let code = cursor.string()?;
                Part::Library(code.ok_or_else(|| Stop::Unknown("functions without code".into()))?)
            }
            // What modules keep beside keys.
            0xf7 => {
                cursor.lengths(3)?;
                cursor.skip_module()?;
                Part::Other
            }
            kind => {
                let name = cursor.string()?.ok_or_else(|| Stop::Unknown("a key without a name".into()))?;
                let from = cursor.at;
                cursor.skip_value(kind)?;
                let value = buffer.get(from..cursor.at).unwrap_or_default();
                Part::Key { name, body: [&[kind], value].concat(), expires, age }
            }
        };
        return Ok((part, cursor.at));
    }
}

struct Cursor<'a> {
    buffer: &'a [u8],
    at: usize,
}

impl<'a> Cursor<'a> {
    fn take(&mut self, length: u64) -> Read<&'a [u8]> {
        let end = usize::try_from(length).ok().and_then(|length| self.at.checked_add(length));
        let end = end.filter(|end| *end <= LARGEST).ok_or(Stop::TooLarge)?;
        let taken = self.buffer.get(self.at..end).ok_or(Stop::More(end))?;
        self.at = end;
        Ok(taken)
    }

    fn byte(&mut self) -> Read<u8> {
        let [byte] = self.some()?;
        Ok(byte)
    }

    fn some<const N: usize>(&mut self) -> Read<[u8; N]> {
        let taken = self.take(N as u64)?;
        taken.try_into().map_err(|_| Stop::More(self.at))
    }

    /// A length; or the form of a string that has none.
    fn any(&mut self) -> Read<Result<u64, u8>> {
        let first = self.byte()?;
        Ok(Ok(match (first >> 6, first & 0x3f) {
            (0, low) => low.into(),
            (1, low) => (u64::from(low) << 8) | u64::from(self.byte()?),
            (2, 0) => u32::from_be_bytes(self.some()?).into(),
            (2, 1) => u64::from_be_bytes(self.some()?),
            (3, form) => return Ok(Err(form)),
            _ => return Err(Stop::Unknown(format!("a length of form {first}"))),
        }))
    }

    fn length(&mut self) -> Read<u64> {
        self.any()?.map_err(|form| Stop::Unknown(format!("a length of form {form}")))
    }

    fn lengths(&mut self, count: u32) -> Read<()> {
        (0..count).try_for_each(|_| self.length().map(drop))
    }

    fn skip_string(&mut self) -> Read<()> {
        let length = match self.any()? {
            Ok(length) => length,
            Err(form @ 0..=2) => 1 << form,
            // Packed: both lengths, then what is packed.
            Err(3) => {
                let packed = self.length()?;
                if self.length()? > LARGEST as u64 {
                    return Err(Stop::TooLarge);
                }
                packed
            }
            Err(form) => return Err(Stop::Unknown(format!("a string of form {form}"))),
        };
        self.take(length).map(drop)
    }

    fn skip_strings(&mut self, each: u32) -> Read<()> {
        for _ in 0..self.length()? {
            (0..each).try_for_each(|_| self.skip_string())?;
        }
        Ok(())
    }

    fn string(&mut self) -> Read<Option<Vec<u8>>> {
        let from = self.at;
        self.skip_string()?;
        Ok(payload::string(self.buffer.get(from..self.at).unwrap_or_default()))
    }

    fn skip_value(&mut self, kind: u8) -> Read<()> {
        match kind {
            // A string, or something packed into one.
            0 | 9..=13 | 16 | 17 | 20 => self.skip_string(),
            // Lists, sets and packed nodes of lists; tables.
            1 | 2 | 14 => self.skip_strings(1),
            4 => self.skip_strings(2),
            5 => {
                for _ in 0..self.length()? {
                    self.skip_string()?;
                    self.take(8)?;
                }
                Ok(())
            }
            7 => {
                self.lengths(1)?;
                self.skip_module()
            }
            15 | 19 | 21 => self.skip_stream(kind),
            18 => {
                for _ in 0..self.length()? {
                    self.length()?;
                    self.skip_string()?;
                }
                Ok(())
            }
            // Hashes whose fields have ends.
            24 => {
                self.take(8)?;
                for _ in 0..self.length()? {
                    self.length()?;
                    self.skip_string()?;
                    self.skip_string()?;
                }
                Ok(())
            }
            25 => {
                self.take(8)?;
                self.skip_string()
            }
            kind => Err(Stop::Unknown(format!("a value of type {kind}"))),
        }
    }

    /// A module says of each of its parts what it is.
    fn skip_module(&mut self) -> Read<()> {
        loop {
            match self.length()? {
                0 => return Ok(()),
                1 | 2 => self.lengths(1)?,
                3 => drop(self.take(4)?),
                4 => drop(self.take(8)?),
                5 => self.skip_string()?,
                part => return Err(Stop::Unknown(format!("a module's part of type {part}"))),
            }
        }
    }

    fn skip_stream(&mut self, kind: u8) -> Read<()> {
        self.skip_strings(2)?;
        // Its length and last id; since then its first id, the last that was removed, and how many there ever were.
        self.lengths(if kind == 15 { 3 } else { 8 })?;
        for _ in 0..self.length()? {
            self.skip_string()?;
            self.lengths(if kind == 15 { 2 } else { 3 })?;
            for _ in 0..self.length()? {
                self.take(24)?;
                self.length()?;
            }
            for _ in 0..self.length()? {
                self.skip_string()?;
                self.take(if kind == 21 { 16 } else { 8 })?;
                for _ in 0..self.length()? {
                    self.take(16)?;
                }
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const SNAPSHOT: &[u8] = b"REDIS0011\xfa\x05ctime\xc2\x00\x00\x01\x00\xfe\x03\xfb\x02\x01\
        \xfc\x01\x00\x00\x00\x00\x00\x00\x00\xf8\x07\x00\x01a\x03abc\x02\x01s\x02\x01x\xc0\x05\xff";

    fn parts(snapshot: &[u8]) -> Vec<Part> {
        let (_, mut at) = version(snapshot).unwrap();
        let mut found = vec![];
        while found.last() != Some(&Part::End) {
            let (part, length) = next(&snapshot[at..]).unwrap();
            at += length;
            found.push(part);
        }
        found
    }

    #[test]
    fn keys_come_with_their_ends_and_as_dump_would_write_them() {
        let key = |name: &[u8], body: &[u8], expires, age| Part::Key {
            name: name.to_vec(),
            body: body.to_vec(),
            expires,
            age,
        };
        assert_eq!(version(SNAPSHOT), Ok((11, 9)));
        assert_eq!(
            parts(SNAPSHOT),
            [
                Part::Made(65536),
                Part::Database(3),
                Part::Other,
                key(b"a", b"\x00\x03abc", 1, Some(7)),
                key(b"s", b"\x02\x02\x01x\xc0\x05", -1, None),
                Part::End
            ]
        );
    }

    #[test]
    fn what_is_not_whole_says_how_much_it_needs_and_what_is_not_known_is_not_passed_over() {
        assert_eq!(version(b"REDIS"), Err(Stop::More(9)));
        assert!(matches!(version(b"something else"), Err(Stop::Unknown(_))));
        assert_eq!(next(b"\x00\x01a\x03ab"), Err(Stop::More(7)));
        assert!(matches!(next(b"\x63\x01a\x03abc"), Err(Stop::Unknown(_))));
        // However it is cut, it is never taken for something else.
        let whole = parts(SNAPSHOT);
        for cut in 9..SNAPSHOT.len() {
            let (mut at, mut found) = (9, vec![]);
            while let Ok((part, length)) = next(&SNAPSHOT[at..cut]) {
                at += length;
                found.push(part);
            }
            assert_eq!(found, whole[..found.len()], "cut at {cut}");
        }
    }

    #[test]
    fn what_would_fill_the_memory_is_told_before_it_does() {
        // A text of 3 GB; one of 6 bytes that would be one of 1 GB; a table whose second member is too much.
        assert_eq!(next(b"\x00\x01a\x80\xc0\x00\x00\x00"), Err(Stop::TooLarge));
        assert_eq!(next(b"\x00\x01a\xc3\x06\x80\x40\x00\x00\x00"), Err(Stop::TooLarge));
        assert_eq!(next(b"\x02\x01a\x02\x01b\x81\xff\xff\xff\xff\xff\xff\xff\xff"), Err(Stop::TooLarge));
    }

    #[test]
    fn functions_come_with_their_code() {
        assert_eq!(next(b"\xf5\x03#!l"), Ok((Part::Library(b"#!l".to_vec()), 5)));
    }

    proptest! {
        #[test]
        fn no_bytes_are_too_broken_to_be_refused(bytes: Vec<u8>) {
            let _ = next(&bytes);
        }
    }
}
