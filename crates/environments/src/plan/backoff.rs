//! How long to wait before doing again what did not last: healing what somebody changes again and again, or a look
//! that failed. Calm resets it.

use std::time::Duration;

use k8s_openapi::jiff::Timestamp;

/// How often something happened in a row, and when it did last.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Streak {
    times: u32,
    last: Timestamp,
}

/// The rules of one kind of streak.
#[derive(Clone, Copy, Debug)]
pub struct Rules {
    /// So many times are free.
    pub free: u32,
    /// The first wait; it doubles.
    pub first: Duration,
    pub longest: Duration,
    /// A streak ends after this long without, and after twice its own wait.
    pub calm: Duration,
}

/// A person at work edits a few times; a program that never gives up must not make the operator its twin.
pub const HEAL: Rules = Rules {
    free: 10,
    first: Duration::from_secs(1),
    longest: Duration::from_secs(300),
    calm: Duration::from_secs(60),
};

/// Errors pass, most of them at once.
pub const FAIL: Rules = Rules {
    free: 1,
    first: Duration::from_millis(500),
    longest: Duration::from_secs(15),
    calm: Duration::from_secs(60),
};

/// Whoever takes announcements may be away for long; then the newest counts.
pub const ANNOUNCE: Rules = Rules {
    free: 1,
    first: Duration::from_secs(5),
    longest: Duration::from_secs(600),
    calm: Duration::from_secs(60),
};

impl Rules {
    /// The streak after it happened once more.
    pub fn again(&self, before: Option<Streak>, now: Timestamp) -> Streak {
        let times = before.filter(|before| !self.is_over(*before, now)).map_or(0, |before| before.times);
        Streak { times: times.saturating_add(1), last: now }
    }

    /// Until when to wait before the next time; none: it may be at once.
    pub fn until(&self, streak: Streak, now: Timestamp) -> Option<Timestamp> {
        let length = self.length(streak);
        // A clock that was set back must not make it wait longer than it ever has to.
        let until = [streak.last, now].into_iter().filter_map(|from| from.checked_add(length).ok()).min()?;
        (until > now && !self.is_over(streak, now)).then_some(until)
    }

    /// How long a streak makes the next time wait.
    pub fn length(&self, streak: Streak) -> Duration {
        let Some(doublings) = streak.times.checked_sub(self.free) else { return Duration::ZERO };
        self.first.saturating_mul(1 << doublings.min(16)).min(self.longest)
    }

    /// Whether the next time would count as one more in a row.
    pub fn goes_on(&self, streak: Streak, now: Timestamp) -> bool {
        !self.is_over(streak, now)
    }

    fn is_over(&self, streak: Streak, now: Timestamp) -> bool {
        let since = Duration::try_from(now.duration_since(streak.last)).unwrap_or_default();
        since > self.calm.max(self.length(streak).saturating_mul(2))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(second).unwrap()
    }

    #[test]
    fn the_first_times_are_free_then_waits_double_up_to_the_longest() {
        let mut streak = None;
        for _ in 0..9 {
            streak = Some(HEAL.again(streak, at(0)));
        }
        assert_eq!(HEAL.until(streak.unwrap(), at(0)), None);
        let waits: Vec<u64> = (0..12)
            .map(|_| {
                streak = Some(HEAL.again(streak, at(0)));
                HEAL.length(streak.unwrap()).as_secs()
            })
            .collect();
        assert_eq!(waits, [1, 2, 4, 8, 16, 32, 64, 128, 256, 300, 300, 300]);
        assert_eq!(HEAL.until(streak.unwrap(), at(10)), Some(at(300)));
        assert_eq!(HEAL.until(streak.unwrap(), at(301)), None);
    }

    #[test]
    fn calm_ends_a_streak_and_a_clock_that_is_set_back_does_not() {
        let streak = (0..20).fold(None, |streak, _| Some(HEAL.again(streak, at(1000)))).unwrap();
        assert_eq!(HEAL.again(Some(streak), at(2000)), Streak { times: 1, last: at(2000) });
        assert_eq!(HEAL.again(Some(streak), at(1100)).times, 21);
        assert_eq!(HEAL.again(Some(streak), at(900)).times, 21);
    }
}
