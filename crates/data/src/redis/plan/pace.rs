//! How many keys a second: as many as wanted, fewer while the source has enough to do, and slowly more again.

use crate::redis::job::Limits;

/// Slower than this helps nobody.
const LEAST: f64 = 50.0;

/// How the source felt in the last second.
#[derive(Clone, Copy, Debug, Default)]
pub struct Felt {
    pub latency_millis: f64,
    /// Of its main thread, of 100.
    pub cpu_percent: f64,
    /// Commands a second, those of the copy not counted.
    pub others: f64,
}

impl Felt {
    pub fn is_busy(&self, limits: &Limits) -> bool {
        let over = |limit: Option<u64>, is: f64| limit.is_some_and(|limit| is > limit as f64);
        self.latency_millis > limits.latency_millis as f64
            || over(limits.cpu_percent, self.cpu_percent)
            || over(limits.commands_per_second, self.others)
    }
}

#[derive(Clone, Copy, Debug, Default)]
pub struct Pace {
    /// Keys a second; none: it was not held back yet.
    held: Option<f64>,
}

impl Pace {
    pub fn is_held(self) -> bool {
        self.held.is_some()
    }

    /// What is allowed for the next second, after one in which `measured` keys passed.
    pub fn next(&mut self, felt: Felt, measured: f64, limits: &Limits) -> Option<u64> {
        let most = limits.keys_per_second.map(|most| most as f64);
        if felt.is_busy(limits) {
            self.held = Some((self.held.unwrap_or(measured).min(measured.max(LEAST)) * 0.6).max(LEAST));
        } else if let Some(held) = self.held {
            let more = held * 1.25;
            // What it did not even use was no brake.
            self.held = (more < measured * 4.0 || measured < LEAST).then_some(more);
        }
        let rate = match (self.held, most) {
            (Some(held), Some(most)) => Some(held.min(most)),
            (held, most) => held.or(most),
        };
        rate.map(|rate| rate as u64)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn limits() -> Limits {
        Limits { latency_millis: 20, cpu_percent: Some(50), ..Limits::default() }
    }

    #[test]
    fn a_busy_source_is_asked_less_and_slowly_more_again() {
        let (mut pace, limits) = (Pace::default(), limits());
        let busy = Felt { cpu_percent: 90.0, ..Felt::default() };
        assert_eq!(pace.next(Felt::default(), 10_000.0, &limits), None);
        assert_eq!(pace.next(busy, 10_000.0, &limits), Some(6_000));
        assert_eq!(pace.next(busy, 6_000.0, &limits), Some(3_600));
        assert_eq!(pace.next(Felt::default(), 3_600.0, &limits), Some(4_500));
        for _ in 0..100 {
            pace.next(busy, 1.0, &limits);
        }
        assert_eq!(pace.next(busy, 1.0, &limits), Some(50));
    }

    #[test]
    fn every_limit_counts_and_the_job_says_the_most() {
        let limits = Limits { commands_per_second: Some(100), keys_per_second: Some(1_000), ..limits() };
        assert!(Felt { latency_millis: 21.0, ..Felt::default() }.is_busy(&limits));
        assert!(Felt { others: 101.0, ..Felt::default() }.is_busy(&limits));
        assert!(!Felt { others: 100.0, cpu_percent: 50.0, latency_millis: 20.0 }.is_busy(&limits));
        assert_eq!(Pace::default().next(Felt::default(), 1e6, &limits), Some(1_000));
    }
}
