//! What an object is: plain bytes, gzip of one member or many, or a format that is not read.

use std::io::{self, BufReader, Read};

use flate2::bufread::MultiGzDecoder;

/// Bytes with those before them that were looked at already.
type Whole<R> = io::Chain<io::Cursor<Vec<u8>>, R>;

/// An object's bytes, unpacked.
pub enum Unpacked<R: Read> {
    Plain(Whole<R>),
    Gzip(Box<MultiGzDecoder<BufReader<Whole<R>>>>),
    /// By what it begins with.
    Unread,
}

const GZIP: &[u8] = &[0x1f, 0x8b];
/// ZIP, Snappy's frames, Hadoop's Snappy, Parquet, ORC, Zstandard.
const UNREAD: &[&[u8]] =
    &[b"PK\x03\x04", b"\xff\x06\x00\x00sNaPpY", b"SNAPPY", b"PAR1", b"ORC", b"\x28\xb5\x2f\xfd"];
const BEGINNING: usize = 12;
const BUFFER: usize = 128 << 10;

impl<R: Read> Unpacked<R> {
    /// Told by its first bytes: neither a key's ending nor a header is sure to say it.
    pub fn new(mut reader: R) -> io::Result<Self> {
        let mut begin = Vec::with_capacity(BEGINNING);
        reader.by_ref().take(BEGINNING as u64).read_to_end(&mut begin)?;
        let unread = UNREAD.iter().any(|magic| begin.starts_with(magic));
        let gzip = begin.starts_with(GZIP);
        let whole = io::Cursor::new(begin).chain(reader);
        Ok(match (unread, gzip) {
            (true, _) => Self::Unread,
            (_, true) => Self::Gzip(Box::new(MultiGzDecoder::new(BufReader::with_capacity(BUFFER, whole)))),
            _ => Self::Plain(whole),
        })
    }
}

impl<R: Read> Read for Unpacked<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        match self {
            Self::Plain(plain) => plain.read(buffer),
            Self::Gzip(gzip) => gzip.read(buffer),
            Self::Unread => Ok(0),
        }
    }
}
