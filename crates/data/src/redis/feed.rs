//! Asks a server for a snapshot, as a replica would that wants nothing after it. Nothing is kept for us on the server, so
//! that it may be read as slowly as need be.

use std::sync::atomic::Ordering;
use std::time::Duration;

use crc_fast::{CrcAlgorithm, Digest};
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use super::link::End;
use super::plan::rdb::{self, LARGEST, Part, Stop};
use super::wire::{self, Wire};
use crate::error::{Error, Result};

/// The longest that a server is silent: it sends signs of life while it prepares.
const SILENCE: Duration = Duration::from_secs(120);
/// As much is read at a time.
const CHUNK: usize = 256 << 10;
/// So long what would be good to have is waited for.
const LULL: Duration = Duration::from_millis(50);
/// What is announced in a line is no longer than this.
const LINE: usize = 64 << 10;
/// A checksum, and a mark of the end.
const SUM: usize = 8;
const MARK: usize = 40;

pub struct Feed {
    end: End,
    wire: Box<dyn Wire>,
    buffer: Vec<u8>,
    /// What of the buffer has been taken.
    at: usize,
    until: Until,
    sum: Digest,
    /// All that has come of the snapshot itself, for who wants it byte for byte.
    tape: Option<Vec<u8>>,
    pub version: u16,
}

/// What came by, for who keeps the bytes and not their meaning.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Glimpse {
    Key,
    Other,
    End,
}

enum Came {
    Bytes,
    Nothing,
    End,
}

/// Where it ends.
enum Until {
    /// Not known yet.
    Open,
    /// So many bytes are still to come.
    Length(u64),
    Mark(Vec<u8>),
}

/// Why there is no snapshot.
#[derive(Debug)]
pub enum Denied {
    /// This server does not give one that can be read, at least not now.
    Refused(String),
    Failed(Error),
}

impl From<Error> for Denied {
    fn from(error: Error) -> Self {
        Self::Failed(error)
    }
}

impl Feed {
    pub async fn open(end: &End) -> Result<Self, Denied> {
        let wire = wire::connect(end).await?;
        Self::begin(end.clone(), wire, None).await
    }

    /// The same, with all of it on a tape.
    pub async fn taped(end: &End) -> Result<Self, Denied> {
        let wire = wire::connect(end).await?;
        Self::begin(end.clone(), wire, Some(vec![])).await
    }

    /// What was taped since somebody took it away.
    pub fn tape(&mut self) -> Vec<u8> {
        self.tape.as_mut().map(std::mem::take).unwrap_or_default()
    }

    pub fn taped_bytes(&self) -> usize {
        self.tape.as_ref().map_or(0, Vec::len)
    }

    pub async fn glimpse(&mut self) -> Result<Glimpse, Denied> {
        Ok(match self.next().await? {
            Part::Key { .. } => Glimpse::Key,
            Part::End => Glimpse::End,
            _ => Glimpse::Other,
        })
    }

    async fn begin(end: End, wire: Box<dyn Wire>, tape: Option<Vec<u8>>) -> Result<Self, Denied> {
        let (until, sum) = (Until::Open, Digest::new(CrcAlgorithm::Crc64Redis));
        let mut feed = Self { end, wire, buffer: vec![], at: 0, until, sum, tape, version: 0 };
        if let Some(words) = feed.end.greeting() {
            feed.ask(&words.iter().map(Vec::as_slice).collect::<Vec<_>>()).await?;
            feed.agreed().await?;
        }
        for words in [[b"REPLCONF".as_slice(), b"capa", b"eof"], [b"REPLCONF", b"rdb-only", b"1"]] {
            feed.ask(&words).await?;
            feed.agreed().await?;
        }
        feed.ask(&[b"SYNC"]).await?;
        let line = feed.line().await?;
        let announced = line.strip_prefix('$').and_then(|size| match size.strip_prefix("EOF:") {
            Some(mark) => (mark.len() == MARK).then(|| Until::Mark(mark.as_bytes().to_vec())),
            None => size.parse().ok().map(Until::Length),
        });
        let Some(until) = announced else { return Err(refused(&line)) };
        feed.until = until;
        // What was read beyond the line belongs to the snapshot.
        feed.buffer.drain(..feed.at);
        feed.at = 0;
        feed.took(feed.buffer.len());
        feed.version = loop {
            match rdb::version(&feed.buffer) {
                Ok((version, length)) => {
                    feed.taken(length);
                    break version;
                }
                Err(stop) => feed.on(stop).await?,
            }
        };
        Ok(feed)
    }

    /// What comes next.
    pub async fn next(&mut self) -> Result<Part, Denied> {
        loop {
            match rdb::next(self.buffer.get(self.at..).unwrap_or_default()) {
                Ok((Part::End, length)) => {
                    self.taken(length);
                    self.verify().await?;
                    return Ok(Part::End);
                }
                Ok((part, length)) => {
                    self.taken(length);
                    return Ok(part);
                }
                Err(stop) => self.on(stop).await?,
            }
        }
    }

    /// Reads on where that helps.
    async fn on(&mut self, stop: Stop) -> Result<(), Denied> {
        match stop {
            Stop::More(length) => Ok(self.more(length).await?),
            Stop::TooLarge => {
                Err(Denied::Refused(format!("it has a value of more than {} MB", LARGEST >> 20)))
            }
            Stop::Unknown(what) => Err(Denied::Refused(format!("it sends {what}"))),
        }
    }

    fn taken(&mut self, length: usize) {
        if let Some(taken) = self.buffer.get(self.at..self.at + length) {
            self.sum.update(taken);
            if let Some(tape) = &mut self.tape {
                tape.extend_from_slice(taken);
            }
        }
        self.at += length;
    }

    /// Of everything that was sent; a server that computes none sends zeros. Whoever goes before the mark came, or
    /// without it, is told of as an error there.
    async fn verify(&mut self) -> Result<()> {
        let mark = if let Until::Mark(mark) = &self.until { mark.clone() } else { vec![] };
        self.more(SUM + mark.len()).await?;
        let (sent, rest) = self.buffer.split_at_checked(SUM).unwrap_or_default();
        if let Some(tape) = &mut self.tape {
            tape.extend_from_slice(sent);
        }
        let sent = sent.try_into().map_or(0, u64::from_le_bytes);
        if (sent != 0 && sent != self.sum.finalize()) || !rest.starts_with(&mark) {
            return Err(self.end.unreachable("its snapshot arrived broken".into()));
        }
        Ok(())
    }

    /// Reads on until so many bytes are there that were not taken.
    async fn more(&mut self, wanted: usize) -> Result<()> {
        self.buffer.drain(..self.at.min(self.buffer.len()));
        self.at = 0;
        if self.buffer.len() < CHUNK {
            // A large value was there.
            self.buffer.shrink_to(4 * CHUNK);
        }
        // A value of many parts is looked at from its beginning each time: the more is there, the more comes at once.
        let enough = wanted.max(self.buffer.len() + self.buffer.len() / 4);
        while self.buffer.len() < enough {
            let silence = if self.buffer.len() < wanted { SILENCE } else { LULL };
            match self.read(silence).await? {
                Came::Bytes => {}
                _ if self.buffer.len() >= wanted => return Ok(()),
                Came::Nothing => return Err(self.end.unreachable("it says nothing".into())),
                Came::End => return Err(self.broken()),
            }
        }
        Ok(())
    }

    fn broken(&self) -> Error {
        self.end.unreachable("its snapshot ended before it was whole".into())
    }

    fn took(&mut self, bytes: usize) {
        if let Until::Length(left) = &mut self.until {
            *left = left.saturating_sub(bytes as u64);
        }
    }

    async fn read(&mut self, silence: Duration) -> Result<Came> {
        if matches!(self.until, Until::Length(0)) {
            return Ok(Came::End);
        }
        self.buffer.reserve(CHUNK);
        match tokio::time::timeout(silence, self.wire.read_buf(&mut self.buffer)).await {
            Ok(Ok(0)) => Ok(Came::End),
            Ok(Ok(bytes)) => {
                self.took(bytes);
                Ok(Came::Bytes)
            }
            Ok(Err(error)) => Err(self.end.unreachable(error.to_string())),
            Err(_) => Ok(Came::Nothing),
        }
    }

    async fn ask(&mut self, words: &[&[u8]]) -> Result<()> {
        let mut text = format!("*{}\r\n", words.len()).into_bytes();
        for word in words {
            text.extend(format!("${}\r\n", word.len()).into_bytes());
            text.extend_from_slice(word);
            text.extend_from_slice(b"\r\n");
        }
        self.end.counter.commands.fetch_add(1, Ordering::Relaxed);
        self.end.counter.round_trips.fetch_add(1, Ordering::Relaxed);
        let sent = async {
            self.wire.write_all(&text).await?;
            self.wire.flush().await
        };
        sent.await.map_err(|error| self.end.unreachable(error.to_string()))
    }

    async fn agreed(&mut self) -> Result<(), Denied> {
        let line = self.line().await?;
        if line == "+OK" { Ok(()) } else { Err(refused(&line)) }
    }

    /// The next line that is not empty: empty ones are signs of life.
    async fn line(&mut self) -> Result<String, Denied> {
        loop {
            let rest = self.buffer.get(self.at..).unwrap_or_default();
            let Some(end) = rest.iter().position(|byte| *byte == b'\n') else {
                if rest.len() > LINE {
                    return Err(Denied::Refused("it does not answer as a Redis does".into()));
                }
                match self.read(SILENCE).await? {
                    Came::Bytes => continue,
                    Came::Nothing => return Err(self.end.unreachable("it says nothing".into()).into()),
                    Came::End => return Err(self.broken().into()),
                }
            };
            let line = String::from_utf8_lossy(rest.get(..end).unwrap_or_default()).trim().to_owned();
            self.at += end + 1;
            if !line.is_empty() {
                return Ok(line);
            }
        }
    }
}

/// In the server's words.
fn refused(line: &str) -> Denied {
    Denied::Refused(line.strip_prefix('-').unwrap_or(line).chars().take(200).collect())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const MARK: &[u8] = b"0123456789abcdef0123456789abcdef01234567";

    fn summed(body: &[u8]) -> Vec<u8> {
        let body = [b"REDIS0010".as_slice(), body, b"\xff"].concat();
        let sum = crc_fast::checksum(CrcAlgorithm::Crc64Redis, &body);
        [body.as_slice(), &sum.to_le_bytes()].concat()
    }

    fn by_length(snapshot: &[u8]) -> Vec<u8> {
        [format!("\n\n${}\r\n", snapshot.len()).as_bytes(), snapshot].concat()
    }

    fn by_mark(snapshot: &[u8]) -> Vec<u8> {
        [b"\n$EOF:".as_slice(), MARK, b"\r\n", snapshot, MARK].concat()
    }

    /// What a server sends, once it was greeted; then it is gone.
    async fn parts(sends: &[u8]) -> Result<Vec<Part>, Denied> {
        let (ours, mut theirs) = tokio::io::duplex(1 << 20);
        theirs.write_all(sends).await.unwrap();
        theirs.shutdown().await.unwrap();
        let mut feed = Feed::begin(End::anywhere(), Box::new(ours), Some(vec![])).await?;
        let mut found = vec![];
        while found.last() != Some(&Part::End) {
            found.push(feed.next().await?);
        }
        Ok(found)
    }

    async fn said(sends: &[u8]) -> String {
        match parts(sends).await {
            Ok(parts) => format!("{parts:?}"),
            Err(Denied::Refused(why)) => format!("refused: {why}"),
            Err(Denied::Failed(error)) => {
                assert!(error.passes());
                error.to_string()
            }
        }
    }

    fn greeted(then: &[u8]) -> Vec<u8> {
        [b"+OK\r\n+OK\r\n".as_slice(), then].concat()
    }

    const KEY: &[u8] = b"\xfe\x02\x00\x01a\x03abc";

    #[tokio::test]
    async fn a_snapshot_comes_by_its_length_or_until_a_mark() {
        let key = || Part::Key { name: b"a".to_vec(), body: b"\0\x03abc".to_vec(), expires: -1, age: None };
        for sends in [by_length(&summed(KEY)), by_mark(&summed(KEY))] {
            let found = parts(&greeted(&sends)).await.unwrap();
            assert_eq!(found, [Part::Database(2), key(), Part::End]);
        }
    }

    #[tokio::test]
    async fn a_server_that_does_not_compute_checksums_is_believed() {
        let mut snapshot = summed(KEY);
        let end = snapshot.len() - SUM;
        snapshot[end..].fill(0);
        assert!(parts(&greeted(&by_mark(&snapshot))).await.is_ok());
    }

    #[tokio::test]
    async fn wherever_it_breaks_off_it_is_not_taken_for_whole() {
        for sends in [greeted(&by_length(&summed(KEY))), greeted(&by_mark(&summed(KEY)))] {
            for cut in 0..sends.len() {
                let said = said(&sends[..cut]).await;
                assert!(said.ends_with("its snapshot ended before it was whole"), "cut at {cut}: {said}");
            }
        }
    }

    #[tokio::test]
    async fn one_byte_that_is_another_is_found_out() {
        let sends = greeted(&by_mark(&summed(KEY)));
        let body = sends.len() - MARK.len() - SUM - 4;
        for at in [body, sends.len() - MARK.len() - 1, sends.len() - 1] {
            let mut sends = sends.clone();
            sends[at] ^= 1;
            assert!(said(&sends).await.ends_with("its snapshot arrived broken"), "at {at}");
        }
    }

    #[tokio::test]
    async fn what_a_server_refuses_is_told_in_its_words() {
        assert_eq!(
            said(b"-ERR Unrecognized REPLCONF option: capa\r\n").await,
            "refused: ERR Unrecognized REPLCONF option: capa"
        );
        assert_eq!(said(b"+OK\r\n-ERR rdb-only\r\n").await, "refused: ERR rdb-only");
        let denied = greeted(b"-NOPERM User x has no permissions to run the 'sync' command\r\n");
        assert_eq!(
            said(&denied).await,
            "refused: NOPERM User x has no permissions to run the 'sync' command"
        );
        let link = greeted(b"-NOMASTERLINK Can't SYNC while not connected with my master\r\n");
        assert!(said(&link).await.starts_with("refused: NOMASTERLINK"));
        assert_eq!(said(&greeted(b"$EOF:short\r\n")).await, "refused: $EOF:short");
        let other = greeted(&by_length(b"NOT A SNAPSHOT"));
        assert_eq!(said(&other).await, "refused: it sends a snapshot that begins with NOT A SNA");
        let later = greeted(&by_length(b"REDIS0099\x63\x01a\x03abc"));
        assert_eq!(said(&later).await, "refused: it sends a value of type 99");
        assert_eq!(said(&vec![b'x'; LINE + CHUNK]).await, "refused: it does not answer as a Redis does");
    }

    #[tokio::test(start_paused = true)]
    async fn a_server_that_falls_silent_is_given_up() {
        let (ours, mut theirs) = tokio::io::duplex(1 << 20);
        theirs.write_all(&greeted(b"\n\n")).await.unwrap();
        let denied = Feed::begin(End::anywhere(), Box::new(ours), Some(vec![])).await.err();
        assert!(
            matches!(denied, Some(Denied::Failed(error)) if error.to_string().ends_with("it says nothing"))
        );
    }

    proptest! {
        #[test]
        fn no_bytes_are_too_broken_to_be_refused(bytes: Vec<u8>) {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
            for snapshot in [bytes.clone(), [b"REDIS0010".as_slice(), &bytes].concat()] {
                // That it should be one is next to impossible: it would have to end in its own checksum.
                let _ = runtime.block_on(parts(&greeted(&by_mark(&snapshot))));
            }
        }
    }
}
