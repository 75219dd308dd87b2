//! By what a file is known again when its name and its identity are others: some of its bytes.

use std::fs::{File, Metadata};
use std::io;
use std::os::unix::fs::{FileExt, MetadataExt};

use sha2::{Digest, Sha256};

use crate::plan::journal::{Place, Print};
use crate::plan::rotation::{Look, holds};

/// So many bytes are looked at.
const LENGTH: u64 = 1024;

/// What the file system says of a file.
pub fn look(metadata: &Metadata) -> Look {
    Look {
        device: metadata.dev(),
        inode: metadata.ino(),
        size: metadata.len(),
        modified: metadata.mtime().saturating_mul(1_000_000_000).saturating_add(metadata.mtime_nsec()),
    }
}

/// Of the first bytes of a file of this size.
pub fn head(file: &File, size: u64) -> io::Result<Print> {
    of(file, 0, size.min(LENGTH))
}

/// Of the bytes just before `offset`.
pub fn tail(file: &File, offset: u64) -> io::Result<Print> {
    let length = offset.min(LENGTH);
    of(file, offset - length, length)
}

/// Whether a file of this size begins as remembered, and has the same before the place.
pub fn is_of(file: &File, size: u64, place: &Place) -> io::Result<bool> {
    Ok(size >= place.offset && begins(file, size, place)? && {
        let found = tail(file, place.offset)?;
        holds(&place.tail, Some(&found))
    })
}

/// Whether it begins as remembered.
pub fn begins(file: &File, size: u64, place: &Place) -> io::Result<bool> {
    let length = u64::from(place.head.length);
    if size < length {
        return Ok(false);
    }
    let found = of(file, 0, length)?;
    Ok(holds(&place.head, Some(&found)))
}

fn of(file: &File, from: u64, length: u64) -> io::Result<Print> {
    let mut bytes = vec![0; usize::try_from(length).unwrap_or_default()];
    match file.read_exact_at(&mut bytes, from) {
        Ok(()) => {}
        // Cut off while it was looked at: unlike everything.
        Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => return Ok(Print::default()),
        Err(error) => return Err(error),
    }
    Ok(of_bytes(&bytes))
}

pub fn of_bytes(bytes: &[u8]) -> Print {
    if bytes.is_empty() {
        return Print::default();
    }
    let hash = Sha256::digest(bytes);
    let hash = hash.iter().take(12).map(|byte| format!("{byte:02x}")).collect();
    Print { length: u32::try_from(bytes.len()).unwrap_or_default(), hash }
}
