//! How long a line waits for older ones of other containers: as long as they were seen to need, and never longer than
//! somebody who watches would notice.

use std::time::Duration;

const SHORTEST: Duration = Duration::from_millis(20);
const LONGEST: Duration = Duration::from_millis(250);
/// Beyond what was seen.
const MARGIN: Duration = Duration::from_millis(10);
/// After so long without a late line it is shortened again.
const CALM: Duration = Duration::from_secs(30);

#[derive(Clone, Debug)]
pub struct Hold {
    now: Duration,
    calm_since: Duration,
}

impl Default for Hold {
    fn default() -> Self {
        Self { now: SHORTEST, calm_since: Duration::ZERO }
    }
}

impl Hold {
    pub fn length(&self) -> Duration {
        self.now
    }

    /// A line came so much later than one that is younger. `at`: since the beginning, like every moment here.
    pub fn late(&mut self, by: Duration, at: Duration) {
        self.now = self.now.max(by.saturating_add(MARGIN)).min(LONGEST);
        self.calm_since = at;
    }

    pub fn look(&mut self, at: Duration) {
        if at.saturating_sub(self.calm_since) >= CALM {
            self.now = (self.now / 2).max(SHORTEST);
            self.calm_since = at;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_grows_with_what_was_late_and_shrinks_when_nothing_is() {
        let mut hold = Hold::default();
        hold.late(Duration::from_millis(90), Duration::from_secs(1));
        assert_eq!(hold.length(), Duration::from_millis(100));
        hold.late(Duration::from_secs(60), Duration::from_secs(2));
        assert_eq!(hold.length(), LONGEST);
        hold.look(Duration::from_secs(31));
        assert_eq!(hold.length(), LONGEST);
        hold.look(Duration::from_secs(32));
        assert_eq!(hold.length(), LONGEST / 2);
        for seconds in 1..10 {
            hold.look(Duration::from_secs(32) + CALM * seconds);
        }
        assert_eq!(hold.length(), SHORTEST);
    }
}
