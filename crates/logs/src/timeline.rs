//! What is live and what is archived as one stream, newest first: each line once, and a seam where the archive's part
//! begins.

use jiff::Timestamp;

use crate::Line;
use crate::archive::Found;

/// What is told, newest first.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Told {
    Line(Line),
    /// Every line that was shipped, as far as it is older than this, is in what follows.
    Seam(Timestamp),
}

/// Lines that wait for their place.
#[derive(Debug)]
pub struct Timeline {
    /// Oldest first.
    live: Vec<Line>,
    /// Archived lines of one moment.
    group: Vec<Found>,
    seam: Option<Timestamp>,
    limit: usize,
    /// Of lines, in memory: so much is told, and held of one moment.
    room: usize,
    held: usize,
    told: usize,
    bytes: usize,
    /// Not all of one moment found room.
    crowded: bool,
    last: Option<Timestamp>,
    /// From what moment on the archive is complete into the past.
    complete: Option<Timestamp>,
    /// Lines that are both live and archived.
    pub both: u64,
    /// Lines that are live, and ought to be archived by now.
    pub behind: u64,
}

impl Timeline {
    /// `live` in order of time. `complete`: up to when the archive is; none: there is none.
    pub fn new(live: Vec<Line>, complete: Option<Timestamp>, limit: usize) -> Self {
        Self {
            live,
            group: vec![],
            seam: complete,
            limit,
            room: usize::MAX,
            held: 0,
            told: 0,
            bytes: 0,
            crowded: false,
            last: None,
            complete,
            both: 0,
            behind: 0,
        }
    }

    /// The same, of which no more is told than has so much room.
    pub fn within(self, room: usize) -> Self {
        Self { room, ..self }
    }

    /// The next archived line, newest first. Gives what is to be told by now.
    pub fn archived(&mut self, found: Found) -> Vec<Told> {
        let mut told = vec![];
        if self.group.first().is_some_and(|first| first.line.time != found.line.time) {
            self.close(&mut told);
        }
        let weight = found.line.weight();
        if self.group.is_empty() || self.held.saturating_add(weight) <= self.room {
            self.held += weight;
            self.group.push(found);
        } else {
            self.crowded = true;
        }
        told
    }

    /// No archived line comes any more.
    pub fn end(&mut self) -> Vec<Told> {
        let mut told = vec![];
        self.close(&mut told);
        while let Some(line) = self.live.pop() {
            self.tell_live(line, &mut told);
        }
        if let Some(seam) = self.seam.take().filter(|_| !self.is_done()) {
            told.push(Told::Seam(seam));
        }
        told
    }

    /// As many as are wanted, or have room, have been told.
    pub fn is_done(&self) -> bool {
        self.told >= self.limit || self.bytes >= self.room
    }

    /// There was no room for as many as were wanted, or for all of one moment.
    pub fn is_cut(&self) -> bool {
        self.crowded || (self.bytes >= self.room && self.told < self.limit)
    }

    pub fn told(&self) -> usize {
        self.told
    }

    /// The moment of the line told last.
    pub fn last(&self) -> Option<Timestamp> {
        self.last
    }

    /// Tells the archived lines of one moment, after what is live and newer.
    fn close(&mut self, told: &mut Vec<Told>) {
        let group = std::mem::take(&mut self.group);
        self.held = 0;
        let Some(time) = group.first().map(|first| first.line.time) else { return };
        while let Some(line) = self.live.pop_if(|line| line.time > time) {
            self.tell_live(line, told);
        }
        while let Some(line) = self.live.pop_if(|line| line.time == time) {
            if group.iter().any(|found| is_same(found, &line)) {
                self.both += 1;
            } else {
                self.tell_live(line, told);
            }
        }
        for found in group {
            self.tell(found.line, told);
        }
    }

    fn tell_live(&mut self, line: Line, told: &mut Vec<Told>) {
        self.behind += u64::from(self.complete.is_some_and(|complete| line.time <= complete));
        self.tell(line, told);
    }

    fn tell(&mut self, line: Line, told: &mut Vec<Told>) {
        // A moment is told whole.
        if self.is_done() && self.last != Some(line.time) {
            return;
        }
        if let Some(seam) = self.seam.take_if(|seam| line.time <= *seam) {
            told.push(Told::Seam(seam));
        }
        self.told += 1;
        self.bytes += line.weight();
        self.last = Some(line.time);
        told.push(Told::Line(line));
    }
}

/// Nodes end lines otherwise than shippers do.
fn is_same(found: &Found, live: &Line) -> bool {
    let archived = &found.line;
    found.exact
        && archived.pod == live.pod
        && archived.container == live.container
        && archived.file == live.file
        && is_same_text(&archived.text, &live.text)
}

/// Bytes that are no text are replaced one by one by some, all at once by others.
fn is_same_text(one: &str, other: &str) -> bool {
    let (one, other) = (one.trim_end_matches(['\r', '\n']), other.trim_end_matches(['\r', '\n']));
    let pieces = |text: &str| -> Vec<String> {
        text.split('\u{fffd}').filter(|piece| !piece.is_empty()).map(str::to_owned).collect()
    };
    one == other || (one.contains('\u{fffd}') && other.contains('\u{fffd}') && pieces(one) == pieces(other))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Origin;
    use crate::archive::Place;

    fn line(second: i64, text: &str) -> Line {
        Line {
            time: Timestamp::from_second(second).unwrap(),
            project: "shop".into(),
            environment: "qa".into(),
            component: "web".into(),
            pod: "web-1".into(),
            container: "web".into(),
            file: None,
            text: text.into(),
            origin: Origin::Live,
        }
    }

    fn found(second: i64, text: &str) -> Found {
        let line = Line { origin: Origin::Archive, ..line(second, text) };
        Found { line, exact: true, resent: false, place: Place { object: "a".into(), offset: 0 } }
    }

    fn all(timeline: &mut Timeline, archived: Vec<Found>) -> String {
        let mut told: Vec<Told> = archived.into_iter().flat_map(|found| timeline.archived(found)).collect();
        told.extend(timeline.end());
        let words = told.iter().map(|told| match told {
            Told::Line(line) => line.text.clone(),
            Told::Seam(at) => format!("|{}|", at.as_second()),
        });
        words.collect::<Vec<_>>().join(" ")
    }

    fn at(second: i64) -> Option<Timestamp> {
        Timestamp::from_second(second).ok()
    }

    #[test]
    fn a_line_that_is_live_and_archived_is_told_once_and_the_seam_has_its_place() {
        let live = vec![line(2, "b"), line(3, "c"), line(3, "only live"), line(5, "e")];
        let mut timeline = Timeline::new(live, at(4), 10);
        let told = all(&mut timeline, vec![found(3, "c"), found(2, "b"), found(1, "a")]);
        assert_eq!(told, "e |4| only live c b a");
        assert_eq!((timeline.both, timeline.behind), (2, 1));
    }

    #[test]
    fn without_an_archive_there_is_no_seam() {
        let mut timeline = Timeline::new(vec![line(1, "a"), line(2, "b")], None, 10);
        assert_eq!(all(&mut timeline, vec![]), "b a");
        assert_eq!(timeline.behind, 0);
    }

    #[test]
    fn of_nothing_at_all_the_seam_remains() {
        assert_eq!(all(&mut Timeline::new(vec![], at(4), 10), vec![]), "|4|");
        assert_eq!(all(&mut Timeline::new(vec![line(5, "e")], at(4), 10), vec![]), "e |4|");
    }

    #[test]
    fn no_more_are_told_than_wanted_but_for_those_of_the_same_moment() {
        let live = vec![line(1, "a"), line(2, "b"), line(2, "c"), line(3, "d")];
        let mut timeline = Timeline::new(live, at(0), 2);
        assert_eq!(all(&mut timeline, vec![found(2, "x"), found(1, "y")]), "d c b x");
        assert_eq!((timeline.told(), timeline.last()), (4, at(2)));
    }

    #[test]
    fn bytes_that_are_no_text_are_the_same_however_they_are_replaced() {
        assert!(is_same_text("a\u{fffd}\u{fffd}\u{fffd}b\r", "a\u{fffd}b"));
        assert!(!is_same_text("a\u{fffd}b", "ab") && !is_same_text("a\u{fffd}b", "a\u{fffd}c"));
    }

    #[test]
    fn an_archived_line_without_a_time_of_its_own_is_no_twin() {
        let mut timeline = Timeline::new(vec![line(1, "a")], at(4), 10);
        assert_eq!(all(&mut timeline, vec![Found { exact: false, ..found(1, "a") }]), "|4| a a");
    }

    #[test]
    fn no_more_is_told_than_has_room_and_that_is_known() {
        let long = "x".repeat(1000);
        let room = 2 * line(1, &long).weight();
        let mut timeline = Timeline::new(vec![], at(9), 100).within(room);
        let archived = (1..=8).rev().map(|second| found(second, &long)).collect();
        all(&mut timeline, archived);
        assert_eq!((timeline.told(), timeline.last(), timeline.is_cut()), (2, at(7), true));
        let mut moment = Timeline::new(vec![], at(9), 100).within(room);
        all(&mut moment, (0..8).map(|_| found(1, &long)).collect());
        assert_eq!((moment.told(), moment.is_cut()), (2, true));
        let mut roomy = Timeline::new(vec![], at(9), 100).within(room);
        all(&mut roomy, vec![found(1, &long)]);
        assert!(!roomy.is_cut());
    }
}
