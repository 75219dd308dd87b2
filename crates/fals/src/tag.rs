//! How a line of a file looks among the lines of a container: `[/var/log/web/access.log] GET /`. Written by the sidecar
//! of a component with `logs`, read by whoever ships that container's output.

use crate::plan::cut::Piece;

/// What a tag says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Tagged<'a> {
    pub file: &'a str,
    pub part: Option<u32>,
    pub more: bool,
    pub resent: bool,
    pub text: &'a [u8],
}

/// Appends a line with its tag and its end.
pub fn write(file: &str, piece: &Piece<'_>, resent: bool, out: &mut Vec<u8>) {
    out.push(b'[');
    out.extend_from_slice(file.as_bytes());
    if let Some(part) = piece.part {
        out.extend_from_slice(format!(" part {part}").as_bytes());
    }
    if piece.more {
        out.extend_from_slice(b" more");
    }
    if resent {
        out.extend_from_slice(b" resent");
    }
    out.extend_from_slice(b"] ");
    out.extend_from_slice(piece.text);
    out.push(b'\n');
}

/// Reads it back. Paths of `logs` have neither spaces nor brackets.
pub fn read(line: &[u8]) -> Option<Tagged<'_>> {
    let rest = line.strip_prefix(b"[")?;
    let end = rest.windows(2).take(4096).position(|two| two == b"] ")?;
    let mut words = std::str::from_utf8(&rest[..end]).ok()?.split(' ');
    let file = words.next().filter(|file| file.starts_with('/'))?;
    let mut tagged = Tagged { file, part: None, more: false, resent: false, text: &rest[end + 2..] };
    while let Some(word) = words.next() {
        match word {
            "part" => tagged.part = Some(words.next()?.parse().ok()?),
            "more" => tagged.more = true,
            "resent" => tagged.resent = true,
            _ => return None,
        }
    }
    Some(tagged)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn piece(text: &[u8]) -> Piece<'_> {
        Piece { text, time: None, stream: None, part: None, more: false }
    }

    #[test]
    fn a_tag_reads_back() {
        for (line, resent) in
            [(piece(b"GET / [x] "), false), (Piece { part: Some(2), more: true, ..piece(b"\xff") }, true)]
        {
            let mut out = Vec::new();
            write("/var/log/a.log", &line, resent, &mut out);
            let read = read(out.strip_suffix(b"\n").unwrap()).unwrap();
            assert_eq!(
                (read.file, read.part, read.more, read.resent),
                ("/var/log/a.log", line.part, line.more, resent)
            );
            assert_eq!(read.text, line.text);
        }
    }

    #[test]
    fn other_lines_have_none() {
        for line in ["[info] started", "[/a b] x", "[/a part x] y", "plain", "[/a]", "[/a] "] {
            assert_eq!(read(line.as_bytes()).is_some(), line == "[/a] ", "{line}");
        }
    }
}
