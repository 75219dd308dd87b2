//! A file of a backup on its way: packed as it comes, sent in parts, each proved by its checksum, and the whole known by
//! the digest that `sha256sum` tells of it. None of it is kept on a disk.

use std::io::Write;

use bytes::Bytes;
use flate2::Compression;
use flate2::write::GzEncoder;
use sha2::{Digest, Sha256};

use super::shelf::Shelf;
use crate::error::{Error, Result};
use crate::s3::{About, Algorithm, Part, Whole};

/// A store takes 10,000 parts: the first thousand are small, so that little has to be held of most.
const SMALL: usize = 16 << 20;
const LARGE: usize = 64 << 20;
const FEW: usize = 1000;

pub struct Upload<'a> {
    shelf: &'a Shelf,
    key: String,
    upload: String,
    packed: GzEncoder<Vec<u8>>,
    parts: Vec<Part>,
    sum: Sha256,
    bytes: u64,
}

/// What it has become.
pub struct Packed {
    pub bytes: u64,
    pub sha256: String,
}

impl<'a> Upload<'a> {
    /// What an earlier start had begun is of no use: there was another moment.
    pub async fn begin(shelf: &'a Shelf, name: &str) -> Result<Self> {
        let key = shelf.key(name);
        let failed = |answer| shelf.error(answer, &format!("storing {name}"));
        for (old, upload) in shelf.end.uploads(&key).await.map_err(failed)? {
            shelf.end.abort(&old, &upload).await.map_err(failed)?;
        }
        let about = About { content_type: Some("application/gzip".to_owned()), ..About::default() };
        let sum = Some((Algorithm::Crc32c, Whole::No));
        let upload = shelf.end.begin(&key, &about, None, sum).await.map_err(failed)?;
        let packed = GzEncoder::new(vec![], Compression::default());
        Ok(Self { shelf, key, upload, packed, parts: vec![], sum: Sha256::new(), bytes: 0 })
    }

    pub async fn write(&mut self, bytes: &[u8]) -> Result<()> {
        self.packed.write_all(bytes).map_err(|error| Error::Internal(error.to_string()))?;
        let part = if self.parts.len() < FEW { SMALL } else { LARGE };
        if self.packed.get_ref().len() >= part {
            let content = std::mem::take(self.packed.get_mut());
            self.send(content.into()).await?;
        }
        Ok(())
    }

    async fn send(&mut self, content: Bytes) -> Result<()> {
        self.sum.update(&content);
        self.bytes += content.len() as u64;
        let number = i32::try_from(self.parts.len() + 1).unwrap_or(i32::MAX);
        let sum = Some(Algorithm::Crc32c.of(&content));
        let part = self.shelf.end.part(&self.key, &self.upload, number, &content, sum).await;
        self.parts.push(part.map_err(|answer| self.shelf.error(answer, &format!("storing {}", self.key)))?);
        Ok(())
    }

    /// From here on there is an object.
    pub async fn end(mut self) -> Result<Packed> {
        let packed = std::mem::replace(&mut self.packed, GzEncoder::new(vec![], Compression::none()));
        let rest = packed.finish().map_err(|error| Error::Internal(error.to_string()))?;
        self.send(rest.into()).await?;
        let doing = format!("storing {}", self.key);
        let completed = self.shelf.end.complete(&self.key, &self.upload, &self.parts).await;
        if let Err(answer) = completed {
            // Its answer may have got lost: the object tells.
            let there = self.shelf.end.head(&self.key, None).await;
            if there.is_ok_and(|facts| facts.size == self.bytes) {
                return Ok(self.packed());
            }
            return Err(self.shelf.error(answer, &doing));
        }
        Ok(self.packed())
    }

    fn packed(&self) -> Packed {
        let digest = self.sum.clone().finalize();
        Packed { bytes: self.bytes, sha256: digest.iter().map(|byte| format!("{byte:02x}")).collect() }
    }

    /// Nothing of it is to stay.
    pub async fn abandon(self) {
        // What stays all the same is ended by the next start, or with the backup.
        let _ = self.shelf.end.abort(&self.key, &self.upload).await;
    }
}
