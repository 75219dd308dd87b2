//! The journal on disk: appended to and synchronised before anything is sent, written anew when it has grown, and held
//! by one process at a time. Knows nothing of files that are followed.

use std::collections::BTreeMap;
use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use nix::errno::Errno;
use nix::fcntl::{Flock, FlockArg};

use crate::Error;
use crate::plan::journal::{Entry, Place, replay};

/// So much is appended before it is written anew.
const GROWN: u64 = 1024 * 1024;

pub struct Journal {
    folder: PathBuf,
    places: BTreeMap<u64, Place>,
    file: File,
    written: u64,
    next: u64,
    /// Given back when it is dropped, or by the system.
    _lock: Flock<File>,
}

impl Journal {
    /// Opens the journal of `folder`, which is made if need be.
    pub fn open(folder: &Path) -> Result<Self, Error> {
        let failed = |source| Error::State { folder: folder.to_owned(), source };
        fs::create_dir_all(folder).map_err(failed)?;
        let lock = File::create(folder.join("lock")).map_err(failed)?;
        let lock = Flock::lock(lock, FlockArg::LockExclusiveNonblock).map_err(|(_, errno)| match errno {
            Errno::EWOULDBLOCK => Error::Locked { folder: folder.to_owned() },
            other => failed(other.into()),
        })?;
        let bytes = match fs::read(folder.join("journal")) {
            Ok(bytes) => bytes,
            Err(error) if error.kind() == io::ErrorKind::NotFound => Vec::new(),
            Err(error) => return Err(failed(error)),
        };
        let replayed = replay(&bytes);
        if replayed.broken > 0 {
            tracing::warn!("{} broken rows of the journal are left out", replayed.broken);
        }
        let places = replayed.places;
        let (file, written) = write_anew(folder, &places).map_err(failed)?;
        let next = places.keys().next_back().map_or(1, |last| last + 1);
        Ok(Self { folder: folder.to_owned(), places, file, written, next, _lock: lock })
    }

    pub fn folder(&self) -> &Path {
        &self.folder
    }

    pub fn places(&self) -> &BTreeMap<u64, Place> {
        &self.places
    }

    /// Those of one source.
    pub fn places_of(&self, source: &str) -> impl Iterator<Item = &Place> {
        self.places.values().filter(move |place| place.source == source)
    }

    /// A number that no file had before.
    pub fn number(&mut self) -> u64 {
        self.next += 1;
        self.next - 1
    }

    /// Once it returns, it is on disk.
    pub fn write(&mut self, entries: Vec<Entry>) -> io::Result<()> {
        if entries.is_empty() {
            return Ok(());
        }
        let rows: String = entries.iter().map(Entry::row).collect();
        let appended = self.file.write_all(rows.as_bytes()).and_then(|()| self.file.sync_data());
        for entry in entries {
            match entry {
                Entry::Place(kept) => drop(self.places.insert(kept.id, *kept)),
                Entry::Forget(id) => drop(self.places.remove(&id)),
            }
        }
        self.written += rows.len() as u64;
        // Half a row would spoil the next one, too.
        if appended.is_err() || self.written > GROWN {
            (self.file, self.written) = write_anew(&self.folder, &self.places)?;
        }
        Ok(())
    }
}

/// The new journal takes the old one's name only when it is whole.
fn write_anew(folder: &Path, places: &BTreeMap<u64, Place>) -> io::Result<(File, u64)> {
    let path = folder.join("journal.new");
    let mut file = File::create(&path)?;
    let rows: String = places.values().map(|place| Entry::place(place.clone()).row()).collect();
    file.write_all(rows.as_bytes())?;
    file.sync_all()?;
    fs::rename(&path, folder.join("journal"))?;
    File::open(folder)?.sync_all()?;
    let file = OpenOptions::new().append(true).open(folder.join("journal"))?;
    Ok((file, 0))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_written_is_there_again_and_one_process_has_it() {
        let folder = tempfile::tempdir().unwrap();
        let mut journal = Journal::open(folder.path()).unwrap();
        let id = journal.number();
        let place = Place { id, offset: 5, ..Place::default() };
        journal.write(vec![Entry::place(place.clone())]).unwrap();
        assert!(matches!(Journal::open(folder.path()), Err(Error::Locked { .. })));
        drop(journal);
        let mut journal = Journal::open(folder.path()).unwrap();
        assert_eq!(journal.places().get(&id), Some(&place));
        assert!(journal.number() > id);
    }

    #[test]
    fn it_does_not_grow_without_bound() {
        let folder = tempfile::tempdir().unwrap();
        let mut journal = Journal::open(folder.path()).unwrap();
        let source = "x".repeat(20_000);
        for offset in 0..120 {
            let place = Place { id: 1, offset, source: source.clone(), ..Place::default() };
            journal.write(vec![Entry::place(place)]).unwrap();
        }
        assert!(fs::metadata(folder.path().join("journal")).unwrap().len() < 2 * GROWN);
        drop(journal);
        assert_eq!(Journal::open(folder.path()).unwrap().places()[&1].offset, 119);
    }
}
