//! One open file: how far it is read, and whether it has ended.

use std::fs::File;
use std::io;
use std::os::unix::fs::{FileExt, MetadataExt};
use std::time::{Duration, Instant};

use super::print;
use crate::plan::cut::Parts;
use crate::plan::journal::Place;
use crate::plan::rotation::Look;

/// Whoever writes may do so for a while after the file has lost its name.
const LINGER: Duration = Duration::from_secs(10);

pub struct Following {
    pub place: Place,
    /// None: nothing of it is left but what was read.
    pub file: Option<File>,
    pub read: u64,
    pub parts: Parts,
    /// So many pieces of what begins at `read` are taken.
    pub within: u32,
    /// It has lost its name: once it is read to its end, it is done.
    pub retired: bool,
    /// Nothing is ever added to it.
    pub fixed: bool,
    changed: Instant,
    /// Since when it has no name at all.
    pub nameless: Option<Instant>,
    /// How many first bytes it is known by in the journal, and whether as one without its name.
    pub noted: (u32, bool),
}

impl Following {
    pub fn begin(place: Place, file: Option<File>, now: Instant) -> Self {
        Self {
            read: place.offset,
            parts: place.parts,
            within: place.within,
            place,
            file,
            retired: false,
            fixed: false,
            changed: now,
            nameless: None,
            noted: (0, false),
        }
    }

    /// Looks at the open file, whatever its name is by now.
    pub fn look(&mut self, now: Instant) -> io::Result<Option<Look>> {
        let Some(file) = &self.file else { return Ok(None) };
        let metadata = file.metadata()?;
        let look = print::look(&metadata);
        if metadata.nlink() > 0 || self.fixed {
            self.nameless = None;
        } else if self.nameless.is_none() {
            self.nameless = Some(now);
        }
        if look.size != self.place.size {
            self.changed = now;
        }
        Ok(Some(look))
    }

    /// Takes over what was seen of the same, untruncated file.
    pub fn grow(&mut self, look: &Look) -> io::Result<()> {
        const HEAD: u32 = 1024;
        self.place.size = look.size;
        if !self.fixed {
            self.place.modified = look.modified;
        }
        if let Some(file) = &self.file
            && self.place.head.length < HEAD
            && look.size > u64::from(self.place.head.length)
        {
            self.place.head = print::head(file, look.size)?;
        }
        Ok(())
    }

    /// Whether the journal has to hear how it looks: it is known by more of its bytes, or has lost its name.
    pub fn is_news(&mut self) -> bool {
        let now = (self.place.head.length, self.retired);
        std::mem::replace(&mut self.noted, now) != now
    }

    /// Nothing is going to be added.
    pub fn ended(&self, now: Instant) -> bool {
        self.fixed || (self.retired && now.duration_since(self.changed) >= LINGER)
    }

    /// Nothing of it is left to be read.
    pub fn is_read(&self) -> bool {
        self.file.is_none() || (self.read >= self.place.size && self.within == 0)
    }

    /// Fills `bytes` from `read` on, as far as there is anything.
    pub fn chunk(&self, bytes: &mut [u8]) -> io::Result<usize> {
        let Some(file) = &self.file else { return Ok(0) };
        let mut filled = 0;
        while filled < bytes.len() {
            match file.read_at(&mut bytes[filled..], self.read + filled as u64) {
                Ok(0) => break,
                Ok(count) => filled += count,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        Ok(filled)
    }

    pub fn unread(&self) -> u64 {
        if self.file.is_none() { 0 } else { self.place.size.saturating_sub(self.read) }
    }
}
