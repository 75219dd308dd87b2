//! Copies of a log that a rotation makes before it empties the log: until that is done, all in them is in the log itself.

use std::fs::File;
use std::io;
use std::os::unix::fs::{FileExt, MetadataExt};

use super::beside::Beside;
use super::following::Following;
use crate::plan::rotation::Look;

const CHUNK: usize = 64 * 1024;

/// What a file beside a log is to those that are open.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Kind {
    /// It has something of its own.
    Other,
    /// A copy, so far, of the file that has the name.
    OfNamed,
    /// A copy of one that had the name.
    OfRetired,
    /// The log was emptied while they were compared.
    Unclear,
}

/// Those that were recognised, so that they are not compared again and again.
#[derive(Default)]
pub struct Copies(Vec<Look>);

impl Copies {
    /// `named`: whoever has the name, and how long it was; it need not be followed yet.
    pub fn kind(
        &mut self,
        beside: &Beside,
        named: Option<(&File, u64)>,
        open: &[Following],
    ) -> io::Result<Kind> {
        if beside.is_compressed() {
            return Ok(Kind::Other);
        }
        if self.0.contains(&beside.look) {
            return Ok(Kind::OfNamed);
        }
        let copy = File::open(&beside.path)?;
        if let Some((named, was)) = named {
            if begins_with(named, &copy, beside.look.size)? {
                self.0.push(beside.look.clone());
                return Ok(Kind::OfNamed);
            }
            if named.metadata()?.size() < was {
                return Ok(Kind::Unclear);
            }
        }
        for file in open.iter().filter(|file| !file.fixed && beside.look.size > 0) {
            if let Some(original) = &file.file
                && begins_with(original, &copy, beside.look.size)?
            {
                return Ok(Kind::OfRetired);
            }
        }
        Ok(Kind::Other)
    }

    /// The file that has the name is another, or begins anew.
    pub fn forget(&mut self) {
        self.0.clear();
    }
}

fn begins_with(original: &File, copy: &File, size: u64) -> io::Result<bool> {
    let (mut ours, mut theirs) = (vec![0; CHUNK], vec![0; CHUNK]);
    let mut at = 0;
    while at < size {
        let length = usize::try_from(size - at).unwrap_or(CHUNK).min(CHUNK);
        for (file, bytes) in [(original, &mut ours), (copy, &mut theirs)] {
            match file.read_exact_at(&mut bytes[..length], at) {
                Ok(()) => {}
                Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => return Ok(false),
                Err(error) => return Err(error),
            }
        }
        if ours[..length] != theirs[..length] {
            return Ok(false);
        }
        at += length as u64;
    }
    Ok(true)
}
