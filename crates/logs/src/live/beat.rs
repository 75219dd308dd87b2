//! The beat in which lines are handed on: what many containers write one by one is read, merged and written together,
//! in one waking instead of one for every line.

use std::time::Duration;

use tokio::time::Instant;

/// Nobody who watches sees the difference.
const LENGTH: Duration = Duration::from_millis(40);

/// Shared by all who read and merge one stream.
#[derive(Clone, Copy, Debug)]
pub struct Beat(Instant);

impl Beat {
    pub fn begin() -> Self {
        Self(Instant::now())
    }

    pub fn begun(self) -> Instant {
        self.0
    }

    /// The next one.
    pub fn after(self, now: Instant) -> Instant {
        self.at_or_after(now + Duration::from_millis(1))
    }

    /// The first one that is not before `at`.
    pub fn at_or_after(self, at: Instant) -> Instant {
        let beats = at.duration_since(self.0).as_nanos().div_ceil(LENGTH.as_nanos());
        self.0 + LENGTH * u32::try_from(beats).unwrap_or(u32::MAX)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whoever_shares_a_beat_wakes_at_the_same_moments() {
        let beat = Beat::begin();
        let after = |waited| beat.at_or_after(beat.begun() + waited) - beat.begun();
        let moment = Duration::from_nanos(1);
        assert_eq!(after(Duration::ZERO), Duration::ZERO);
        assert_eq!((after(moment), after(LENGTH - moment), after(LENGTH)), (LENGTH, LENGTH, LENGTH));
        assert_eq!(after(LENGTH + moment), 2 * LENGTH);
    }
}
