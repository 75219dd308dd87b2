//! Who may ask a registry now: questions of one team leave room for those of others, and one list is not read twice at once. Knows
//! nothing of what is asked.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::{Mutex as Turn, OwnedMutexGuard};

use super::shelf::Asker;

/// So many questions of one control namespace are answered at the same time.
const OF_ONE: usize = 2;

#[derive(Default)]
pub struct Seats {
    taken: Mutex<BTreeMap<String, usize>>,
    turns: Mutex<BTreeMap<Asker, Arc<Turn<()>>>>,
}

/// A place among the questions of a control namespace, until it is dropped.
pub struct Seat<'a> {
    seats: &'a Seats,
    control: String,
}

impl Seats {
    /// None: as many as may are taken.
    pub fn take(&self, control: &str) -> Option<Seat<'_>> {
        let mut taken = locked(&self.taken);
        let count = taken.entry(control.to_owned()).or_default();
        if *count >= OF_ONE {
            return None;
        }
        *count += 1;
        Some(Seat { seats: self, control: control.to_owned() })
    }

    /// Waits until nobody reads the list of the same asker.
    pub async fn turn(&self, asker: &Asker) -> OwnedMutexGuard<()> {
        let turn = {
            let mut turns = locked(&self.turns);
            turns.retain(|_, turn| Arc::strong_count(turn) > 1);
            turns.entry(asker.clone()).or_default().clone()
        };
        turn.lock_owned().await
    }
}

impl Drop for Seat<'_> {
    fn drop(&mut self) {
        let mut taken = locked(&self.seats.taken);
        if let Some(count) = taken.get_mut(&self.control) {
            *count -= 1;
            if *count == 0 {
                taken.remove(&self.control);
            }
        }
    }
}

/// What panicked elsewhere left nothing half done here.
fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};
    use std::time::Instant;

    use super::super::shelf::Shelf;
    use super::super::tags::Tags;
    use super::*;

    #[test]
    fn one_namespace_leaves_room_for_others_and_gives_its_seats_back() {
        let seats = Seats::default();
        let first = seats.take("shop");
        let second = seats.take("shop");
        assert!(first.is_some() && second.is_some() && seats.take("shop").is_none());
        assert!(seats.take("other").is_some());
        drop(first);
        assert!(seats.take("shop").is_some());
        drop(second);
        assert!(locked(&seats.taken).is_empty());
    }

    #[tokio::test]
    async fn two_who_ask_the_same_at_once_have_it_read_once() {
        let (seats, shelf, reads) = (Seats::default(), Shelf::default(), AtomicUsize::new(0));
        let asker =
            Asker { control: "shop".into(), class: "qa".into(), repository: "r.example/shop/web".into() };
        let ask = async || {
            let _turn = seats.turn(&asker).await;
            let read = async {
                reads.fetch_add(1, Ordering::Relaxed);
                tokio::task::yield_now().await;
                Ok(Tags::default())
            };
            shelf.listed(&asker, Instant::now(), read).await.is_ok()
        };
        assert_eq!(tokio::join!(ask(), ask()), (true, true));
        assert_eq!(reads.load(Ordering::Relaxed), 1);
        drop(seats.turn(&Asker { class: "test".into(), ..asker.clone() }).await);
        assert_eq!(locked(&seats.turns).len(), 1, "what nobody waits for is forgotten");
    }
}
