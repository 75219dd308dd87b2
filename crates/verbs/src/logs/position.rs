//! How far a container's log has been read, so that reading again loses and doubles nothing.
//!
//! Kubernetes resumes by whole seconds only: so we ask from the second the last line is in, and pass over
//! what was told already, line by exact line.

use jiff::{RoundMode, Timestamp, TimestampRound, Unit};

/// The last line that was told.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Position {
    last: Option<Timestamp>,
    /// How many lines with exactly that time have been told.
    told_at_last: usize,
}

impl Position {
    /// From which moment to ask again; `None`: nothing was told yet.
    pub fn since(&self) -> Option<Timestamp> {
        let floor = TimestampRound::new().smallest(Unit::Second).mode(RoundMode::Floor);
        self.last.map(|last| last.round(floor).unwrap_or(last))
    }

    /// Notes that a line was told.
    pub fn told(&mut self, time: Timestamp) {
        if self.last == Some(time) {
            self.told_at_last += 1;
        } else {
            self.last = Some(time);
            self.told_at_last = 1;
        }
    }

    /// To be asked about every line of one reading.
    pub fn resume(&self) -> Resume {
        Resume { until: self.last, equal: self.told_at_last, done: self.last.is_none() }
    }
}

/// Passes over the lines that an earlier reading told.
#[derive(Debug)]
pub struct Resume {
    until: Option<Timestamp>,
    equal: usize,
    /// Past the overlap: from here on everything is new, even if the node's clock was set back.
    done: bool,
}

impl Resume {
    pub fn is_new(&mut self, time: Timestamp) -> bool {
        if self.done {
            return true;
        }
        let Some(until) = self.until else { return true };
        if time < until {
            return false;
        }
        if time == until && self.equal > 0 {
            self.equal -= 1;
            return false;
        }
        self.done = true;
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What a server sends that was asked from a whole second on.
    fn reading<'a>(log: &'a [(&'a str, &'a str)], since: Option<Timestamp>) -> Vec<(Timestamp, &'a str)> {
        let lines =
            log.iter().map(|(time, line)| (format!("2026-11-23T10:00:{time}Z").parse().unwrap(), *line));
        lines.filter(|(time, _)| since.is_none_or(|since| *time >= since)).collect()
    }

    fn read_on<'a>(position: &mut Position, lines: Vec<(Timestamp, &'a str)>) -> Vec<&'a str> {
        let mut resume = position.resume();
        let new: Vec<_> = lines.into_iter().filter(|(time, _)| resume.is_new(*time)).collect();
        new.iter().for_each(|(time, _)| position.told(*time));
        new.into_iter().map(|(_, line)| line).collect()
    }

    #[test]
    fn reading_again_after_every_line_loses_and_doubles_nothing() {
        let log = [
            ("01.5", "a"),
            ("01.9", "b"),
            ("02.1", "c"),
            ("02.1", "d"),
            ("02.1", "e"),
            ("02.100000001", "f"),
            ("03", "g"),
        ];
        for cut in 0..=log.len() {
            let mut position = Position::default();
            let mut told = read_on(&mut position, reading(&log[..cut], None));
            let again = reading(&log, position.since());
            told.extend(read_on(&mut position, again));
            assert_eq!(told, ["a", "b", "c", "d", "e", "f", "g"], "cut after {cut}");
        }
    }

    #[test]
    fn a_clock_set_back_hides_no_lines() {
        let mut position = Position::default();
        let told = read_on(&mut position, reading(&[("05", "a"), ("01", "b")], None));
        assert_eq!(told, ["a", "b"]);
    }

    #[test]
    fn the_moment_to_ask_from_is_rounded_down() {
        let mut position = Position::default();
        position.told("2026-11-23T10:00:01.999Z".parse().unwrap());
        assert_eq!(position.since().unwrap().to_string(), "2026-11-23T10:00:01Z");
    }
}
