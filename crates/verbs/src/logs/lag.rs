//! How late lines come to somebody who reads more slowly than is written: told before nodes throw away what was not read.

use std::time::Duration;

use jiff::Timestamp;

/// From then on it is said.
const LATE: Duration = Duration::from_secs(5);
/// Below that it is over.
const IN_TIME: Duration = Duration::from_secs(1);
/// What does not last is no news: after an outage everything comes at once, say.
const LASTS: Duration = Duration::from_secs(3);

/// Nodes' clocks may differ from ours: the line that came soonest is taken for one that came at once.
#[derive(Debug, Default)]
pub struct Lag {
    soonest: Option<Duration>,
    /// Since when it is otherwise than was said.
    since: Option<Timestamp>,
    said: Option<Duration>,
}

impl Lag {
    /// A line of then came now. Answers what there is to say: how late they come; zero: in time again.
    pub fn look(&mut self, written: Timestamp, now: Timestamp) -> Option<Duration> {
        let took = now.duration_since(written).max(jiff::SignedDuration::ZERO).unsigned_abs();
        let soonest = self.soonest.map_or(took, |soonest| soonest.min(took));
        self.soonest = Some(soonest);
        let late = took - soonest;
        let news = match self.said {
            None => late >= LATE,
            // Twice as late is news again.
            Some(said) => late < IN_TIME || late >= said * 2,
        };
        if !news {
            self.since = None;
            return None;
        }
        let since = *self.since.get_or_insert(now);
        if now.duration_since(since).unsigned_abs() < LASTS {
            return None;
        }
        self.since = None;
        self.said = (late >= IN_TIME).then_some(late);
        Some(self.said.unwrap_or_default())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(second).unwrap()
    }

    #[test]
    fn a_slow_reader_is_told_at_five_seconds_whenever_that_has_doubled_and_when_it_is_over() {
        let mut lag = Lag::default();
        let said: Vec<(i64, u64)> = (0..60)
            .filter_map(|second| {
                Some((second, lag.look(at(1000 + second), at(1000 + 2 * second))?.as_secs()))
            })
            .collect();
        assert_eq!(said, [(7, 7), (16, 16), (34, 34)]);
        let over: Vec<i64> =
            (0..9).filter(|second| lag.look(at(2000 + second), at(2000 + second)).is_some()).collect();
        assert_eq!(over, [3]);
    }

    #[test]
    fn history_an_outage_and_a_clock_that_differs_are_no_slow_reader() {
        let mut lag = Lag::default();
        for second in 0..100 {
            assert_eq!(lag.look(at(1000 + 30 * second), at(5000)), None, "history, read at once");
        }
        let mut cut = Lag::default();
        assert_eq!(cut.look(at(5100), at(5000)), None);
        for line in 0..20 {
            assert_eq!(cut.look(at(5100 + line), at(5120)), None, "it all came at once");
        }
    }
}
