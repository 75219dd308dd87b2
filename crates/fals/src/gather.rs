//! Everything that is followed, and how far it is shipped. Knows no network and no clock of its own, so that whoever
//! drives it may stop it anywhere.

use std::collections::BTreeMap;
use std::io;
use std::path::Path;
use std::time::Instant;

use crate::Error;
use crate::journal::Journal;
use crate::metrics::Metrics;
use crate::parcel::Parcel;
use crate::plan::batch::Limits;
use crate::plan::journal::{Entry, Place};
use crate::tail::print;
use crate::tail::source::{Source, Wanted};
use crate::tail::spool::Spool;

/// What all sources share.
pub struct Shelf {
    pub journal: Journal,
    pub spool: Spool,
    pub metrics: Metrics,
    pub limits: Limits,
    /// What is to be written into the journal with the next change.
    pub changed: Vec<Entry>,
    pub bytes: Vec<u8>,
    pub object: Vec<u8>,
    /// Nothing is added to any file any more.
    pub closing: bool,
    full_told: bool,
}

impl Shelf {
    pub fn spool_is_full(&mut self) {
        if !self.full_told {
            tracing::warn!(
                "The spool is full: files that are deleted before they are shipped are kept only as long as this \
                 process lives; allow more with --spool"
            );
            self.full_told = true;
        }
    }
}

pub struct Gatherer {
    sources: BTreeMap<String, Source>,
    /// Whose lines were the last to fit.
    served: String,
    shelf: Shelf,
}

impl Gatherer {
    /// `spool`: how many bytes of deleted files may be kept.
    pub fn open(state: &Path, spool: u64, limits: Limits, metrics: Metrics) -> Result<Self, Error> {
        let journal = Journal::open(state)?;
        let copied = journal.places().values().filter(|place| place.copied && !place.done);
        let live = copied.map(|place| (place.id, place.offset)).collect();
        let failed = |source| Error::State { folder: state.to_owned(), source };
        let spool = Spool::open(state, spool, &live).map_err(failed)?;
        let shelf = Shelf {
            journal,
            spool,
            metrics,
            limits,
            changed: Vec::new(),
            bytes: Vec::new(),
            object: Vec::new(),
            closing: false,
            full_told: false,
        };
        Ok(Self { sources: BTreeMap::new(), served: String::new(), shelf })
    }

    /// Follows these and nothing else from now on.
    pub fn follow(&mut self, wanted: Vec<Wanted>) {
        let mut before = std::mem::take(&mut self.sources);
        for wanted in wanted {
            let mut source = before.remove(&wanted.key).unwrap_or_else(|| Source::new(wanted.clone()));
            source.wanted = wanted;
            self.sources.insert(source.wanted.key.clone(), source);
        }
        for key in before.keys() {
            tracing::info!("No longer following {key}");
        }
    }

    /// What is not shipped yet, by source.
    pub fn open_places(&self) -> impl Iterator<Item = &Place> {
        self.shelf.journal.places().values().filter(|place| !place.done)
    }

    /// Forgets files that are shipped to their end and can't come again.
    pub fn sweep(&mut self, gone: impl Fn(&Place) -> bool) {
        let done = self.shelf.journal.places().values().filter(|place| place.done && gone(place));
        self.shelf.changed.extend(done.map(|place| Entry::Forget(place.id)));
    }

    /// Whoever wrote the files has ended: what has no line end yet never gets one.
    pub fn close(&mut self) {
        self.shelf.closing = true;
    }

    /// Looks at all files.
    pub fn look(&mut self, now: Instant) {
        for source in self.sources.values_mut() {
            source.look(&mut self.shelf, now);
            source.tidy(&mut self.shelf, now);
        }
        let changed = std::mem::take(&mut self.shelf.changed);
        if let Err(error) = self.shelf.journal.write(changed) {
            tracing::error!("Failed to write the journal: {error}");
        }
        let files = self.sources.values().flat_map(|source| &source.files);
        let (count, behind) = files.fold((0, 0), |(count, behind), file| (count + 1, behind + file.unread()));
        let metrics = &self.shelf.metrics;
        metrics.files.set(count);
        metrics.behind.set(i64::try_from(behind).unwrap_or(i64::MAX));
        metrics.spool.set(i64::try_from(self.shelf.spool.bytes()).unwrap_or(i64::MAX));
    }

    /// Puts lines into the parcel until it is full or there are no more. `at`: the time they carry.
    pub fn fill(&mut self, parcel: &mut Parcel, now: Instant, at: i64) {
        let mut more = true;
        while more && !parcel.full {
            more = false;
            // Whoever came last the time before comes first, or else a few could fill every parcel.
            let keys: Vec<String> = self.sources.keys().cloned().collect();
            let begin = keys.iter().position(|key| *key > self.served).unwrap_or_default();
            for key in keys[begin..].iter().chain(&keys[..begin]) {
                let Some(source) = self.sources.get_mut(key) else { continue };
                more |= source.fill(parcel, &mut self.shelf, now, at);
                if parcel.full {
                    self.served.clone_from(key);
                    break;
                }
            }
        }
        // One long line made it large.
        self.shelf.bytes.shrink_to(256 * 1024);
    }

    /// Writes down that a parcel is about to be sent. Unless this has succeeded, it must not be.
    pub fn intend(&mut self, parcel: &Parcel) -> io::Result<()> {
        let mut entries = std::mem::take(&mut self.shelf.changed);
        for file in self.sources.values_mut().flat_map(|source| &mut source.files) {
            let Some(reach) = parcel.reach.get(&file.place.id) else { continue };
            let place = &mut file.place;
            // What is taken of the unit that begins there may have been sent as well.
            let end = reach.read + u64::from(reach.within > 0);
            if end > place.sent {
                place.sent = end;
                place.at = reach.at;
            }
            entries.push(Entry::place(place.clone()));
        }
        self.shelf.journal.write(entries)
    }

    /// A parcel has arrived. Written down with the next intention, or by [`Self::settle`].
    pub fn accepted(&mut self, parcel: &Parcel) {
        let mut open = parcel.reach.clone();
        for file in self.sources.values_mut().flat_map(|source| &mut source.files) {
            let Some(reach) = open.remove(&file.place.id) else { continue };
            let place = &mut file.place;
            let replayed = place.sent > reach.read + u64::from(reach.within > 0);
            (place.offset, place.parts, place.within) = (reach.read, reach.parts, reach.within);
            if !replayed {
                place.sent = reach.read;
            }
            // Without it the file is known again by its first bytes alone.
            place.tail =
                file.file.as_ref().and_then(|file| print::tail(file, reach.read).ok()).unwrap_or_default();
            self.shelf.changed.push(Entry::place(place.clone()));
        }
        // No longer followed, and followed again one day perhaps.
        for (id, reach) in open {
            if let Some(place) = self.shelf.journal.places().get(&id).cloned() {
                let (offset, parts, within) = (reach.read, reach.parts, reach.within);
                let sent = place.sent.max(offset);
                let tail = crate::plan::journal::Print::default();
                let place = Place { offset, parts, within, sent, tail, ..place };
                self.shelf.changed.push(Entry::place(place));
            }
        }
    }

    /// Writes down what has arrived.
    pub fn settle(&mut self) -> io::Result<()> {
        let changed = std::mem::take(&mut self.shelf.changed);
        self.shelf.journal.write(changed)
    }
}
