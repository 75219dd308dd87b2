//! Cuts what comes over the wire, in pieces of any length, into lines.

/// A line without an end must not fill the memory; what is longer is told to be.
const LONGEST: usize = 16 * 1024 * 1024;

/// Keeps the beginning of a line whose end has not come yet.
#[derive(Debug)]
pub struct Splitter {
    begun: Vec<u8>,
    /// Bytes of it that were passed over.
    left_out: usize,
    longest: usize,
}

impl Default for Splitter {
    fn default() -> Self {
        Self { begun: vec![], left_out: 0, longest: LONGEST }
    }
}

impl Splitter {
    /// Calls `each` with every line that has come to its end, without that end.
    pub fn feed(&mut self, chunk: &[u8], mut each: impl FnMut(&[u8])) {
        let mut from = 0;
        for end in memchr::memchr_iter(b'\n', chunk) {
            let line = &chunk[from..end];
            from = end + 1;
            if self.begun.is_empty() {
                each(without_return(line));
            } else {
                self.begin(line);
                each(without_return(self.whole()));
                self.begun.clear();
            }
        }
        self.begin(&chunk[from..]);
    }

    /// A last line that never came to its end.
    pub fn rest(&mut self) -> Option<&[u8]> {
        (!self.begun.is_empty()).then(|| without_return(self.whole()))
    }

    fn begin(&mut self, piece: &[u8]) {
        let room = self.longest.saturating_sub(self.begun.len());
        let (kept, left_out) = piece.split_at(room.min(piece.len()));
        self.begun.extend_from_slice(kept);
        self.left_out += left_out.len();
    }

    fn whole(&mut self) -> &[u8] {
        if self.left_out > 0 {
            self.begun.extend_from_slice(format!(" … and {} bytes more", self.left_out).as_bytes());
            self.left_out = 0;
        }
        &self.begun
    }
}

fn without_return(line: &[u8]) -> &[u8] {
    line.strip_suffix(b"\r").unwrap_or(line)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn lines(splitter: &mut Splitter, chunk: &[u8]) -> Vec<Vec<u8>> {
        let mut lines = vec![];
        splitter.feed(chunk, |line| lines.push(line.to_vec()));
        lines
    }

    #[test]
    fn an_endless_line_is_cut_and_says_so() {
        let mut splitter = Splitter { longest: 4, ..Splitter::default() };
        assert!(lines(&mut splitter, b"abc").is_empty());
        assert!(lines(&mut splitter, b"defg").is_empty());
        assert_eq!(
            lines(&mut splitter, b"h\nnext\n"),
            [b"abcd \xe2\x80\xa6 and 4 bytes more".to_vec(), b"next".to_vec()]
        );
    }

    #[test]
    fn what_has_no_end_is_kept_for_the_end() {
        let mut splitter = Splitter::default();
        assert_eq!(lines(&mut splitter, b"a\r\n\nb"), [b"a".to_vec(), vec![]]);
        assert_eq!(splitter.rest(), Some(b"b".as_slice()));
        assert_eq!(Splitter::default().rest(), None);
    }

    proptest! {
        #[test]
        fn it_does_not_matter_where_the_pieces_end(text in "[a\n]{0,200}", cuts in prop::collection::vec(1_usize..20, 0..50)) {
            let mut splitter = Splitter::default();
            let (mut told, mut rest) = (vec![], text.as_bytes());
            for cut in cuts {
                let (piece, after) = rest.split_at(cut.min(rest.len()));
                told.extend(lines(&mut splitter, piece));
                rest = after;
            }
            told.extend(lines(&mut splitter, rest));
            told.push(splitter.rest().unwrap_or_default().to_vec());
            let wanted: Vec<Vec<u8>> = text.split('\n').map(|line| line.as_bytes().to_vec()).collect();
            prop_assert_eq!(told, wanted);
        }
    }
}
