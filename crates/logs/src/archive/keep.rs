//! Holds the newest lines found so far, and gives them away, newest first, once none can come before them.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::hash::{DefaultHasher, Hash, Hasher};

use jiff::Timestamp;

use super::Found;

/// The newest lines. Those of one moment stay together, so that a search can go on at a moment.
pub struct Keep {
    limit: usize,
    /// Of lines, in memory.
    room: usize,
    kept: BTreeMap<Timestamp, Vec<Found>>,
    count: usize,
    bytes: usize,
    told: usize,
    /// The time of the line that was told last.
    last: Option<Timestamp>,
    known: HashMap<u64, Seen>,
    /// Where they lie.
    places: HashSet<u64>,
    /// Something older was let go of.
    pub more: bool,
    /// There was no room for as many as were wanted, or for all of one moment.
    pub cut: bool,
    pub duplicates: u64,
    pub out_of_order: u64,
}

/// How often a line was met: as itself, and as one that may have been sent before.
#[derive(Clone, Copy, Debug, Default)]
struct Seen {
    originals: u32,
    resent: u32,
}

impl Keep {
    pub fn new(limit: usize, room: usize) -> Self {
        Self {
            limit,
            room,
            kept: BTreeMap::new(),
            count: 0,
            bytes: 0,
            told: 0,
            last: None,
            known: HashMap::new(),
            places: HashSet::new(),
            more: false,
            cut: false,
            duplicates: 0,
            out_of_order: 0,
        }
    }

    pub fn push(&mut self, found: Found) {
        if self.floor().is_some_and(|floor| found.line.time < floor) {
            self.more = true;
            return;
        }
        if !self.is_new(&found) {
            return;
        }
        self.count += 1;
        self.bytes += found.line.weight();
        self.kept.entry(found.line.time).or_default().push(found);
        self.shrink();
    }

    /// What is older than this is not wanted any more.
    pub fn floor(&self) -> Option<Timestamp> {
        let full = self.told + self.count >= self.limit;
        full.then(|| self.kept.keys().next().copied().or(self.last)).flatten()
    }

    pub fn is_done(&self) -> bool {
        self.told >= self.limit
    }

    pub fn told(&self) -> usize {
        self.told
    }

    pub fn found(&self) -> usize {
        self.told + self.count
    }

    /// The moment of the oldest line that was told.
    pub fn last(&self) -> Option<Timestamp> {
        self.last
    }

    /// The lines before which no other can come any more, given that none newer than `bound` is to be expected.
    pub fn ready(&mut self, bound: Option<Timestamp>) -> Vec<Found> {
        let mut ready = vec![];
        while !self.is_done()
            && let Some(newest) = self.kept.last_entry()
            && bound.is_none_or(|bound| *newest.key() > bound)
        {
            let (time, mut group) = newest.remove_entry();
            group.sort_by(|one, other| other.place.cmp(&one.place));
            if self.last.is_some_and(|last| time > last) {
                self.out_of_order += group.len() as u64;
            } else {
                self.last = Some(time);
            }
            self.count -= group.len();
            self.bytes -= group.iter().map(|found| found.line.weight()).sum::<usize>();
            self.told += group.len();
            ready.append(&mut group);
        }
        ready
    }

    /// Lets go of the oldest as long as enough remain.
    fn shrink(&mut self) {
        while let Some(mut oldest) = self.kept.first_entry() {
            let size = oldest.get().len();
            let enough = self.told + self.count - size >= self.limit;
            let too_much = self.bytes > self.room;
            if !enough && !too_much {
                return;
            }
            if !enough && self.count == size {
                // All are of one moment, and the last of them finds no room.
                if size > 1
                    && let Some(last) = oldest.get_mut().pop()
                {
                    self.count -= 1;
                    self.bytes -= last.line.weight();
                    self.known.remove(&identity(&last));
                    self.places.remove(&hash(&last.place));
                    self.cut = true;
                }
                return;
            }
            if !enough {
                self.cut = true;
                // What was let go of leaves a gap: nothing beyond it is told.
                self.limit = self.told + self.count - size;
            }
            for found in oldest.remove() {
                self.known.remove(&identity(&found));
                self.places.remove(&hash(&found.place));
                self.count -= 1;
                self.bytes -= found.line.weight();
            }
            self.more = true;
        }
    }

    fn is_new(&mut self, found: &Found) -> bool {
        // Read a second time, after the first was cut off.
        let place = hash(&found.place);
        if self.places.contains(&place) {
            return false;
        }
        let seen = self.known.entry(identity(found)).or_default();
        let before = seen.originals.max(seen.resent);
        if found.resent {
            seen.resent += 1;
        } else {
            seen.originals += 1;
        }
        let new = if found.exact { before == 0 } else { seen.originals.max(seen.resent) > before };
        self.duplicates += u64::from(!new);
        // Of an exact line that was met before there may be any number, and each is as well known as the first.
        if new || !found.exact {
            self.places.insert(place);
        }
        new
    }
}

/// Of an exact line its source, time and text say which it is; of another only that it may be the same.
fn identity(found: &Found) -> u64 {
    let line = &found.line;
    hash(&(line.time, &line.component, &line.pod, &line.container, &line.file, &line.text, found.exact))
}

fn hash(value: &impl Hash) -> u64 {
    let mut hasher = DefaultHasher::new();
    value.hash(&mut hasher);
    hasher.finish()
}

#[cfg(test)]
mod tests {
    use super::super::Place;
    use super::*;
    use crate::{Line, Origin};

    fn found(second: i64, text: &str, offset: u64) -> Found {
        let line = Line {
            time: Timestamp::from_second(second).unwrap(),
            project: "shop".into(),
            environment: "qa".into(),
            component: "web".into(),
            pod: String::new(),
            container: String::new(),
            file: None,
            text: text.into(),
            origin: Origin::Archive,
        };
        Found { line, exact: false, resent: false, place: Place { object: "a".into(), offset } }
    }

    fn texts(found: &[Found]) -> String {
        found.iter().map(|found| found.line.text.as_str()).collect::<Vec<_>>().join(" ")
    }

    fn at(second: i64) -> Option<Timestamp> {
        Some(Timestamp::from_second(second).unwrap())
    }

    #[test]
    fn a_line_is_told_once_no_newer_one_can_come() {
        let mut keep = Keep::new(10, usize::MAX);
        for (second, text, offset) in [(3, "c", 3), (1, "a", 1), (5, "e", 5), (5, "f", 6)] {
            keep.push(found(second, text, offset));
        }
        assert_eq!(texts(&keep.ready(at(5))), "");
        assert_eq!(texts(&keep.ready(at(3))), "f e");
        keep.push(found(2, "b", 2));
        assert_eq!(texts(&keep.ready(None)), "c b a");
        assert_eq!((keep.told(), keep.more, keep.out_of_order), (5, false, 0));
    }

    #[test]
    fn only_the_newest_are_kept_and_a_moment_is_never_told_in_part() {
        let mut keep = Keep::new(2, usize::MAX);
        for (second, text, offset) in [(1, "a", 1), (2, "b", 2), (3, "c", 3), (3, "d", 4), (3, "e", 5)] {
            keep.push(found(second, text, offset));
        }
        assert_eq!(keep.floor(), at(3));
        assert_eq!(texts(&keep.ready(None)), "e d c");
        assert!(keep.is_done() && keep.more && keep.last() == at(3));
    }

    #[test]
    fn a_line_that_was_shipped_twice_is_told_once() {
        let mut keep = Keep::new(10, usize::MAX);
        let exact = |offset| Found { exact: true, ..found(1, "exact", offset) };
        let resent = |offset| Found { resent: true, ..found(2, "again", offset) };
        keep.push(exact(1));
        keep.push(exact(2));
        // Which comes first, the line or its repetition, is chance.
        keep.push(resent(3));
        keep.push(found(2, "again", 4));
        // Two equal lines of one second, neither of them a repetition.
        keep.push(found(3, "twin", 5));
        keep.push(found(3, "twin", 6));
        // Read again after the reading was cut off.
        keep.push(found(3, "twin", 6));
        assert_eq!(texts(&keep.ready(None)), "twin twin again exact");
        assert_eq!(keep.duplicates, 2);
    }

    #[test]
    fn a_line_that_comes_too_late_is_told_and_counted() {
        let mut keep = Keep::new(10, usize::MAX);
        keep.push(found(3, "c", 1));
        keep.ready(at(2));
        keep.push(found(9, "z", 2));
        assert_eq!(texts(&keep.ready(at(2))), "z");
        assert_eq!((keep.out_of_order, keep.last()), (1, at(3)));
    }

    #[test]
    fn no_more_is_kept_than_there_is_room_for() {
        let line = |second, offset| found(second, &"x".repeat(1000), offset);
        let room = 3 * line(1, 0).line.weight();
        let mut keep = Keep::new(100, room);
        for second in 1..=10 {
            keep.push(line(second, second.unsigned_abs()));
            assert!(keep.bytes <= room);
        }
        assert_eq!((keep.ready(None).len(), keep.last()), (3, at(8)));
        assert!(keep.is_done() && keep.cut && keep.more);

        let mut moment = Keep::new(100, room);
        for offset in 1..=10 {
            moment.push(line(1, offset));
            assert!(moment.bytes <= room);
        }
        assert_eq!((moment.ready(None).len(), moment.cut), (3, true));
    }

    #[test]
    fn a_line_that_was_shipped_any_number_of_times_takes_no_more_room() {
        let mut keep = Keep::new(10, usize::MAX);
        for offset in 0..1000 {
            keep.push(Found { exact: true, ..found(1, "exact", offset) });
        }
        assert_eq!((keep.places.len(), keep.known.len(), keep.duplicates), (1, 1, 999));
    }
}
