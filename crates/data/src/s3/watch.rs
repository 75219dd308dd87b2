//! Looks at how it goes: how many objects are under way is found out, limits that change in the job's file are followed,
//! progress is told, and the copy is seen to stay alone on its target.

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use super::job::{self, Limits};
use super::plan::level::{Level, Seen};
use super::report::{Event, Progress};
use super::shared::{Shared, lock};
use crate::error::Result;
use crate::plan::estimate;
use crate::progress;
use crate::throttle::Throttle;

const LOOK: Duration = Duration::from_millis(500);

/// As much work as an object is by itself.
const BYTES_OF_AN_OBJECT: f64 = 256_000.0;

/// Under way at first.
pub const FIRST: usize = 16;

pub struct Watch {
    pub file: PathBuf,
    pub limits: Limits,
    pub shared: Arc<Shared>,
    pub requests: Arc<Throttle>,
}

impl Watch {
    /// Never ends by itself, but when somebody else has taken the target.
    pub async fn run(mut self) -> Result<()> {
        let turn = self.shared.turn.clone();
        tokio::select! {
            ended = Box::pin(turn.keep()) => ended,
            () = Box::pin(self.look()) => Ok(()),
        }
    }

    async fn look(&mut self) {
        let mut level = Level::new(FIRST);
        let read = |counter: &std::sync::atomic::AtomicU64| counter.load(Ordering::Relaxed);
        let (mut at, mut objects, mut bytes) = (Instant::now(), 0, 0);
        loop {
            tokio::time::sleep(LOOK).await;
            if let Some(limits) = job::limits(&self.file) {
                self.shared.bytes.limit(limits.bytes_per_second);
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
        let listed = lock(&shared.board).is_done();
        let (objects, all) =
            (shared.tally.objects.load(Ordering::Relaxed), shared.tally.listed.load(Ordering::Relaxed));
        let copied = shared.tally.copied.load(Ordering::Relaxed);
        let left = estimate::seconds_left(objects, all, shared.begun.elapsed().as_secs_f64());
        (shared.say)(progress::Event::S3(Event::Progress(Progress {
            objects,
            copied,
            bytes: shared.tally.bytes.load(Ordering::Relaxed),
            bytes_per_second: bytes_per_second as u64,
            objects_per_second: objects_per_second as u64,
            listed,
            under_way: shared.gate.taken(),
            seconds_left: left.filter(|_| listed),
            held,
        })));
    }
}
