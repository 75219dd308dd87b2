//! One scheduler for all that an account is asked: Route 53's own token buckets, kept here so that they are seldom found
//! empty there, and patience when they are. One writer a zone.
//!
//! Never asks again what may have been done.

use std::collections::HashMap;
use std::future::Future;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::sync::OwnedMutexGuard;
use tokio::time::{Instant, sleep};
use tracing::warn;

use crate::Failure;

/// What Route 53 documents for an account, and again for each kind of request.
const BURST: f64 = 50.0;
const PER_SECOND: f64 = 10.0;
/// The pause after the first refusal, and the longest.
const FIRST: Duration = Duration::from_millis(500);
const LONGEST: Duration = Duration::from_secs(20);
/// So long one request is tried; whoever asked is told then, and comes again.
const PATIENCE: Duration = Duration::from_secs(180);
/// A reading that is not answered is asked again so often.
const READINGS: u32 = 3;

#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Request {
    GetZone,
    ListZones,
    List,
    Change,
    GetChange,
}

const REQUESTS: usize = 5;

/// Tokens that come back with time.
#[derive(Clone, Copy, Debug)]
struct Bucket {
    level: f64,
    at: Instant,
}

impl Bucket {
    fn refill(&mut self, now: Instant) {
        let gained = now.saturating_duration_since(self.at).as_secs_f64() * PER_SECOND;
        self.level = (self.level + gained).min(BURST);
        self.at = now;
    }

    /// How long until there is one; zero: there is.
    fn wait(&self) -> Duration {
        Duration::from_secs_f64(((1.0 - self.level) / PER_SECOND).max(0.0))
    }
}

struct State {
    account: Bucket,
    requests: [Bucket; REQUESTS],
    /// Route 53 refused something: nobody asks before.
    quiet: Instant,
    asked: [u64; REQUESTS],
}

impl State {
    /// Takes a token of both buckets, or says how long there is none.
    fn take(&mut self, request: Request, now: Instant) -> Option<Duration> {
        let own = &mut self.requests[request as usize];
        self.account.refill(now);
        own.refill(now);
        let wait = self.account.wait().max(own.wait()).max(self.quiet.saturating_duration_since(now));
        if wait > Duration::ZERO {
            // Timers are of whole milliseconds.
            return Some(wait + Duration::from_millis(1));
        }
        self.account.level -= 1.0;
        own.level -= 1.0;
        self.asked[request as usize] += 1;
        None
    }
}

pub struct Scheduler {
    state: Mutex<State>,
    writers: Mutex<HashMap<String, Arc<tokio::sync::Mutex<()>>>>,
}

impl Default for Scheduler {
    fn default() -> Self {
        let now = Instant::now();
        let full = Bucket { level: BURST, at: now };
        let state = State { account: full, requests: [full; REQUESTS], quiet: now, asked: [0; REQUESTS] };
        Self { state: Mutex::new(state), writers: Mutex::default() }
    }
}

impl Scheduler {
    /// Asks when it is due, and again while Route 53 is busy.
    pub async fn ask<T, F>(&self, request: Request, ask: impl Fn() -> F) -> Result<T, Failure>
    where
        F: Future<Output = Result<T, Failure>>,
    {
        let begun = Instant::now();
        let (mut refusals, mut unanswered) = (0, 0);
        loop {
            self.turn(request).await;
            let failure = match ask().await {
                Ok(told) => return Ok(told),
                Err(failure) => failure,
            };
            if failure.leaves_doubt() && request != Request::Change {
                unanswered += 1;
                if unanswered >= READINGS {
                    return Err(failure);
                }
            } else if !failure.is_busy() || begun.elapsed() >= PATIENCE {
                return Err(failure);
            }
            let pause = pause(refusals);
            refusals += 1;
            if refusals == 5 {
                warn!("Route 53 has been busy for {} s: {failure}", begun.elapsed().as_secs());
            }
            match failure {
                // It concerns the whole account.
                Failure::Throttled(_) => self.hold(pause),
                _ => sleep(pause).await,
            }
        }
    }

    /// The right to change a zone. Held until the change is answered.
    pub async fn writer(&self, zone: &str) -> OwnedMutexGuard<()> {
        let lock = {
            let mut writers = self.writers.lock().unwrap_or_else(PoisonError::into_inner);
            writers.entry(zone.to_owned()).or_default().clone()
        };
        lock.lock_owned().await
    }

    /// How often it was asked.
    pub fn asked(&self, request: Request) -> u64 {
        self.state.lock().unwrap_or_else(PoisonError::into_inner).asked[request as usize]
    }

    async fn turn(&self, request: Request) {
        loop {
            let wait = {
                let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
                state.take(request, Instant::now())
            };
            match wait {
                Some(wait) => sleep(wait).await,
                None => return,
            }
        }
    }

    fn hold(&self, pause: Duration) {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        let now = Instant::now();
        state.account.refill(now);
        state.account.level = state.account.level.min(0.0);
        state.quiet = state.quiet.max(now + pause);
    }
}

/// Grows with every refusal, and is drawn from its upper half so that not everybody comes back at once.
fn pause(refusals: u32) -> Duration {
    let whole = FIRST.saturating_mul(2_u32.saturating_pow(refusals)).min(LONGEST);
    whole.mul_f64(rand::random_range(0.5..=1.0))
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicU32, Ordering};

    use super::*;

    fn busy() -> Failure {
        Failure::Throttled("Rate exceeded".to_owned())
    }

    #[tokio::test(start_paused = true)]
    async fn a_burst_goes_at_once_and_the_rest_at_ten_a_second() {
        let scheduler = Scheduler::default();
        let begun = Instant::now();
        for _ in 0..50 {
            scheduler.ask(Request::List, async || Ok(())).await.unwrap();
        }
        assert_eq!(begun.elapsed(), Duration::ZERO);
        for _ in 0..100 {
            scheduler.ask(Request::List, async || Ok(())).await.unwrap();
        }
        let seconds = begun.elapsed().as_secs_f64();
        assert!((9.9..10.3).contains(&seconds), "{seconds} s");
    }

    #[tokio::test(start_paused = true)]
    async fn all_kinds_of_requests_share_what_the_account_may() {
        let scheduler = Scheduler::default();
        let begun = Instant::now();
        for _ in 0..40 {
            scheduler.ask(Request::List, async || Ok(())).await.unwrap();
            scheduler.ask(Request::GetChange, async || Ok(())).await.unwrap();
        }
        let seconds = begun.elapsed().as_secs_f64();
        assert!((2.9..3.2).contains(&seconds), "{seconds} s");
    }

    #[tokio::test(start_paused = true)]
    async fn who_is_throttled_waits_longer_and_longer_and_so_do_all_others() {
        let (scheduler, times) = (Scheduler::default(), AtomicU32::new(0));
        let begun = Instant::now();
        let throttled = scheduler.ask(Request::Change, async || {
            if times.fetch_add(1, Ordering::Relaxed) < 4 { Err(busy()) } else { Ok(begun.elapsed()) }
        });
        let other = async {
            sleep(Duration::from_millis(1)).await;
            scheduler.ask(Request::List, async || Ok(begun.elapsed())).await
        };
        let (throttled, other) = futures::join!(throttled, other);
        let (throttled, other) = (throttled.unwrap().as_secs_f64(), other.unwrap().as_secs_f64());
        // 0.5 + 1 + 2 + 4 s, each drawn from its upper half.
        assert!((3.75..8.0).contains(&throttled), "{throttled} s");
        assert!(other >= 0.25, "{other} s");
    }

    #[tokio::test(start_paused = true)]
    async fn patience_ends_and_the_reason_is_told() {
        let scheduler = Scheduler::default();
        let begun = Instant::now();
        let told: Result<(), Failure> = scheduler.ask(Request::Change, async || Err(busy())).await;
        assert_eq!(told, Err(busy()));
        assert!(begun.elapsed() >= PATIENCE && begun.elapsed() < PATIENCE + LONGEST * 2);
        assert!(scheduler.asked(Request::Change) < 25);
    }

    #[tokio::test(start_paused = true)]
    async fn a_change_that_was_not_answered_is_not_sent_again_but_a_reading_is() {
        let scheduler = Scheduler::default();
        let silent = || Failure::Unreachable("it does not answer in time".to_owned());
        let told: Result<(), Failure> = scheduler.ask(Request::Change, async || Err(silent())).await;
        assert_eq!((told, scheduler.asked(Request::Change)), (Err(silent()), 1));
        let told: Result<(), Failure> = scheduler.ask(Request::List, async || Err(silent())).await;
        assert_eq!((told, scheduler.asked(Request::List)), (Err(silent()), 3));
    }

    #[tokio::test(start_paused = true)]
    async fn a_zone_has_one_writer_and_other_zones_go_on() {
        let scheduler = Scheduler::default();
        let first = scheduler.writer("Z1").await;
        let _other = scheduler.writer("Z2").await;
        let second = scheduler.writer("Z1");
        let waits = tokio::time::timeout(Duration::from_secs(60), second).await;
        assert!(waits.is_err());
        drop(first);
        let _second = scheduler.writer("Z1").await;
    }
}
