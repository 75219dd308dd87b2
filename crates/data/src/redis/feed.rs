//! Asks a server for a snapshot, as a replica would that wants nothing after it. Nothing is kept for us on the server, so
//! that it may be read as slowly as need be.

use std::time::Duration;

use crc_fast::{CrcAlgorithm, Digest};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use super::link::End;
use super::plan::rdb::{self, Part, Stop};
use crate::error::{Error, Result};

/// The longest that a server is silent: it sends signs of life while it prepares.
const SILENCE: Duration = Duration::from_secs(120);
/// As much is read at a time.
const CHUNK: usize = 256 << 10;
/// A value that is larger is not kept in memory.
const LARGEST: usize = 96 << 20;

pub struct Feed {
    end: End,
    stream: TcpStream,
    buffer: Vec<u8>,
    /// What of the buffer has been taken.
    at: usize,
    /// Bytes that are still to come; none: a mark ends it.
    left: Option<u64>,
    sum: Digest,
    pub version: u16,
}

/// Why there is no snapshot.
pub enum Denied {
    /// This server does not give one, at least not now.
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
        let (host, port) = end.place();
        let stream = tokio::time::timeout(SILENCE, TcpStream::connect((host, port))).await;
        let stream = stream
            .map_err(|_| end.unreachable("it does not answer".into()))?
            .map_err(|error| end.unreachable(error.to_string()))?;
        let sum = Digest::new(CrcAlgorithm::Crc64Redis);
        let mut feed = Self { end: end.clone(), stream, buffer: vec![], at: 0, left: None, sum, version: 0 };
        for words in end.greeting() {
            let words: Vec<&[u8]> = words.iter().map(Vec::as_slice).collect();
            feed.ask(&words).await?;
            feed.agreed().await?;
        }
        for words in [[b"REPLCONF".as_slice(), b"capa", b"eof"], [b"REPLCONF", b"rdb-only", b"1"]] {
            feed.ask(&words).await?;
            feed.agreed().await?;
        }
        feed.ask(&[b"SYNC"]).await?;
        let size = feed.line().await?;
        match size.strip_prefix('$').map(|size| (size, size.parse())) {
            Some((_, Ok(size))) => feed.left = Some(size),
            Some((mark, _)) if mark.starts_with("EOF:") => {}
            _ => return Err(Denied::Refused(size)),
        }
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
                Err(Stop::More(length)) => feed.more(length).await?,
                Err(Stop::Unknown(what)) => return Err(Denied::Refused(format!("it sends {what}"))),
            }
        };
        Ok(feed)
    }

    /// What comes next. Unknown things and values that are too large are told as what they are.
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
                Err(Stop::More(length)) if length > LARGEST => {
                    return Err(Denied::Refused(format!("it has a value of more than {} MB", LARGEST >> 20)));
                }
                Err(Stop::More(length)) => self.more(length).await?,
                Err(Stop::Unknown(what)) => return Err(Denied::Refused(format!("it sends {what}"))),
            }
        }
    }

    fn taken(&mut self, length: usize) {
        if let Some(taken) = self.buffer.get(self.at..self.at + length) {
            self.sum.update(taken);
        }
        self.at += length;
    }

    /// Of everything that was sent; a server that computes none sends zeros.
    async fn verify(&mut self) -> Result<()> {
        const LENGTH: usize = 8;
        while self.buffer.len() < self.at + LENGTH {
            self.more(LENGTH).await?;
        }
        let sent = self.buffer.get(self.at..self.at + LENGTH).and_then(|bytes| bytes.try_into().ok());
        let sent = sent.map_or(0, u64::from_le_bytes);
        if sent != 0 && sent != self.sum.finalize() {
            return Err(self.end.unreachable("its snapshot arrived broken".into()));
        }
        // A mark ends what has no length; whoever goes before it came is told of as an error there.
        if self.left.is_none() {
            const MARK: usize = 40;
            self.more(LENGTH + MARK).await?;
        }
        Ok(())
    }

    /// Reads on until so many bytes are there that were not taken. Not further: nothing may follow.
    async fn more(&mut self, wanted: usize) -> Result<()> {
        self.buffer.drain(..self.at.min(self.buffer.len()));
        self.at = 0;
        while self.buffer.len() < wanted {
            let before = self.buffer.len();
            // A value of many parts is looked at from its beginning each time: what is there already is read at once.
            let most = CHUNK.max(before / 4);
            let most = self.left.map_or(most, |left| usize::try_from(left).unwrap_or(most).min(most));
            if most == 0 {
                return Err(self.broken());
            }
            self.read(most).await?;
            self.took(self.buffer.len() - before);
        }
        Ok(())
    }

    fn broken(&self) -> Error {
        self.end.unreachable("its snapshot ended before it was whole".into())
    }

    fn took(&mut self, bytes: usize) {
        if let Some(left) = &mut self.left {
            *left = left.saturating_sub(bytes as u64);
        }
    }

    async fn read(&mut self, most: usize) -> Result<()> {
        let before = self.buffer.len();
        self.buffer.resize(before + most, 0);
        let room = self.buffer.get_mut(before..).unwrap_or_default();
        let read = tokio::time::timeout(SILENCE, self.stream.read(room)).await;
        let read = match read {
            Ok(Ok(read)) => read,
            Ok(Err(error)) => return Err(self.end.unreachable(error.to_string())),
            Err(_) => return Err(self.end.unreachable("it says nothing".into())),
        };
        self.buffer.truncate(before + read);
        if read == 0 { Err(self.broken()) } else { Ok(()) }
    }

    async fn ask(&mut self, words: &[&[u8]]) -> Result<()> {
        let mut text = format!("*{}\r\n", words.len()).into_bytes();
        for word in words {
            text.extend(format!("${}\r\n", word.len()).into_bytes());
            text.extend_from_slice(word);
            text.extend_from_slice(b"\r\n");
        }
        self.stream.write_all(&text).await.map_err(|error| self.end.unreachable(error.to_string()))
    }

    async fn agreed(&mut self) -> Result<(), Denied> {
        let line = self.line().await?;
        if line == "+OK" { Ok(()) } else { Err(Denied::Refused(line)) }
    }

    /// The next line that is not empty: empty ones are signs of life.
    async fn line(&mut self) -> Result<String> {
        loop {
            let rest = self.buffer.get(self.at..).unwrap_or_default();
            let Some(end) = rest.iter().position(|byte| *byte == b'\n') else {
                self.read(CHUNK).await?;
                continue;
            };
            let line = String::from_utf8_lossy(rest.get(..end).unwrap_or_default()).trim().to_owned();
            self.at += end + 1;
            if !line.is_empty() {
                return Ok(line);
            }
        }
    }
}
