//! How fast a copy may go: bytes a second from a bucket, and not at all while the source has enough to do. Both can
//! change while it runs.

use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use tokio::sync::Notify;
use tokio::time::Instant;

#[derive(Debug)]
pub struct Throttle {
    /// Zero: no limit.
    rate: AtomicU64,
    bucket: Mutex<Bucket>,
    held: AtomicBool,
    changed: Notify,
    waited_millis: AtomicU64,
}

#[derive(Debug)]
struct Bucket {
    /// Below zero: spent in advance.
    tokens: f64,
    filled: Instant,
}

impl Throttle {
    pub fn new(rate: Option<u64>) -> Self {
        Self {
            rate: AtomicU64::new(rate.unwrap_or(0)),
            bucket: Mutex::new(Bucket { tokens: 0.0, filled: Instant::now() }),
            held: AtomicBool::new(false),
            changed: Notify::new(),
            waited_millis: AtomicU64::new(0),
        }
    }

    pub fn limit(&self, rate: Option<u64>) {
        if self.rate.swap(rate.unwrap_or(0), Ordering::Relaxed) != rate.unwrap_or(0) {
            self.changed.notify_waiters();
        }
    }

    /// Nothing passes until it is let go.
    pub fn hold(&self, held: bool) {
        if self.held.swap(held, Ordering::Relaxed) != held {
            self.changed.notify_waiters();
        }
    }

    pub fn is_held(&self) -> bool {
        self.held.load(Ordering::Relaxed)
    }

    pub fn waited(&self) -> Duration {
        Duration::from_millis(self.waited_millis.load(Ordering::Relaxed))
    }

    /// Waits until so many bytes may be sent.
    pub async fn pass(&self, bytes: usize) {
        let begun = Instant::now();
        loop {
            let changed = self.changed.notified();
            if self.is_held() {
                changed.await;
                continue;
            }
            let rate = self.rate.load(Ordering::Relaxed);
            if rate == 0 {
                break;
            }
            let wait = self.take(bytes as f64, rate as f64);
            let Some(wait) = wait else { break };
            tokio::select! {
                () = tokio::time::sleep(wait) => {}
                () = changed => {}
            }
        }
        let waited = begun.elapsed().as_millis().try_into().unwrap_or(0);
        self.waited_millis.fetch_add(waited, Ordering::Relaxed);
    }

    /// What is taken while anything is there may be more than there is: the next ones wait for it.
    fn take(&self, bytes: f64, rate: f64) -> Option<Duration> {
        let mut bucket = self.bucket.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        let now = Instant::now();
        let filled = rate * now.duration_since(bucket.filled).as_secs_f64();
        // A quarter of a second can be saved up, so that a pause is not followed by a burst.
        bucket.tokens = (bucket.tokens + filled).min(rate / 4.0);
        bucket.filled = now;
        if bucket.tokens >= 0.0 {
            bucket.tokens -= bytes;
            return None;
        }
        Some(Duration::from_secs_f64((-bucket.tokens / rate).clamp(0.001, 1.0)))
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn no_more_than_the_limit_passes_however_many_ask() {
        let throttle = Arc::new(Throttle::new(Some(1000)));
        let begun = Instant::now();
        let ask = (0..4).map(|_| {
            let throttle = throttle.clone();
            tokio::spawn(async move {
                for _ in 0..10 {
                    throttle.pass(100).await;
                }
            })
        });
        futures::future::join_all(ask.collect::<Vec<_>>()).await;
        let took = begun.elapsed().as_secs_f64();
        assert!((3.5..4.5).contains(&took), "4000 bytes took {took} s");
    }

    #[tokio::test(start_paused = true)]
    async fn a_limit_that_is_lifted_lets_those_go_that_wait() {
        let throttle = Arc::new(Throttle::new(Some(1)));
        throttle.pass(1_000_000).await;
        let waits = tokio::spawn({
            let throttle = throttle.clone();
            async move { throttle.pass(1).await }
        });
        tokio::time::sleep(Duration::from_secs(5)).await;
        assert!(!waits.is_finished());
        throttle.limit(None);
        waits.await.unwrap();
    }

    #[tokio::test(start_paused = true)]
    async fn while_it_is_held_nothing_passes() {
        let throttle = Arc::new(Throttle::new(None));
        throttle.hold(true);
        let waits = tokio::spawn({
            let throttle = throttle.clone();
            async move { throttle.pass(1).await }
        });
        tokio::time::sleep(Duration::from_secs(60)).await;
        assert!(!waits.is_finished());
        throttle.hold(false);
        waits.await.unwrap();
        assert!(throttle.waited() >= Duration::from_secs(60));
    }
}
