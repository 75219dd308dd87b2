//! How a line of a file looks among the lines of a container: `[/var/log/web/access.log] GET /`. Written by the sidecar
//! of a component with `logs`; read by whoever ships that container's output, and by whoever shows it.

/// What stands before a line.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Tag<'a> {
    pub file: &'a str,
    /// Which piece of its line; none: it is the whole line.
    pub part: Option<u32>,
    /// There are more pieces of it.
    pub more: bool,
    /// It may have been written before.
    pub resent: bool,
}

impl<'a> Tag<'a> {
    pub fn write(&self, out: &mut Vec<u8>) {
        out.push(b'[');
        out.extend_from_slice(self.file.as_bytes());
        if let Some(part) = self.part {
            out.extend_from_slice(format!(" part {part}").as_bytes());
        }
        if self.more {
            out.extend_from_slice(b" more");
        }
        if self.resent {
            out.extend_from_slice(b" resent");
        }
        out.extend_from_slice(b"] ");
    }

    /// The tag and the line behind it. Paths of `logs` have neither spaces nor brackets.
    pub fn read(line: &'a [u8]) -> Option<(Self, &'a [u8])> {
        let rest = line.strip_prefix(b"[")?;
        let end = rest.windows(2).take(4096).position(|two| two == b"] ")?;
        let mut words = std::str::from_utf8(&rest[..end]).ok()?.split(' ');
        let file = words.next().filter(|file| file.starts_with('/'))?;
        let mut tag = Tag { file, ..Tag::default() };
        while let Some(word) = words.next() {
            match word {
                "part" => tag.part = Some(words.next()?.parse().ok()?),
                "more" => tag.more = true,
                "resent" => tag.resent = true,
                _ => return None,
            }
        }
        Some((tag, &rest[end + 2..]))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tag_reads_back() {
        let plain = Tag { file: "/var/log/a.log", ..Tag::default() };
        for (tag, text) in [
            (plain, b"GET / [x] ".as_slice()),
            (Tag { part: Some(2), more: true, resent: true, ..plain }, b"\xff"),
        ] {
            let mut out = Vec::new();
            tag.write(&mut out);
            out.extend_from_slice(text);
            assert_eq!(Tag::read(&out), Some((tag, text)));
        }
    }

    #[test]
    fn other_lines_have_none() {
        for line in ["[info] started", "[/a b] x", "[/a part x] y", "plain", "[/a]", "[/a] "] {
            assert_eq!(Tag::read(line.as_bytes()).is_some(), line == "[/a] ", "{line}");
        }
    }
}
