//! After a start: what the journal says was followed, and where it is by now.

use std::fs::File;
use std::io;
use std::time::Instant;

use super::beside::find_rest;
use super::following::Following;
use super::print;
use super::source::{Source, take_rest};
use crate::gather::Shelf;
use crate::plan::journal::{Entry, Place};

impl Source {
    /// Takes up what was left when everything stopped.
    pub fn resume(&mut self, shelf: &mut Shelf, now: Instant) -> io::Result<()> {
        let places: Vec<Place> = shelf.journal.places_of(&self.wanted.key).cloned().collect();
        if places.is_empty() {
            return Ok(());
        }
        // An empty file may be one that was emptied just now, and its copy be older.
        let filled = places.iter().filter(|place| place.head.length > 0);
        let mut newest = filled.map(|place| place.modified).max().unwrap_or(i64::MIN);
        let mut files = Vec::new();
        for place in places.into_iter().filter(|place| !place.done) {
            if place.head.length == 0 {
                // An empty file has nothing by which it is known again, and nothing to lose: by its number alone, which
                // is soon given out again, it would be taken for others.
                shelf.changed.push(Entry::Forget(place.id));
                continue;
            }
            let mut file = Following::begin(place, None, now);
            file.retired = true;
            if file.place.copied {
                file.fixed = true;
                file.file = Some(File::open(shelf.spool.path(file.place.id))?);
            } else if let Some(open) = self.same_as_named(&file.place)? {
                file.file = Some(open);
                file.retired = false;
            } else if let Some(rest) = find_rest(&file.place, &self.wanted.path)? {
                take_rest(&mut file, &rest, shelf, now)?;
            } else {
                let unread = file.place.size.saturating_sub(file.place.offset);
                shelf.metrics.lost_bytes.inc_by(unread);
                let path = file.place.path.display();
                if unread > 0 {
                    tracing::error!(
                        "{path}: gone while nobody followed it; at least {unread} bytes are lost"
                    );
                } else {
                    tracing::warn!("{path}: gone while nobody followed it; what was added last may be lost");
                }
                let done = Place { done: true, ..file.place };
                shelf.changed.push(Entry::place(done));
                continue;
            }
            if let Some(look) = file.look(now)? {
                file.grow(&look)?;
            }
            if file.retired {
                newest = newest.max(file.place.modified);
            }
            files.push(file);
        }
        // Whoever still has the name comes last. It may have been copied and emptied before anything was known of it,
        // so others are looked for even then.
        let (retired, named): (Vec<_>, Vec<_>) = files.into_iter().partition(|file| file.retired);
        self.files = retired;
        self.files.extend(named);
        self.missed = Some(newest);
        Ok(())
    }

    /// The file of our name, if it is the one that was followed.
    fn same_as_named(&self, place: &Place) -> io::Result<Option<File>> {
        let file = match File::open(&self.wanted.path) {
            Ok(file) => file,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(error),
        };
        let look = print::look(&file.metadata()?);
        let same = (look.device, look.inode) == (place.device, place.inode)
            && print::is_of(&file, look.size, place)?;
        Ok(same.then_some(file))
    }
}
