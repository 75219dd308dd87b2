//! When a log that is followed says nothing: whether to go on waiting, to ask whether that is true, or to begin anew.
//!
//! A stream falls silent for three reasons that look the same: nothing is written; the node rotated the file and the
//! follower stayed with the old one; something on the way dropped a connection that was idle. Only asking tells.

use std::time::Duration;

/// First doubt. Then later and later: most silence is real.
const FIRST: Duration = Duration::from_secs(5);
const LATEST: Duration = Duration::from_secs(60);
/// A container that has ended ends its log at once; if not, somebody missed it.
const AFTER_THE_END: Duration = Duration::from_secs(2);
/// Load balancers drop what is idle for four minutes, some without telling.
const IDLE: Duration = Duration::from_secs(200);

/// Of one reading; every moment counts from its beginning.
#[derive(Clone, Debug)]
pub struct Watchdog {
    heard: Duration,
    /// When to ask next, after the last line.
    patience: Duration,
    asked: Duration,
    /// How long a log may take to end.
    end: Duration,
}

#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Advice {
    /// Wait until then.
    Wait(Duration),
    /// Ask for the newest line.
    Ask,
    /// Open the log again.
    Reopen,
}

impl Watchdog {
    /// After so many readings in a row that came to nothing: a node that is busy gets longer each time.
    pub fn after(silences: u32) -> Self {
        let end = AFTER_THE_END * (1 << silences.min(4));
        Self { heard: Duration::ZERO, patience: FIRST, asked: Duration::ZERO, end }
    }

    /// Something came.
    pub fn heard(&mut self, at: Duration) {
        *self = Self { heard: at, patience: FIRST, asked: at, end: self.end };
    }

    /// The newest line was asked for, and there is none that we do not have.
    pub fn silence_is_real(&mut self, at: Duration) {
        self.asked = at;
        self.patience = (self.patience * 2).min(LATEST);
    }

    pub fn advice(&self, at: Duration, ended: bool) -> Advice {
        let end = if ended { self.end } else { IDLE };
        let reopen = self.heard + end;
        let ask = self.asked + self.patience;
        if at >= reopen {
            Advice::Reopen
        } else if !ended && at >= ask {
            Advice::Ask
        } else if ended {
            Advice::Wait(reopen)
        } else {
            Advice::Wait(ask.min(reopen))
        }
    }
}

/// Grows from one try to the next.
#[derive(Clone, Debug, Default)]
pub struct Pause(u32);

impl Pause {
    /// 0.2 s, then twice as long each time, up to 10 s.
    pub fn next(&mut self) -> Duration {
        let pause = Duration::from_millis(200 << self.0).min(Duration::from_secs(10));
        self.0 = (self.0 + 1).min(6);
        pause
    }

    pub fn reset(&mut self) {
        self.0 = 0;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn s(seconds: u64) -> Duration {
        Duration::from_secs(seconds)
    }

    #[test]
    fn a_silent_log_is_asked_later_and_later_and_opened_anew_before_others_drop_it() {
        let mut dog = Watchdog::after(0);
        let mut asked = vec![];
        let mut at = Duration::ZERO;
        loop {
            match dog.advice(at, false) {
                Advice::Wait(until) => {
                    assert!(until > at);
                    at = until;
                }
                Advice::Ask => {
                    asked.push(at.as_secs());
                    dog.silence_is_real(at);
                }
                Advice::Reopen => break,
            }
        }
        assert_eq!((asked, at), (vec![5, 15, 35, 75, 135, 195], IDLE));
    }

    #[test]
    fn a_line_takes_every_doubt_away() {
        let mut dog = Watchdog::after(0);
        dog.silence_is_real(s(5));
        dog.heard(s(100));
        assert_eq!(dog.advice(s(100), false), Advice::Wait(s(105)));
        assert_eq!(dog.advice(s(105), false), Advice::Ask);
    }

    #[test]
    fn a_container_that_has_ended_must_end_its_log() {
        let mut dog = Watchdog::after(0);
        dog.heard(s(10));
        assert_eq!(dog.advice(s(11), true), Advice::Wait(s(12)));
        assert_eq!(dog.advice(s(12), true), Advice::Reopen);
        assert_eq!(Watchdog::after(2).advice(s(2), true), Advice::Wait(s(8)), "a busy node gets longer");
    }

    #[test]
    fn pauses_grow_up_to_ten_seconds() {
        let mut pause = Pause::default();
        let pauses: Vec<u128> = (0..8).map(|_| pause.next().as_millis()).collect();
        assert_eq!(pauses, [200, 400, 800, 1600, 3200, 6400, 10_000, 10_000]);
        pause.reset();
        assert_eq!(pause.next().as_millis(), 200);
    }
}
