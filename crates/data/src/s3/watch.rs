//! Looks at how it goes: how many objects are under way is found out, limits that change are followed,
//! progress is told, and the copy is seen to stay alone on its target.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use super::census;
use super::job::Limits;
use super::plan::level::{Level, Seen};
use super::report::{Event, Progress};
use super::shared::{Shared, lock};
use crate::error::Result;
use crate::plan::estimate;
use crate::throttle::Throttle;
use crate::{Steer, progress};

const LOOK: Duration = Duration::from_millis(500);

/// As much work as an object is by itself.
const BYTES_OF_AN_OBJECT: f64 = 256_000.0;

/// Under way at first.
pub const FIRST: usize = 16;

pub struct Watch {
    pub steer: Steer<Limits>,
    pub limits: Limits,
    pub shared: Arc<Shared>,
    pub requests: Arc<Throttle>,
}

impl Watch {
    /// Never ends by itself, but when somebody else has taken the target.
    pub async fn run(mut self) -> Result<()> {
        let turn = self.shared.turn.clone();
        let shared = self.shared.clone();
        tokio::select! {
            ended = Box::pin(turn.keep()) => ended,
            never = Box::pin(census::beside(&shared)) => match never {},
            () = Box::pin(self.look()) => Ok(()),
        }
    }

    async fn look(&mut self) {
        let mut level = Level::new(FIRST);
        let read = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        let (mut at, mut objects, mut bytes) = (Instant::now(), 0, 0);
        loop {
            tokio::time::sleep(LOOK).await;
            if let Some(limits) = (self.steer)() {
                self.shared.course.bytes.limit(limits.bytes_per_second);
                self.requests.limit(limits.requests_per_second);
                self.limits = limits;
            }
            let tally = &self.shared.tally;
            let seconds = at.elapsed().as_secs_f64().max(0.001);
            let (now_objects, now_bytes) = (read(&tally.copied), read(&tally.bytes));
            let a_second = |now: u64, before: u64| now.saturating_sub(before) as f64 / seconds;
            let (object_rate, byte_rate) = (a_second(now_objects, objects), a_second(now_bytes, bytes));
            (at, objects, bytes) = (Instant::now(), now_objects, now_bytes);
            let gate = &self.shared.gate;
            let seen = Seen {
                rate: object_rate + byte_rate / BYTES_OF_AN_OBJECT,
                slowed: gate.was_slowed(),
                full: gate.was_full(),
            };
            gate.resize(level.next(seen, self.limits.transfers));
            self.tell(object_rate, byte_rate, seen.slowed);
        }
    }

    fn tell(&self, objects_per_second: f64, bytes_per_second: f64, held: bool) {
        let shared = &self.shared;
        let read = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        let (tally, census) = (&shared.tally, &shared.tally.census);
        let listed = lock(&shared.course.board).is_done();
        let objects = read(&tally.objects);
        let of_objects = if listed { read(&tally.listed) } else { read(&census.objects).max(objects) };
        let known = listed || census.ended.load(Ordering::Relaxed);
        let left = estimate::seconds_left(objects, of_objects, shared.begun.elapsed().as_secs_f64());
        (shared.say)(progress::Event::S3(Event::Progress(Progress {
            objects,
            copied: read(&tally.copied),
            of_objects,
            bytes: read(&tally.bytes),
            of_bytes: read(&census.bytes),
            bytes_per_second: bytes_per_second as u64,
            objects_per_second: objects_per_second as u64,
            listed: known,
            under_way: shared.gate.taken(),
            seconds_left: left.filter(|_| known),
            held,
        })));
    }
}
