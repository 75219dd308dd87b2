//! One log by its name: the file that has the name now, and those that had it before and are not shipped yet.

use std::fs::{self, File};
use std::io;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use super::beside::{Beside, find_rest, rotated};
use super::copies::{Copies, Kind};
use super::following::Following;
use super::print;
use super::reading::read;
use crate::gather::Shelf;
use crate::parcel::Parcel;
use crate::plan::cut::Format;
use crate::plan::journal::{Entry, Place};
use crate::plan::rotation::{Change, change};
use crate::record::Origin;
use crate::shape::Shape;

/// A file without a name is copied if it is not shipped by then.
const COPY_AFTER: Duration = Duration::from_secs(1);
/// So many files of one log are open. The others wait on disk, where rotations have left them.
const OPEN: usize = 16;
/// So many files that are done are remembered, lest they be taken for new ones.
const REMEMBERED: usize = 16;

/// What is to be followed.
#[derive(Clone, Debug)]
pub struct Wanted {
    /// The same after a restart.
    pub key: String,
    pub path: PathBuf,
    pub format: Format,
    pub shape: Shape,
    /// Remembered with its files, where nobody else could tell later.
    pub origin: Option<Origin>,
}

pub struct Source {
    pub wanted: Wanted,
    /// The oldest first. The last one has the name, unless it is retired.
    pub files: Vec<Following>,
    resumed: bool,
    /// Files newer than this may have had the name since, and are still to be looked for.
    pub missed: Option<i64>,
    /// Of those, all but copies of the file that has the name are found.
    only_copies: bool,
    copies: Copies,
    /// What was last told about it, so that it is told once.
    told: Option<String>,
}

impl Source {
    pub fn new(wanted: Wanted) -> Self {
        Self {
            wanted,
            files: Vec::new(),
            resumed: false,
            missed: None,
            only_copies: false,
            copies: Copies::default(),
            told: None,
        }
    }

    /// Looks at everything of it that is there.
    pub fn look(&mut self, shelf: &mut Shelf, now: Instant) {
        if let Err(error) = self.try_look(shelf, now) {
            self.tell(format!("{error}; it is tried again"));
        } else if let Some(earlier) = self.told.take() {
            tracing::info!("{}: well again, after: {earlier}", self.wanted.path.display());
        }
        let news = self.files.iter_mut().filter_map(|file| file.is_news().then(|| file.place.clone()));
        shelf.changed.extend(news.map(Entry::place));
    }

    fn tell(&mut self, problem: String) {
        if self.told.as_ref() != Some(&problem) {
            tracing::warn!("{}: {problem}", self.wanted.path.display());
            self.told = Some(problem);
        }
    }

    fn try_look(&mut self, shelf: &mut Shelf, now: Instant) -> io::Result<()> {
        for file in self.files.iter_mut().filter(|file| file.retired) {
            if let Some(look) = file.look(now)? {
                file.grow(&look)?;
            }
        }
        self.copy_nameless(shelf, now);
        let named = match fs::metadata(&self.wanted.path) {
            Ok(metadata) if !metadata.is_file() => {
                return Err(io::Error::other("it is not a file"));
            }
            Ok(metadata) => Some(print::look(&metadata)),
            Err(error) if error.kind() == io::ErrorKind::NotFound => None,
            Err(error) => return Err(error),
        };
        if !self.resumed {
            self.resume(shelf, now)?;
            self.resumed = true;
        }
        if let Some(current) = self.files.last_mut().filter(|file| !file.retired) {
            let seen = current.look(now)?.unwrap_or_default();
            let now_named = named.as_ref().unwrap_or(&seen);
            let unchanged = (seen.size, seen.modified) == (current.place.size, current.place.modified);
            let head_holds = unchanged
                || match &current.file {
                    Some(file) => print::begins(file, seen.size, &current.place)?,
                    None => false,
                };
            let is_same = (now_named.device, now_named.inode) == (seen.device, seen.inode);
            let judged = if is_same { &seen } else { now_named };
            match change(&current.place, current.read, judged, head_holds) {
                Change::Same => {
                    let (was_empty, before) = (current.place.size == 0, current.place.modified);
                    current.grow(&seen)?;
                    // Deleted, and nothing has taken its name.
                    current.retired = named.is_none() && current.nameless.is_some();
                    // Of an empty file nothing says whether it was filled, copied and emptied meanwhile.
                    if was_empty && !unchanged {
                        self.missed.get_or_insert(before);
                    }
                }
                Change::Truncated => self.truncated(shelf, now)?,
                Change::Replaced => {
                    current.grow(&seen)?;
                    current.retired = true;
                    let modified = current.place.modified;
                    self.missed_since(modified);
                }
            }
        }
        let current = self.files.pop_if(|file| !file.retired);
        let caught_up = self.catch_up(current.as_ref(), shelf, now);
        let has_current = current.is_some();
        self.files.extend(current);
        let caught_up = caught_up?;
        if caught_up == CaughtUp::Later {
            return Ok(());
        }
        if !has_current {
            if named.is_none() || self.files.len() >= OPEN {
                // Whatever has the name by the time there is room: until then it may lose it again.
                return Ok(());
            }
            let path = self.wanted.path.clone();
            let begun = self.begin(path, shelf, now)?;
            self.files.push(begun);
        }
        self.only_copies = caught_up == CaughtUp::Copying;
        if !self.only_copies {
            self.missed = None;
        }
        Ok(())
    }

    /// The file that had the name until then has lost it, or was emptied. What its copies have is found with it.
    fn missed_since(&mut self, modified: i64) {
        self.copies.forget();
        if std::mem::take(&mut self.only_copies) {
            self.missed = None;
        }
        self.missed.get_or_insert(modified);
    }

    /// Follows a file from its beginning.
    fn begin(&self, path: PathBuf, shelf: &mut Shelf, now: Instant) -> io::Result<Following> {
        let file = File::open(&path)?;
        let metadata = file.metadata()?;
        let look = print::look(&metadata);
        // Of a file that was rotated long ago nobody has to wait for the end.
        let age = metadata.modified().ok().and_then(|modified| modified.elapsed().ok()).unwrap_or_default();
        let place = Place {
            id: shelf.journal.number(),
            source: self.wanted.key.clone(),
            path,
            device: look.device,
            inode: look.inode,
            origin: self.wanted.origin.clone(),
            ..Place::default()
        };
        let mut begun = Following::begin(place, Some(file), now.checked_sub(age).unwrap_or(now));
        begun.grow(&look)?;
        shelf.changed.push(Entry::place(begun.place.clone()));
        Ok(begun)
    }

    /// The file begins anew. What of it was not read yet may lie in a copy.
    fn truncated(&mut self, shelf: &mut Shelf, now: Instant) -> io::Result<()> {
        let rest = match self.files.last() {
            Some(old) => find_rest(&old.place, &self.wanted.path)?,
            None => None,
        };
        let Some(mut old) = self.files.pop() else { return Ok(()) };
        old.retired = true;
        let newest = rest.as_ref().map_or(old.place.modified, |rest| rest.look.modified);
        self.missed_since(newest);
        match rest {
            Some(rest) => {
                if let Err(error) = take_rest(&mut old, &rest, shelf, now) {
                    // Seen as it was, it is found out once more.
                    old.retired = false;
                    self.files.push(old);
                    return Err(error);
                }
            }
            None => {
                let unread = old.place.size.saturating_sub(old.read);
                if unread > 0 {
                    shelf.metrics.lost_bytes.inc_by(unread);
                    tracing::error!(
                        "{}: truncated before {unread} bytes were read, and there is no copy of it",
                        self.wanted.path.display()
                    );
                }
                old.place.size = old.read;
                old.file = None;
            }
        }
        shelf.changed.push(Entry::place(old.place.clone()));
        self.files.push(old);
        Ok(())
    }

    /// Follows files that had the name and lost it again between two looks, the oldest first, and as many as may be
    /// open. Whatever fails, they are looked for again.
    fn catch_up(
        &mut self,
        current: Option<&Following>,
        shelf: &mut Shelf,
        now: Instant,
    ) -> io::Result<CaughtUp> {
        let Some(mut newer_than) = self.missed else { return Ok(CaughtUp::Yes) };
        let unfollowed = match current {
            Some(_) => None,
            None => File::open(&self.wanted.path).ok(),
        };
        let named = current.map_or(unfollowed.as_ref(), |current| current.file.as_ref());
        let size = current.map_or(0, |current| current.place.size);
        let mut caught_up = CaughtUp::Yes;
        let known: Vec<Place> = shelf.journal.places_of(&self.wanted.key).cloned().collect();
        for beside in rotated(&self.wanted.path) {
            // A copy's original is not: its number may be another's by now.
            let open = self.files.iter().filter(|file| file.file.is_some() && !file.fixed);
            let is_open = open.map(|file| &file.place).any(|place| is_numbered(&beside, place));
            if beside.look.modified <= newer_than || is_open || is_one_of(&beside, &known) {
                continue;
            }
            match self.copies.kind(&beside, named.map(|file| (file, size)), &self.files)? {
                Kind::Other => {}
                Kind::OfNamed => {
                    caught_up = CaughtUp::Copying;
                    continue;
                }
                Kind::OfRetired => continue,
                Kind::Unclear => return Ok(CaughtUp::Later),
            }
            if self.files.len() >= OPEN {
                return Ok(CaughtUp::Later);
            }
            let mut begun = self.begin(beside.path.clone(), shelf, now)?;
            begun.retired = true;
            if beside.is_compressed() {
                take_rest(&mut begun, &beside, shelf, now)?;
            }
            shelf.changed.push(Entry::place(begun.place.clone()));
            self.files.push(begun);
            newer_than = beside.look.modified;
            self.missed = Some(newer_than);
        }
        Ok(caught_up)
    }

    fn copy_nameless(&mut self, shelf: &mut Shelf, now: Instant) {
        for file in &mut self.files {
            let due = file.nameless.is_some_and(|since| now.duration_since(since) >= COPY_AFTER);
            if !due || file.place.offset >= file.place.size {
                continue;
            }
            let Some(open) = &file.file else { continue };
            match shelf.spool.keep(file.place.id, open, file.place.offset) {
                Ok(true) if file.place.copied => {}
                Ok(true) => {
                    file.place.copied = true;
                    shelf.changed.push(Entry::place(file.place.clone()));
                }
                Ok(false) => shelf.spool_is_full(),
                Err(error) => tracing::warn!("{}: not copied: {error}", file.place.path.display()),
            }
        }
    }

    /// Puts lines into a parcel. True: there may be more.
    pub fn fill(&mut self, parcel: &mut Parcel, shelf: &mut Shelf, now: Instant, at: i64) -> bool {
        let mut more = false;
        for index in 0..self.files.len() {
            let ended = shelf.closing || self.files[index].ended(now);
            match read(&mut self.files[index], &self.wanted, ended, parcel, shelf, now, at) {
                Ok(any) => more |= any,
                Err(error) => {
                    let problem = format!("failed to read it: {error}; it is tried again");
                    self.tell(problem);
                    return false;
                }
            }
            if parcel.full || !self.files[index].is_read() {
                break;
            }
        }
        more
    }

    /// Lets go of what is shipped to its end.
    pub fn tidy(&mut self, shelf: &mut Shelf, now: Instant) {
        let is_done = |file: &Following| {
            file.retired
                && file.is_read()
                && file.place.offset == file.read
                && file.place.within == 0
                && (file.file.is_none() || file.ended(now))
        };
        for file in self.files.extract_if(.., |file| is_done(file)) {
            shelf.spool.forget(file.place.id);
            let place = Place { done: true, copied: false, ..file.place };
            let is_empty = place.head.length == 0;
            shelf.changed.push(if is_empty { Entry::Forget(place.id) } else { Entry::place(place) });
        }
        let done = shelf.journal.places_of(&self.wanted.key).filter(|place| place.done);
        let done: Vec<u64> = done.map(|place| place.id).collect();
        for id in done.iter().take(done.len().saturating_sub(REMEMBERED)) {
            shelf.changed.push(Entry::Forget(*id));
        }
    }
}

/// Whether everything is followed that lost the name between two looks.
#[derive(Clone, Copy, Eq, PartialEq)]
enum CaughtUp {
    Yes,
    /// But for a copy of the file that has the name: once that is emptied, the copy is all there is.
    Copying,
    /// There are more.
    Later,
}

/// Goes on with the rest of a file where it lies now.
pub fn take_rest(file: &mut Following, rest: &Beside, shelf: &mut Shelf, now: Instant) -> io::Result<()> {
    if rest.is_compressed() {
        if !shelf.spool.unpack(file.place.id, &rest.path, file.place.offset)? {
            shelf.spool_is_full();
            return Err(io::Error::other(format!("no room in the spool for {}", rest.path.display())));
        }
        file.place.copied = true;
        file.fixed = true;
        file.file = Some(File::open(shelf.spool.path(file.place.id))?);
    } else {
        file.file = Some(File::open(&rest.path)?);
        file.place.device = rest.look.device;
        file.place.inode = rest.look.inode;
    }
    if let Some(look) = file.look(now)? {
        file.grow(&look)?;
    }
    file.place.modified = rest.look.modified;
    Ok(())
}

fn is_numbered(beside: &Beside, place: &Place) -> bool {
    (place.device, place.inode) == (beside.look.device, beside.look.inode)
}

/// A number is given out again once its file is gone, so what the file begins with has to be the same, too.
fn is_one_of(beside: &Beside, places: &[Place]) -> bool {
    places.iter().any(|place| {
        is_numbered(beside, place)
            && place.head.length > 0
            && File::open(&beside.path)
                .and_then(|file| print::begins(&file, beside.look.size, place))
                .unwrap_or_default()
    })
}
