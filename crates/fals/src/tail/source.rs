//! One log by its name: the file that has the name now, and those that had it before and are not shipped yet.

use std::fs::{self, File};
use std::io;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use super::beside::{Beside, find_rest, rotated};
use super::copies::{Copies, Kind};
use super::following::Following;
use super::print;
use crate::gather::Shelf;
use crate::parcel::{Parcel, Reach};
use crate::plan::cut::{self, Format};
use crate::plan::journal::{Entry, Place};
use crate::plan::rotation::{Change, change};
use crate::record::Origin;
use crate::shape::Shape;

/// Read in one go from one file, so that no file waits for another.
const CHUNK: usize = 256 * 1024;
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
    missed: Option<i64>,
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
        let known: Vec<Place> = shelf
            .journal
            .places()
            .values()
            .filter(|place| place.source == self.wanted.key)
            .cloned()
            .collect();
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

    /// Takes up what was left when everything stopped.
    fn resume(&mut self, shelf: &mut Shelf, now: Instant) -> io::Result<()> {
        let places: Vec<Place> = shelf
            .journal
            .places()
            .values()
            .filter(|place| place.source == self.wanted.key)
            .cloned()
            .collect();
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
        let done =
            shelf.journal.places().values().filter(|place| place.done && place.source == self.wanted.key);
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
fn take_rest(file: &mut Following, rest: &Beside, shelf: &mut Shelf, now: Instant) -> io::Result<()> {
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

fn read(
    file: &mut Following,
    wanted: &Wanted,
    ended: bool,
    parcel: &mut Parcel,
    shelf: &mut Shelf,
    now: Instant,
    at: i64,
) -> io::Result<bool> {
    let before = parcel.reach.get(&file.place.id).copied();
    if file.unread() == 0 || before.is_some_and(|reach| reach.closed) {
        return Ok(false);
    }
    let room = wanted.shape.room(shelf.limits.record);
    let enough = cut::enough(wanted.format, room);
    let mut wish = CHUNK;
    let filled = loop {
        shelf.bytes.resize(wish.max(shelf.bytes.len()), 0);
        let filled = file.chunk(&mut shelf.bytes[..wish])?;
        let whole = filled < wish || wish >= enough;
        let mut nothing = |_: &cut::Piece<'_>| {};
        let bytes = &shelf.bytes[..filled];
        let mut parts = file.parts;
        if whole || cut::next(wanted.format, bytes, false, room, &mut parts, &mut nothing).is_some() {
            break filled;
        }
        wish = enough;
    };
    // What may have been sent before goes alone, with the time that it had.
    let sent = file.place.sent;
    let is_again = file.read < sent;
    let at = match before {
        Some(reach) => reach.at,
        None if is_again => file.place.at,
        None => at,
    };
    let at_end = ended && file.read + filled as u64 >= file.place.size;
    let (mut used, mut progress) = (0, false);
    while used < filled && !parcel.full && !(is_again && file.read >= sent) {
        let (batch, object, within) = (&mut parcel.batch, &mut shelf.object, file.within);
        let (mut number, mut full, mut taken) = (0, false, within);
        let mut parts = file.parts;
        let mut emit = |piece: &cut::Piece<'_>| {
            if number >= within && !full {
                object.clear();
                wanted.shape.write(piece, at, is_again, object);
                full = !batch.push(object);
                taken += u32::from(!full);
            }
            number += 1;
        };
        let bytes = &shelf.bytes[used..filled];
        let Some(length) = cut::next(wanted.format, bytes, at_end, room, &mut parts, &mut emit) else {
            break;
        };
        progress |= taken > within;
        if is_again {
            parcel.resent += (taken - within) as usize;
        }
        parcel.full = full;
        if full {
            file.within = taken;
        } else {
            used += length;
            file.read += length as u64;
            file.parts = parts;
            file.within = 0;
        }
    }
    if progress {
        parcel.since.get_or_insert(now);
        let closed = is_again && file.read >= sent;
        let reach = Reach { read: file.read, parts: file.parts, within: file.within, at, closed };
        parcel.reach.insert(file.place.id, reach);
    }
    Ok(progress)
}
