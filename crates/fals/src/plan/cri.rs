//! What container runtimes write into a pod's log: rows of `TIME STREAM TAGS TEXT`. A line longer than the runtime's
//! buffer comes in rows tagged `P` and a last one tagged `F`, and rows of the other stream may lie in between: all of
//! that is one unit, so that a place between two units is a place where nothing is open.

use memchr::memchr;

use super::cut::{Parts, Piece, Stream};
use crate::record::{escaped_length, fitting};

/// Rows are never much longer; what is has no such row in it.
const ROW: usize = 64 * 1024;

/// Tells the lines of the next unit.
pub fn next(
    bytes: &[u8],
    ended: bool,
    room: usize,
    parts: &mut Parts,
    emit: &mut impl FnMut(&Piece<'_>),
) -> Option<usize> {
    // However much has been read: what is cut off where must not depend on it.
    let bytes = &bytes[..bytes.len().min(enough(room))];
    // Nearly always: one row, and it is whole.
    if let Some(end) = memchr(b'\n', bytes) {
        let row = Row::read(&bytes[..end]);
        if row.full {
            tell(row.text, row.time, row.stream, false, room, parts, emit);
            return Some(end + 1);
        }
    }
    let unit = unit(bytes, ended, room)?;
    let mut open: [Option<(Vec<u8>, Row<'_>)>; 2] = [None, None];
    for line in rows(&bytes[..unit]) {
        let row = Row::read(line);
        let slot = &mut open[usize::from(row.stream == Some(Stream::Err))];
        let (mut text, first) = slot.take().unwrap_or_else(|| (Vec::new(), row));
        text.extend_from_slice(row.text);
        if row.full {
            tell(&text, first.time, first.stream, false, room, parts, emit);
        } else {
            *slot = Some((text, first));
        }
    }
    // Too long for one go, or what a container was killed in the middle of.
    for (text, first) in open.into_iter().flatten() {
        tell(&text, first.time, first.stream, !ended || bytes.len() == enough(room), room, parts, emit);
    }
    Some(unit)
}

/// So many bytes hold a unit, or are worth telling without its end.
pub fn enough(room: usize) -> usize {
    room + 2 * ROW
}

/// Up to where nothing is open.
fn unit(bytes: &[u8], ended: bool, room: usize) -> Option<usize> {
    let (mut at, mut open) = (0, [false, false]);
    while let Some(end) = memchr(b'\n', &bytes[at..]) {
        let row = Row::read(&bytes[at..at + end]);
        open[usize::from(row.stream == Some(Stream::Err))] = !row.full;
        at += end + 1;
        if open == [false, false] {
            return Some(at);
        }
    }
    if ended && bytes.len() < enough(room) {
        return (!bytes.is_empty()).then_some(bytes.len());
    }
    // A row without an end that is this long is none.
    (bytes.len() == enough(room)).then_some(if at > 0 { at } else { bytes.len() })
}

fn rows(bytes: &[u8]) -> impl Iterator<Item = &[u8]> {
    bytes.split_inclusive(|byte| *byte == b'\n').map(|row| row.strip_suffix(b"\n").unwrap_or(row))
}

fn tell(
    text: &[u8],
    time: Option<&[u8]>,
    stream: Option<Stream>,
    open: bool,
    room: usize,
    parts: &mut Parts,
    emit: &mut impl FnMut(&Piece<'_>),
) {
    let part = parts.of(stream);
    let mut rest = text;
    loop {
        let fits = rest.len() <= room / 6 || escaped_length(rest) <= room;
        let taken = if fits { rest.len() } else { fitting(rest, room) };
        let more = open || !fits;
        let number = (more || *part > 0).then_some(*part);
        emit(&Piece { text: &rest[..taken], time, stream, part: number, more });
        *part = if more { *part + 1 } else { 0 };
        rest = &rest[taken..];
        if fits {
            return;
        }
    }
}

#[derive(Clone, Copy)]
struct Row<'a> {
    time: Option<&'a [u8]>,
    stream: Option<Stream>,
    full: bool,
    text: &'a [u8],
}

impl<'a> Row<'a> {
    /// What is no row of the format is a line of its own: better shown as it is than left out.
    fn read(row: &'a [u8]) -> Self {
        Self::split(row).unwrap_or(Self { time: None, stream: None, full: true, text: row })
    }

    fn split(row: &'a [u8]) -> Option<Self> {
        let (time, rest) = word(row)?;
        let (stream, rest) = word(rest)?;
        let (tags, text) = word(rest).unwrap_or((rest, b""));
        let stream = match stream {
            b"stdout" => Stream::Out,
            b"stderr" => Stream::Err,
            _ => return None,
        };
        let full = match tags.split(|byte| *byte == b':').next()? {
            b"F" => true,
            b"P" => false,
            _ => return None,
        };
        let dated = time.len() >= 20 && time[0].is_ascii_digit() && time.contains(&b'T');
        dated.then_some(Self { time: Some(time), stream: Some(stream), full, text })
    }
}

fn word(text: &[u8]) -> Option<(&[u8], &[u8])> {
    let end = memchr(b' ', text)?;
    Some((&text[..end], &text[end + 1..]))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn all(bytes: &[u8], ended: bool, room: usize) -> (Vec<String>, usize) {
        let (mut told, mut at, mut parts) = (vec![], 0, Parts::default());
        let mut emit = |piece: &Piece<'_>| {
            let stream = match piece.stream {
                Some(Stream::Out) => "out",
                Some(Stream::Err) => "err",
                None => "?",
            };
            let text = String::from_utf8_lossy(piece.text);
            let part = piece.part.map(|part| format!(" part {part}")).unwrap_or_default();
            told.push(format!("{stream} {text}{part}{}", if piece.more { " more" } else { "" }));
        };
        while let Some(used) = next(&bytes[at..], ended, room, &mut parts, &mut emit) {
            at += used;
        }
        (told, at)
    }

    fn row(stream: &str, tag: &str, text: &str) -> String {
        format!("2026-01-01T00:00:00.000000001Z {stream} {tag} {text}\n")
    }

    #[test]
    fn rows_are_joined_to_the_line_that_was_written() {
        let text = row("stdout", "F", "whole")
            + &row("stdout", "P", "a ")
            + &row("stderr", "F", "between")
            + &row("stdout", "F", "b")
            + &row("stdout", "F", "");
        let (told, used) = all(text.as_bytes(), false, 1000);
        assert_eq!(told, ["out whole", "err between", "out a b", "out "]);
        assert_eq!(used, text.len());
    }

    #[test]
    fn an_open_line_waits_and_is_told_when_nothing_more_can_come() {
        let text = row("stdout", "P", "a ") + &row("stderr", "F", "between");
        assert_eq!(all(text.as_bytes(), false, 1000), (vec![], 0));
        assert_eq!(all(text.as_bytes(), true, 1000).0, ["err between", "out a "]);
    }

    #[test]
    fn a_line_without_an_end_does_not_fill_the_memory() {
        let rows: String = (0..40).map(|_| row("stdout", "P", &"x".repeat(4000))).collect();
        let text = rows + &row("stdout", "F", "end");
        let (told, used) = all(text.as_bytes(), false, 10_000);
        assert_eq!(used, text.len());
        assert!(told.first().is_some_and(|first| first.ends_with("x part 0 more")));
        assert!(told.last().is_some_and(|last| last.contains("end part ") && !last.ends_with("more")));
        let letters: usize = told.iter().map(|piece| piece.matches('x').count()).sum();
        assert_eq!(letters, 160_000);
    }

    #[test]
    fn what_is_no_row_is_told_as_it_is() {
        let (told, _) = all(b"panic: out of order\nA stdout F x\n2026 nowhere F x\n", false, 1000);
        assert_eq!(told, ["? panic: out of order", "? A stdout F x", "? 2026 nowhere F x"]);
    }

    proptest! {
        #[test]
        fn every_letter_is_told_once(rows in prop::collection::vec((prop::bool::ANY, prop::bool::ANY, "[a-z]{0,9}"), 0..20)) {
            let text: String = rows.iter().map(|(err, full, text)| {
                row(if *err { "stderr" } else { "stdout" }, if *full { "F" } else { "P" }, text)
            }).collect();
            let (told, used) = all(text.as_bytes(), true, 1000);
            prop_assert_eq!(used, text.len());
            for stream in ["out", "err"] {
                let expected: String = rows.iter().filter(|(err, ..)| *err == (stream == "err")).map(|(.., text)| text.as_str()).collect();
                let found: String = told.iter().filter_map(|line| line.strip_prefix(&format!("{stream} "))).collect();
                prop_assert_eq!(found, expected);
            }
        }
    }
}
