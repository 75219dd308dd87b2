//! The JSON objects that are shipped, byte for byte as Go's encoder of the old fals wrote them.

use serde::{Deserialize, Serialize};

use crate::plan::cut::{Piece, Stream};

/// What marks a line that may have been sent before; it is always the last of an object.
const RESENT: &[u8] = br#","Resent":true}"#;
/// By so much marking a line makes it longer.
pub const RESENT_LENGTH: usize = RESENT.len() - 1;
/// More than the numbers, the time, the stream and the marks of one object ever take.
const AROUND: usize = 256;

/// Where lines come from: the same for every line of a file.
#[derive(Clone, Debug, Default, Deserialize, PartialEq, Eq, Serialize)]
pub struct Origin {
    pub project: String,
    pub env: String,
    pub component: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pod: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub container: Option<String>,
}

/// An origin's share of every object, written once.
#[derive(Clone, Debug)]
pub struct Template {
    head: Vec<u8>,
    origin: Vec<u8>,
}

impl Template {
    pub fn of(origin: &Origin) -> Self {
        let mut head = Vec::new();
        for (before, value) in [
            ("{\"Project\":\"", &origin.project),
            ("\",\"Env\":\"", &origin.env),
            ("\",\"Component\":\"", &origin.component),
        ] {
            head.extend_from_slice(before.as_bytes());
            escape(value.as_bytes(), &mut head);
        }
        head.extend_from_slice(b"\",\"Text\":\"");
        let mut rest = Vec::new();
        for (key, value) in [("Pod", &origin.pod), ("Container", &origin.container)] {
            if let Some(value) = value {
                field(key, value.as_bytes(), &mut rest);
            }
        }
        Self { head, origin: rest }
    }

    /// What is left of a record for one line's text, once escaped.
    pub fn room(&self, record: usize) -> usize {
        record.saturating_sub(self.head.len() + self.origin.len() + RESENT_LENGTH + AROUND).max(1)
    }

    /// Appends one object and its newline.
    pub fn write(&self, piece: &Piece<'_>, file: Option<&str>, at: i64, resent: bool, out: &mut Vec<u8>) {
        out.extend_from_slice(&self.head);
        escape(piece.text, out);
        out.extend_from_slice(b"\",\"Timestamp\":");
        out.extend_from_slice(at.to_string().as_bytes());
        if let Some(time) = piece.time {
            field("Time", time, out);
        }
        out.extend_from_slice(&self.origin);
        match piece.stream {
            Some(Stream::Out) => field("Stream", b"stdout", out),
            Some(Stream::Err) => field("Stream", b"stderr", out),
            None => {}
        }
        if let Some(file) = file {
            field("File", file.as_bytes(), out);
        }
        if let Some(part) = piece.part {
            out.extend_from_slice(format!(",\"Part\":{part}").as_bytes());
        }
        if piece.more {
            out.extend_from_slice(b",\"More\":true");
        }
        out.extend_from_slice(if resent { RESENT } else { b"}" });
        out.push(b'\n');
    }
}

/// Marks every object of a record, each once.
pub fn mark_resent(record: &[u8]) -> Vec<u8> {
    let mut marked = Vec::with_capacity(record.len() + 1024);
    // No object holds a newline: they are escaped.
    for object in record.split_inclusive(|byte| *byte == b'\n') {
        let bare = object.strip_suffix(b"\n").unwrap_or(object);
        match bare.strip_suffix(b"}") {
            Some(open) if !bare.ends_with(RESENT) => {
                marked.extend_from_slice(open);
                marked.extend_from_slice(RESENT);
            }
            _ => marked.extend_from_slice(bare),
        }
        marked.extend_from_slice(&object[bare.len()..]);
    }
    marked
}

fn field(key: &str, value: &[u8], out: &mut Vec<u8>) {
    out.extend_from_slice(b",\"");
    out.extend_from_slice(key.as_bytes());
    out.extend_from_slice(b"\":\"");
    escape(value, out);
    out.push(b'"');
}

/// Text as Go puts it between quotes: HTML's own characters and JavaScript's line ends escaped, and every byte that is
/// no UTF-8 as one U+FFFD.
pub fn escape(text: &[u8], out: &mut Vec<u8>) {
    for chunk in text.utf8_chunks() {
        escape_valid(chunk.valid().as_bytes(), out);
        for _ in chunk.invalid() {
            out.extend_from_slice(b"\\ufffd");
        }
    }
}

fn escape_valid(text: &[u8], out: &mut Vec<u8>) {
    const HEX: &[u8; 16] = b"0123456789abcdef";
    let mut rest = text;
    while let Some(plain) = rest.iter().position(|byte| !PLAIN[usize::from(*byte)]) {
        let (before, from) = rest.split_at(plain);
        out.extend_from_slice(before);
        let byte = from[0];
        let control = [b'\\', b'u', b'0', b'0', HEX[usize::from(byte >> 4)], HEX[usize::from(byte & 15)]];
        let (length, escaped): (usize, &[u8]) = match byte {
            b'"' => (1, b"\\\""),
            b'\\' => (1, b"\\\\"),
            b'\n' => (1, b"\\n"),
            b'\r' => (1, b"\\r"),
            b'\t' => (1, b"\\t"),
            b'<' => (1, b"\\u003c"),
            b'>' => (1, b"\\u003e"),
            b'&' => (1, b"\\u0026"),
            0xe2 if from.starts_with(b"\xe2\x80\xa8") => (3, b"\\u2028"),
            0xe2 if from.starts_with(b"\xe2\x80\xa9") => (3, b"\\u2029"),
            // The beginning of any other character.
            0xe2 => (1, &from[..1]),
            _ => (1, &control),
        };
        out.extend_from_slice(escaped);
        rest = &from[length..];
    }
    out.extend_from_slice(rest);
}

/// Bytes that stand for themselves.
const PLAIN: [bool; 256] = {
    let mut plain = [true; 256];
    let mut byte = 0;
    while byte < 256 {
        plain[byte] = byte >= 0x20 && !matches!(byte as u8, b'"' | b'\\' | b'<' | b'>' | b'&' | 0xe2);
        byte += 1;
    }
    plain
};

/// How long text is once escaped.
pub fn escaped_length(text: &[u8]) -> usize {
    text.utf8_chunks()
        .map(|chunk| chunk.valid().chars().map(escaped_character).sum::<usize>() + 6 * chunk.invalid().len())
        .sum()
}

/// How many bytes of `text` fit into `room` once escaped; at least one character, and no character is cut in two.
pub fn fitting(text: &[u8], room: usize) -> usize {
    let (mut taken, mut length) = (0, 0);
    for chunk in text.utf8_chunks() {
        let valid =
            chunk.valid().chars().map(|character| (character.len_utf8(), escaped_character(character)));
        let invalid = chunk.invalid().iter().map(|_| (1, 6));
        for (bytes, escaped) in valid.chain(invalid) {
            length += escaped;
            if length > room && taken > 0 {
                return taken;
            }
            taken += bytes;
        }
    }
    taken
}

fn escaped_character(character: char) -> usize {
    match character {
        '"' | '\\' | '\n' | '\r' | '\t' => 2,
        '<' | '>' | '&' | '\u{2028}' | '\u{2029}' | '\0'..'\u{20}' => 6,
        other => other.len_utf8(),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::Value;

    use super::*;

    fn piece(text: &[u8]) -> Piece<'_> {
        Piece { text, time: None, stream: None, part: None, more: false }
    }

    fn old() -> Origin {
        Origin {
            project: "shop".into(),
            env: "int".into(),
            component: "random log".into(),
            ..Origin::default()
        }
    }

    fn written(piece: &Piece<'_>, resent: bool) -> String {
        let mut out = Vec::new();
        Template::of(&old()).write(piece, None, 1_467_000_000, resent, &mut out);
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn a_line_is_written_as_the_old_fals_wrote_it() {
        assert_eq!(
            written(&piece("a <b> & \"c\" \\ \t\r\u{8}\u{c}\u{1f}\u{7f} \u{2028}é😀".as_bytes()), false),
            concat!(
                r#"{"Project":"shop","Env":"int","Component":"random log","Text":"#,
                r#""a \u003cb\u003e \u0026 \"c\" \\ \t\r\u0008\u000c\u001f"#,
                "\u{7f} \\u2028é😀",
                r#"","Timestamp":1467000000}"#,
                "\n"
            )
        );
    }

    #[test]
    fn each_byte_that_is_no_text_becomes_one_replacement_character() {
        let mut out = Vec::new();
        escape(b"\xff\xe2\x82A\xed\xa0\x80\xef\xbf\xbd", &mut out);
        assert_eq!(String::from_utf8(out).unwrap(), "\\ufffd\\ufffd\\ufffdA\\ufffd\\ufffd\\ufffd\u{fffd}");
    }

    #[test]
    fn marks_come_last_and_only_once() {
        let long = Piece { part: Some(3), more: true, ..piece(b"x") };
        let plain = written(&long, false);
        assert!(plain.ends_with("\"Timestamp\":1467000000,\"Part\":3,\"More\":true}\n"));
        let marked = mark_resent(format!("{plain}{plain}").as_bytes());
        let expected = written(&long, true).repeat(2);
        assert_eq!(String::from_utf8(marked.clone()).unwrap(), expected);
        assert_eq!(mark_resent(&marked), marked);
        assert_eq!(marked.len(), 2 * (plain.len() + RESENT_LENGTH));
    }

    #[test]
    fn a_line_of_the_cluster_says_where_it_comes_from() {
        let origin = Origin { pod: Some("web-1".into()), container: Some("web".into()), ..old() };
        let line = Piece {
            time: Some(b"2026-01-01T00:00:00.000000001Z"),
            stream: Some(Stream::Err),
            ..piece(b"hello")
        };
        let mut out = Vec::new();
        Template::of(&origin).write(&line, Some("/var/log/a.log"), 1, false, &mut out);
        assert_eq!(
            String::from_utf8(out).unwrap(),
            concat!(
                r#"{"Project":"shop","Env":"int","Component":"random log","Text":"hello","Timestamp":1,"#,
                r#""Time":"2026-01-01T00:00:00.000000001Z","Pod":"web-1","Container":"web","Stream":"stderr","#,
                r#""File":"/var/log/a.log"}"#,
                "\n"
            )
        );
    }

    proptest! {
        #[test]
        fn whatever_is_written_reads_back(text: Vec<u8>) {
            let object = written(&piece(&text), true);
            prop_assert_eq!(object.matches('\n').count(), 1);
            let read: Value = serde_json::from_str(&object).unwrap();
            let expected: String = text
                .utf8_chunks()
                .flat_map(|chunk| {
                    let replaced = chunk.invalid().iter().map(|_| '\u{fffd}');
                    chunk.valid().chars().chain(replaced).collect::<Vec<_>>()
                })
                .collect();
            prop_assert_eq!(read["Text"].as_str(), Some(expected.as_str()));
        }

        #[test]
        fn lengths_are_told_before_they_are_written(text: Vec<u8>, room in 0_usize..64) {
            let mut out = Vec::new();
            escape(&text, &mut out);
            prop_assert_eq!(out.len(), escaped_length(&text));
            let taken = fitting(&text, room);
            prop_assert!(text.is_empty() || taken > 0);
            out.clear();
            escape(&text[..taken], &mut out);
            prop_assert!(out.len() <= room.max(6));
        }
    }
}
