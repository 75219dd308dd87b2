//! Where JSON values begin and end in bytes that hold several, with or without anything between them.
//!
//! Looks at brackets and quotes only: whether a value is right is for whoever reads it.

use std::ops::Range;

use memchr::{memchr, memchr2, memchr3};

/// What comes next.
#[derive(Debug, Eq, PartialEq)]
pub enum Next {
    /// An object.
    Value(Range<usize>),
    /// Bytes up to here that belong to none.
    Junk(Range<usize>),
    /// An object that does not end before the bytes do.
    Open(usize),
    End,
}

/// The next object at or after `from`.
pub fn next(bytes: &[u8], from: usize) -> Next {
    let blank = bytes[from..].iter().take_while(|byte| byte.is_ascii_whitespace()).count();
    let begin = from + blank;
    match bytes.get(begin) {
        None => Next::End,
        Some(b'{') => match end(bytes, begin) {
            Some(end) => Next::Value(begin..end),
            None => Next::Open(begin),
        },
        Some(_) => {
            // Up to the next object or the end of the line, whichever comes first.
            let length = memchr2(b'{', b'\n', &bytes[begin + 1..]).map_or(bytes.len() - begin, |at| at + 1);
            Next::Junk(begin..begin + length)
        }
    }
}

/// Behind the bracket that closes the one at `begin`.
fn end(bytes: &[u8], begin: usize) -> Option<usize> {
    let (mut at, mut depth) = (begin, 0_usize);
    while let Some(found) = memchr3(b'{', b'}', b'"', &bytes[at..]) {
        at += found + 1;
        match bytes[at - 1] {
            b'{' => depth += 1,
            b'}' => {
                depth -= 1;
                if depth == 0 {
                    return Some(at);
                }
            }
            _ => at = string(bytes, at)?,
        }
    }
    None
}

/// Behind the quote that ends the string which began before `at`. None at the end of a line: no string goes on there.
fn string(bytes: &[u8], mut at: usize) -> Option<usize> {
    loop {
        at += memchr3(b'"', b'\\', b'\n', bytes.get(at..)?)? + 1;
        match bytes[at - 1] {
            b'"' => return Some(at),
            b'\\' => at += 1,
            _ => return None,
        }
    }
}

/// Where the line around `at` begins and ends.
pub fn line(bytes: &[u8], at: usize) -> Range<usize> {
    let begin = memchr::memrchr(b'\n', &bytes[..at]).map_or(0, |at| at + 1);
    let end = memchr(b'\n', &bytes[at..]).map_or(bytes.len(), |found| at + found + 1);
    begin..end
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn all(text: &str) -> Vec<String> {
        let (bytes, mut at, mut found) = (text.as_bytes(), 0, vec![]);
        loop {
            match next(bytes, at) {
                Next::Value(range) => {
                    found.push(text[range.clone()].to_owned());
                    at = range.end;
                }
                Next::Junk(range) => {
                    found.push(format!("junk {}", &text[range.clone()]));
                    at = range.end;
                }
                Next::Open(begin) => {
                    found.push(format!("open {}", &text[begin..]));
                    return found;
                }
                Next::End => return found,
            }
        }
    }

    #[test]
    fn values_are_told_apart_with_and_without_anything_between_them() {
        assert_eq!(all(r#"{"a":"}{"}{"b":{}}"#), [r#"{"a":"}{"}"#, r#"{"b":{}}"#]);
        assert_eq!(all("{}\n{ }\r\n\n {\"a\":\n1}"), ["{}", "{ }", "{\"a\":\n1}"]);
        assert_eq!(all(r#"{"a":"\"}\\"}{}"#), [r#"{"a":"\"}\\"}"#, "{}"]);
        assert_eq!(all("plain\n{}"), ["junk plain", "{}"]);
        assert_eq!(all("[1]{}"), ["junk [1]", "{}"]);
        assert_eq!(all(r#"{"a":"cut"#), [r#"open {"a":"cut"#]);
        assert_eq!(all(r#"{"a":"\"#), [r#"open {"a":"\"#]);
    }

    proptest! {
        #[test]
        fn what_was_written_one_after_another_comes_out_one_by_one(
            texts in prop::collection::vec(any::<String>(), 0..6), between in "[ \n]{0,2}",
        ) {
            let written: Vec<String> =
                texts.iter().map(|text| serde_json::json!({"Text": text, "n": {"é": [1]}}).to_string()).collect();
            prop_assert_eq!(all(&written.join(&between)), written);
        }

        #[test]
        fn no_bytes_make_it_stumble_and_it_always_moves_on(bytes in prop::collection::vec(
            prop_oneof![Just(b'{'), Just(b'}'), Just(b'"'), Just(b'\\'), Just(b'\n'), any::<u8>()], 0..64,
        )) {
            let mut at = 0;
            while let Next::Value(range) | Next::Junk(range) = next(&bytes, at) {
                prop_assert!(range.end > at && range.end <= bytes.len());
                at = range.end;
            }
        }
    }
}
