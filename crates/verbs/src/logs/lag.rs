//! How late lines come to whoever follows them: a slow listener is told so, before nodes throw away what it has not read.

use std::time::Duration;

use jiff::Timestamp;

/// From then on it is said.
const LATE: Duration = Duration::from_secs(5);
/// Below that it is over.
const IN_TIME: Duration = Duration::from_secs(1);

/// Nodes' clocks may differ from ours: the line that came soonest is taken for one that came at once.
#[derive(Debug, Default)]
pub struct Lag {
    soonest: Option<Duration>,
    said: Option<Duration>,
}

impl Lag {
    /// A line of then came now. Answers what there is to say: how late they come; nothing: in time again.
    pub fn look(&mut self, written: Timestamp, now: Timestamp) -> Option<Duration> {
        let took = now.duration_since(written).max(jiff::SignedDuration::ZERO).unsigned_abs();
        let soonest = self.soonest.map_or(took, |soonest| soonest.min(took));
        self.soonest = Some(soonest);
        let late = took - soonest;
        let say = match self.said {
            None => late >= LATE,
            Some(_) if late < IN_TIME => {
                self.said = None;
                return Some(Duration::ZERO);
            }
            // Twice as late is news again.
            Some(said) => late >= said * 2,
        };
        if say {
            self.said = Some(late);
        }
        say.then_some(late)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(second).unwrap()
    }

    #[test]
    fn lines_that_come_later_and_later_are_told_at_five_seconds_and_whenever_that_has_doubled() {
        let mut lag = Lag::default();
        let said: Vec<u64> = (0..60)
            .filter_map(|second| lag.look(at(1000 + second), at(1000 + 2 * second)))
            .map(|late| late.as_secs())
            .collect();
        assert_eq!(said, [5, 10, 20, 40]);
        assert_eq!(lag.look(at(2000), at(2000)), Some(Duration::ZERO));
        assert_eq!(lag.look(at(2001), at(2002)), None);
    }

    #[test]
    fn what_was_written_before_and_a_clock_that_differs_are_no_lag() {
        let mut lag = Lag::default();
        for second in 0..100 {
            assert_eq!(lag.look(at(1000 + 30 * second), at(5000)), None, "history, read at once");
        }
        let mut ahead = Lag::default();
        assert_eq!(ahead.look(at(5100), at(5000)), None);
        assert_eq!(ahead.look(at(5101), at(5001)), None);
    }
}
