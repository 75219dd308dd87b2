//! How far a container's log has been read, so that reading again loses and doubles nothing, and what cannot be read
//! any more is known.
//!
//! Kubernetes resumes by whole seconds only: so we ask from the second the last line is in, and pass over what was
//! told already, line by exact line. A log that reaches back to our last line proves that nothing is missing; one
//! that begins later proves nothing, and that is a gap.

use jiff::{RoundMode, Timestamp, TimestampRound, Unit};

use super::marks::Gap;

/// The last line that was told.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Position {
    last: Option<Timestamp>,
    /// How many lines with exactly that time have been told.
    told_at_last: usize,
    /// Whatever the log begins with comes right after that line: it was the last of its run, or of a file that was
    /// rotated away under our eyes.
    complete: bool,
    /// That is so only if the reading which had the log open would have heard of more.
    presumed: bool,
}

/// What a line of a reading is.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Sight {
    /// An earlier reading told it.
    Told,
    New,
    /// New, and between it and the last line told there may have been others.
    After(Gap),
}

impl Position {
    pub fn last(&self) -> Option<Timestamp> {
        self.last
    }

    /// From which moment to ask again; `None`: nothing was told yet.
    pub fn since(&self) -> Option<Timestamp> {
        self.last.map(whole_second)
    }

    /// Notes that a line was told.
    pub fn told(&mut self, time: Timestamp) {
        if self.last == Some(time) {
            self.told_at_last += 1;
        } else {
            self.last = Some(time);
            self.told_at_last = 1;
        }
        self.complete = false;
        self.presumed = false;
    }

    /// Notes that nothing comes before whatever the log will begin with.
    pub fn complete(&mut self) {
        self.complete = true;
        self.presumed = false;
    }

    /// Notes that there may be something.
    pub fn doubt(&mut self) {
        self.complete = false;
        self.presumed = false;
    }

    /// The same, as long as the reading that has the log open is not found to be deaf.
    pub fn presume_complete(&mut self) {
        self.presumed |= !self.complete;
        self.complete = true;
    }

    /// It was: what it presumed says nothing.
    pub fn was_deaf(&mut self) {
        self.complete &= !self.presumed;
        self.presumed = false;
    }

    /// To be asked about every line of one reading.
    pub fn resume(&self) -> Resume {
        Resume {
            until: self.last,
            equal: self.told_at_last,
            proved: self.complete || self.last.is_none(),
            overlaps: false,
            done: self.last.is_none(),
        }
    }
}

/// Passes over the lines that an earlier reading told.
#[derive(Debug)]
pub struct Resume {
    until: Option<Timestamp>,
    equal: usize,
    /// The log reaches back to where we were.
    proved: bool,
    /// It showed what was told already.
    overlaps: bool,
    /// Past the overlap: from here on everything is new, even if the node's clock was set back.
    done: bool,
}

impl Resume {
    pub fn look(&mut self, time: Timestamp) -> Sight {
        let Some(until) = self.until.filter(|_| !self.done) else { return Sight::New };
        // An older line alone proves nothing: it may be of a run that ended before.
        if time < until {
            return Sight::Told;
        }
        if time == until && self.equal > 0 {
            self.equal -= 1;
            self.proved = true;
            self.overlaps = true;
            return Sight::Told;
        }
        self.done = true;
        if self.proved { Sight::New } else { Sight::After(Gap { from: until, to: Some(time) }) }
    }

    /// Whether something was new.
    pub fn is_past(&self) -> bool {
        self.done
    }

    /// Whether it showed what was told already: then it is of the same run.
    pub fn overlaps(&self) -> bool {
        self.overlaps
    }

    /// Whether the log was seen to reach back to where we were.
    pub fn is_proved(&self) -> bool {
        self.proved
    }
}

/// Kubernetes' own client would round to the nearest, and so lose lines.
pub fn whole_second(time: Timestamp) -> Timestamp {
    let floor = TimestampRound::new().smallest(Unit::Second).mode(RoundMode::Floor);
    time.round(floor).unwrap_or(time)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn at(time: &str) -> Timestamp {
        format!("2026-11-23T10:00:{time}Z").parse().unwrap()
    }

    /// What a server sends that was asked from a whole second on.
    fn reading<T: Copy>(log: &[(Timestamp, T)], since: Option<Timestamp>) -> Vec<(Timestamp, T)> {
        log.iter().copied().filter(|(time, _)| since.is_none_or(|since| *time >= since)).collect()
    }

    /// The new lines, and how often a gap was seen.
    fn read_on<T>(position: &mut Position, lines: Vec<(Timestamp, T)>) -> (Vec<T>, usize) {
        let (mut resume, mut gaps, mut new) = (position.resume(), 0, vec![]);
        for (time, line) in lines {
            match resume.look(time) {
                Sight::Told => continue,
                Sight::New => {}
                Sight::After(_) => gaps += 1,
            }
            position.told(time);
            new.push(line);
        }
        (new, gaps)
    }

    #[test]
    fn reading_again_after_every_line_loses_and_doubles_nothing() {
        let log = ["01.5", "01.9", "02.1", "02.1", "02.1", "02.100000001", "03"].map(at);
        let log: Vec<(Timestamp, usize)> = log.into_iter().zip(0..).collect();
        for cut in 0..=log.len() {
            let mut position = Position::default();
            let (mut told, _) = read_on(&mut position, reading(&log[..cut], None));
            let again = reading(&log, position.since());
            let (rest, gaps) = read_on(&mut position, again);
            told.extend(rest);
            assert_eq!((told, gaps), ((0..7).collect(), 0), "cut after {cut}");
        }
    }

    #[test]
    fn a_clock_set_back_hides_no_lines() {
        let mut position = Position::default();
        let (told, gaps) = read_on(&mut position, vec![(at("05"), 'a'), (at("01"), 'b')]);
        assert_eq!((told, gaps), (vec!['a', 'b'], 0));
    }

    #[test]
    fn the_moment_to_ask_from_is_rounded_down() {
        let mut position = Position::default();
        position.told(at("01.999"));
        assert_eq!(position.since(), Some(at("01")));
    }

    #[test]
    fn a_log_that_begins_later_is_a_gap_unless_nothing_came_before() {
        let mut position = Position::default();
        position.told(at("01.5"));
        let gap = Gap { from: at("01.5"), to: Some(at("09")) };
        assert_eq!(position.resume().look(at("09")), Sight::After(gap));
        position.complete();
        assert_eq!(position.resume().look(at("09")), Sight::New);
        // That held for that line only.
        position.told(at("09"));
        assert!(matches!(position.resume().look(at("20")), Sight::After(_)));
    }

    #[test]
    fn what_a_deaf_reading_presumed_proves_nothing() {
        let mut position = Position::default();
        position.told(at("01.5"));
        position.presume_complete();
        assert_eq!(position.resume().look(at("09")), Sight::New);
        position.was_deaf();
        assert!(matches!(position.resume().look(at("09")), Sight::After(_)));
        // What is known otherwise stays.
        position.complete();
        position.presume_complete();
        position.was_deaf();
        assert_eq!(position.resume().look(at("09")), Sight::New);
    }

    proptest! {
        /// Whatever is rotated away between two readings: each line is told once, or a gap is.
        #[test]
        fn no_line_is_lost_without_a_gap(
            steps in prop::collection::vec(1_i64..4, 1..40),
            cuts in prop::collection::vec((1_usize..10, 0_usize..6), 1..10),
        ) {
            let mut time = at("00").as_nanosecond();
            let log: Vec<(Timestamp, usize)> = steps.iter().enumerate().map(|(index, step)| {
                time += i128::from(*step) * 400_000_000;
                (Timestamp::from_nanosecond(time).unwrap(), index)
            }).collect();
            let (mut position, mut told, mut gaps) = (Position::default(), vec![], 0);
            let (mut written, mut kept_from) = (0, 0);
            for (more, rotated) in cuts {
                written = (written + more).min(log.len());
                kept_from = (kept_from + rotated).min(written);
                let kept = reading(&log[kept_from..written], position.since());
                let (new, more_gaps) = read_on(&mut position, kept);
                told.extend(new);
                gaps += more_gaps;
            }
            let mut once = told.clone();
            once.dedup();
            prop_assert_eq!(&once, &told, "told twice");
            let missing = (0..told.last().map_or(0, |last| last + 1)).filter(|line| !told.contains(line)).count();
            prop_assert!(missing == 0 || gaps > 0 || begins_late(&told), "{} missing, told {:?}", missing, told);
        }
    }

    /// What was gone before we ever read is not ours to miss.
    fn begins_late(told: &[usize]) -> bool {
        told.first().is_some_and(|first| told.iter().zip(*first..).all(|(line, wanted)| *line == wanted))
    }
}
