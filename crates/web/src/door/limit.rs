//! How often somebody may come (so many requests at once, then so many a second), and how much of theirs may be under way.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};

use axum::body::Body;
use axum::response::Response;
use futures::StreamExt;
use jiff::Timestamp;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// More askers than this are not told apart from each other; whoever has not come for a while is forgotten first.
const MOST: usize = 20_000;

/// How many requests somebody has left, and when that was so.
type Left = (f64, Timestamp);

pub struct Limit {
    /// A second.
    rate: f64,
    at_once: f64,
    left: Mutex<HashMap<String, Left>>,
}

impl Limit {
    pub fn new(rate: f64, at_once: f64) -> Self {
        Self { rate, at_once, left: Mutex::default() }
    }

    /// One request of somebody. An error: after how many seconds the next may come.
    pub fn take(&self, who: &str, now: Timestamp) -> Result<(), u64> {
        let mut all = self.left.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        if all.len() >= MOST && !all.contains_key(who) {
            all.retain(|_, left| self.now(*left, now) < self.at_once);
            if all.len() >= MOST {
                // Very many come at once: they share what one has.
                return Self::take_from(all.entry(String::new()).or_insert((self.at_once, now)), self, now);
            }
        }
        Self::take_from(all.entry(who.to_owned()).or_insert((self.at_once, now)), self, now)
    }

    fn take_from(left: &mut Left, limit: &Self, now: Timestamp) -> Result<(), u64> {
        let has = limit.now(*left, now);
        *left = (has, now);
        if has < 1.0 {
            let seconds = ((1.0 - has) / limit.rate).ceil().max(1.0) as u64;
            return Err(seconds);
        }
        left.0 -= 1.0;
        Ok(())
    }

    fn now(&self, (left, then): Left, now: Timestamp) -> f64 {
        // A clock that was set back gives nothing and takes nothing.
        let passed = now.duration_since(then).as_secs_f64().max(0.0);
        (left + passed * self.rate).min(self.at_once)
    }
}

/// Room that one thing takes while it goes on: given back when the last copy of this is dropped.
#[derive(Clone)]
pub struct Room {
    _held: Arc<OwnedSemaphorePermit>,
    _besides: Option<Box<Room>>,
}

impl Room {
    fn of(held: OwnedSemaphorePermit) -> Self {
        Self { _held: Arc::new(held), _besides: None }
    }

    /// Two rooms that one thing takes.
    pub fn with(self, other: Self) -> Self {
        Self { _besides: Some(Box::new(other)), ..self }
    }
}

/// What is under way, by whom.
pub struct Rooms {
    each: usize,
    all: Mutex<HashMap<String, Arc<Semaphore>>>,
}

impl Rooms {
    pub fn new(each: usize) -> Self {
        Self { each, all: Mutex::default() }
    }

    /// None: whoever it is has none left.
    pub fn take(&self, who: &str) -> Option<Room> {
        let held = self.of(who).try_acquire_owned().ok()?;
        Some(Room::of(held))
    }

    /// Once they have some.
    pub async fn wait(&self, who: &str) -> Option<Room> {
        let held = self.of(who).acquire_owned().await.ok()?;
        Some(Room::of(held))
    }

    fn of(&self, who: &str) -> Arc<Semaphore> {
        let mut all = self.all.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        if all.len() >= MOST {
            // Those of whom nothing is under way.
            all.retain(|_, rooms| rooms.available_permits() < self.each);
        }
        all.entry(who.to_owned()).or_insert_with(|| Arc::new(Semaphore::new(self.each))).clone()
    }
}

/// An answer that goes on for as long as somebody listens takes its room for so long; any other gives it back at once.
pub fn holding(response: Response, room: Option<Room>) -> Response {
    let kind = response.headers().get(axum::http::header::CONTENT_TYPE);
    let goes_on = kind.is_some_and(|kind| kind == "text/event-stream") || !is_bounded(&response);
    let Some(room) = room.filter(|_| goes_on) else { return response };
    response.map(|body| {
        Body::from_stream(body.into_data_stream().map(move |piece| {
            let _held = &room;
            piece
        }))
    })
}

/// Whether it is known how long it is.
fn is_bounded(response: &Response) -> bool {
    use axum::body::HttpBody;
    response.body().size_hint().exact().is_some()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(second).unwrap()
    }

    #[test]
    fn whoever_comes_too_often_waits_and_others_do_not() {
        let limit = Limit::new(2.0, 3.0);
        for _ in 0..3 {
            assert_eq!(limit.take("ann", at(0)), Ok(()));
        }
        assert_eq!(limit.take("ann", at(0)), Err(1));
        assert_eq!(limit.take("bob", at(0)), Ok(()));
        assert_eq!(limit.take("ann", at(1)), Ok(()));
        assert_eq!(limit.take("ann", at(1)), Ok(()));
        assert_eq!(limit.take("ann", at(1)), Err(1));
        // No more is saved up than was there at first.
        let later = (0..5).map(|_| limit.take("ann", at(1_000)).is_ok());
        assert_eq!(later.filter(|taken| *taken).count(), 3);
    }

    #[tokio::test]
    async fn what_goes_on_takes_its_room_until_nobody_listens() {
        let rooms = Rooms::new(1);
        let stream = |room| {
            let body = Body::from_stream(futures::stream::pending::<Result<Vec<u8>, std::io::Error>>());
            holding(Response::new(body), room)
        };
        let live = stream(rooms.take("ann"));
        assert!(rooms.take("ann").is_none() && rooms.take("bob").is_some());
        drop(live);
        // A connection that became another has its own copy.
        let (room, along) = (rooms.take("ann"), rooms.take("bob"));
        let taken = along.clone();
        drop((room, along));
        assert!(rooms.take("ann").is_some() && rooms.take("bob").is_none());
        drop(taken);
        assert!(rooms.take("bob").is_some());
        let page = holding(Response::new(Body::from("a page")), rooms.take("ann"));
        assert!(rooms.take("ann").is_some(), "a page is sent, and that is all");
        drop(page);
    }

    #[test]
    fn a_slow_limit_says_how_long_and_a_clock_set_back_takes_nothing() {
        let limit = Limit::new(0.1, 1.0);
        assert_eq!(limit.take("ann", at(100)), Ok(()));
        assert_eq!(limit.take("ann", at(50)), Err(10));
        assert_eq!(limit.take("ann", at(60)), Ok(()));
    }

    #[test]
    fn very_many_who_come_at_once_take_no_more_memory() {
        let limit = Limit::new(1.0, 2.0);
        let taken = (0..MOST + 50).filter(|number| limit.take(&number.to_string(), at(0)).is_ok()).count();
        assert_eq!(taken, MOST + 2);
        assert!(limit.left.lock().unwrap().len() <= MOST + 1);
        assert_eq!(limit.take("a new one, later", at(100)), Ok(()));
    }
}
