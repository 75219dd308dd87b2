//! How long to wait before trying again: longer each time, and never all at the same moment.

use std::time::Duration;

const FIRST: Duration = Duration::from_millis(200);
const LONGEST: Duration = Duration::from_secs(20);

/// `attempt`: how often it has failed, from 1. `chance`: drawn from 0 to 1; half of the time is left to it.
pub fn pause(attempt: u32, chance: f64) -> Duration {
    let doubled = FIRST.saturating_mul(2_u32.saturating_pow(attempt.saturating_sub(1).min(16)));
    doubled.min(LONGEST).mul_f64(0.5 + 0.5 * chance.clamp(0.0, 1.0))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_grow_up_to_a_bound_and_are_never_nothing() {
        assert_eq!(pause(1, 1.0), FIRST);
        assert_eq!(pause(1, 0.0), FIRST / 2);
        assert_eq!(pause(3, 1.0), FIRST * 4);
        assert_eq!(pause(u32::MAX, 1.0), LONGEST);
    }
}
