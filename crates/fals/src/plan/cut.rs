//! Where lines end, and where those that are too long for a record are cut. Decides only by bytes, so that whoever
//! starts anew at the same place cuts the same.

use memchr::memchr;
use serde::{Deserialize, Serialize};

use super::cri;
use crate::record::{escaped_length, fitting};

/// What a file is made of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// Lines of text.
    Lines,
    /// What container runtimes write: `TIME STREAM P|F TEXT`, long lines in several rows.
    Cri,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stream {
    Out,
    Err,
}

/// For each stream, the number of the next piece of a line that has been begun; 0 where a line begins.
#[derive(Clone, Copy, Debug, Default, Deserialize, PartialEq, Eq, Serialize)]
pub struct Parts {
    #[serde(default)]
    pub out: u32,
    #[serde(default)]
    pub err: u32,
}

impl Parts {
    pub fn of(&mut self, stream: Option<Stream>) -> &mut u32 {
        match stream {
            Some(Stream::Err) => &mut self.err,
            _ => &mut self.out,
        }
    }
}

/// A line, or what fits of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Piece<'a> {
    pub text: &'a [u8],
    /// When the runtime took it, as it wrote that down.
    pub time: Option<&'a [u8]>,
    pub stream: Option<Stream>,
    /// Which piece of its line; none: it is the whole line.
    pub part: Option<u32>,
    pub more: bool,
}

/// Tells `emit` the next line at the beginning of `bytes` and returns how many of them it took; nothing if its end is
/// not there yet. `ended`: nothing is going to be added. `room`: how much escaped text one record holds.
pub fn next(
    format: Format,
    bytes: &[u8],
    ended: bool,
    room: usize,
    parts: &mut Parts,
    emit: &mut impl FnMut(&Piece<'_>),
) -> Option<usize> {
    match format {
        Format::Lines => line(bytes, ended, room, &mut parts.out, emit),
        Format::Cri => cri::next(bytes, ended, room, parts, emit),
    }
}

/// So many bytes are always enough for [`next`] to take some.
pub fn enough(format: Format, room: usize) -> usize {
    match format {
        Format::Lines => room + 1,
        Format::Cri => cri::enough(room),
    }
}

fn line(
    bytes: &[u8],
    ended: bool,
    room: usize,
    part: &mut u32,
    emit: &mut impl FnMut(&Piece<'_>),
) -> Option<usize> {
    let (text, used) = match memchr(b'\n', bytes) {
        Some(end) => (&bytes[..end], end + 1),
        None if ended && !bytes.is_empty() => (bytes, bytes.len()),
        // Escaped it is no shorter, so it can't fit whatever follows.
        None if bytes.len() > room => {
            let taken = fitting(bytes, room);
            emit(&begun(&bytes[..taken], part));
            return Some(taken);
        }
        None => return None,
    };
    // Escaped nothing becomes longer than six times.
    if text.len() > room / 6 && escaped_length(text) > room {
        let taken = fitting(text, room);
        emit(&begun(&text[..taken], part));
        return Some(taken);
    }
    emit(&Piece { text, time: None, stream: None, part: (*part > 0).then_some(*part), more: false });
    *part = 0;
    Some(used)
}

fn begun<'a>(text: &'a [u8], part: &mut u32) -> Piece<'a> {
    let piece = Piece { text, time: None, stream: None, part: Some(*part), more: true };
    *part += 1;
    piece
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    type Told = (Vec<u8>, Option<u32>, bool);

    fn all(bytes: &[u8], ended: bool, room: usize) -> (Vec<Told>, usize) {
        let (mut told, mut at, mut parts) = (vec![], 0, Parts::default());
        let mut emit = |piece: &Piece<'_>| told.push((piece.text.to_vec(), piece.part, piece.more));
        while let Some(used) = next(Format::Lines, &bytes[at..], ended, room, &mut parts, &mut emit) {
            at += used;
        }
        (told, at)
    }

    #[test]
    fn a_line_without_an_end_waits_for_it() {
        let (told, used) = all(b"one\r\n\ntwo", false, 100);
        assert_eq!(told, [(b"one\r".to_vec(), None, false), (vec![], None, false)]);
        assert_eq!(used, 6);
        let (told, used) = all(b"two", true, 100);
        assert_eq!((told, used), (vec![(b"two".to_vec(), None, false)], 3));
    }

    #[test]
    fn what_is_too_long_comes_in_numbered_pieces_and_no_character_is_cut() {
        let (told, _) = all("abcdé\nx\n".as_bytes(), false, 5);
        let text = |text: &str| text.as_bytes().to_vec();
        assert_eq!(
            told,
            [(text("abcd"), Some(0), true), (text("é"), Some(1), false), (text("x"), None, false)]
        );
        // `<` takes six.
        assert_eq!(all(b"<<\n", false, 7).0, [(text("<"), Some(0), true), (text("<"), Some(1), false)]);
    }

    proptest! {
        #[test]
        fn pieces_put_together_are_the_file(bytes in "[a-c<\n\u{e9}]{0,80}", room in 6_usize..20) {
            let bytes = bytes.as_bytes();
            let (told, used) = all(bytes, true, room);
            prop_assert_eq!(used, bytes.len());
            let mut whole = Vec::new();
            for (text, _, more) in &told {
                prop_assert!(escaped_length(text) <= room);
                whole.extend_from_slice(text);
                if !more {
                    whole.push(b'\n');
                }
            }
            let mut expected = bytes.to_vec();
            if !expected.is_empty() && !expected.ends_with(b"\n") {
                expected.push(b'\n');
            }
            prop_assert_eq!(whole, expected);
        }

        #[test]
        fn where_reading_stops_for_a_while_makes_no_difference(bytes in "[a-c<\n]{0,80}", room in 6_usize..20, stop in 0_usize..80) {
            let bytes = bytes.as_bytes();
            let stop = stop.min(bytes.len());
            let (mut told, mut at, mut parts) = (vec![], 0, Parts::default());
            for (until, ended) in [(stop, false), (bytes.len(), true)] {
                let mut emit = |piece: &Piece<'_>| told.push((piece.text.to_vec(), piece.part, piece.more));
                while let Some(used) = next(Format::Lines, &bytes[at..until], ended, room, &mut parts, &mut emit) {
                    at += used;
                }
            }
            let join = |told: &[Told]| told.iter().map(|(text, _, more)| (String::from_utf8_lossy(text).into_owned(), *more)).fold(
                String::new(), |whole, (text, more)| whole + &text + if more { "" } else { "\n" });
            prop_assert_eq!(join(&told), join(&all(bytes, true, room).0));
        }
    }
}
