//! How many objects may be under way at once; can change while they are.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard};

use tokio::sync::Notify;

#[derive(Debug, Default)]
struct Places {
    all: usize,
    taken: usize,
    most: usize,
    /// Somebody waited since this was asked last.
    full: bool,
}

#[derive(Debug)]
pub struct Gate {
    places: Mutex<Places>,
    freed: Notify,
    slowed: AtomicBool,
    slow_downs: AtomicU64,
}

/// Given back when it is dropped.
#[derive(Debug)]
pub struct Place(Arc<Gate>);

impl Gate {
    pub fn new(all: usize) -> Arc<Self> {
        let places = Mutex::new(Places { all, ..Places::default() });
        Arc::new(Self {
            places,
            freed: Notify::new(),
            slowed: AtomicBool::default(),
            slow_downs: AtomicU64::default(),
        })
    }

    fn places(&self) -> MutexGuard<'_, Places> {
        self.places.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
    }

    pub async fn enter(self: &Arc<Self>) -> Place {
        loop {
            let freed = self.freed.notified();
            {
                let mut places = self.places();
                if places.taken < places.all {
                    places.taken += 1;
                    places.most = places.most.max(places.taken);
                    return Place(self.clone());
                }
                places.full = true;
            }
            freed.await;
        }
    }

    pub fn resize(&self, all: usize) {
        self.places().all = all;
        self.freed.notify_waiters();
    }

    pub fn taken(&self) -> usize {
        self.places().taken
    }

    pub fn most(&self) -> usize {
        self.places().most
    }

    /// Whether somebody had to wait since this was asked last.
    pub fn was_full(&self) -> bool {
        std::mem::take(&mut self.places().full)
    }

    /// A store says that it is too much.
    pub fn slow_down(&self) {
        self.slowed.store(true, Ordering::Relaxed);
        self.slow_downs.fetch_add(1, Ordering::Relaxed);
    }

    pub fn was_slowed(&self) -> bool {
        self.slowed.swap(false, Ordering::Relaxed)
    }

    pub fn slow_downs(&self) -> u64 {
        self.slow_downs.load(Ordering::Relaxed)
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut places = self.0.places();
        places.taken -= 1;
        let free = places.taken < places.all;
        drop(places);
        if free {
            self.0.freed.notify_one();
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn no_more_enter_than_there_are_places_and_more_as_soon_as_there_are_more() {
        let gate = Gate::new(2);
        let (first, second) = (gate.enter().await, gate.enter().await);
        let third = tokio::spawn({
            let gate = gate.clone();
            async move { gate.enter().await }
        });
        tokio::time::sleep(Duration::from_secs(1)).await;
        assert!(!third.is_finished() && gate.was_full());
        gate.resize(3);
        let third = third.await.unwrap();
        gate.resize(1);
        drop((first, second));
        let waits = tokio::time::timeout(Duration::from_secs(1), gate.enter()).await;
        assert!(waits.is_err());
        drop(third);
        let _last = gate.enter().await;
        assert_eq!((gate.taken(), gate.most()), (1, 3));
    }
}
