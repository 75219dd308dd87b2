//! What all walkers of a copy have in common.

use std::collections::HashSet;
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::Instant;

use tokio::sync::{Notify, Semaphore, SemaphorePermit};

use super::answer::Answer;
use super::end::End;
use super::gate::Gate;
use super::job::Job;
use super::ledger::{Indexed, Ledger};
use super::plan::board::Board;
use super::plan::deal::Deal;
use super::plan::parts::HELD;
use super::plan::scope::Scope;
use super::report::{Event, Tally};
use super::turn::Turn;
use crate::error::{Error, Result};
use crate::share::Share;
use crate::throttle::Throttle;
use crate::{Say, progress};

/// Memory is given out in pieces of this.
const PIECE: u64 = 64 << 10;

pub struct Shared {
    pub job: Job,
    /// Others copy the rest of it.
    pub share: Option<(Share, Deal)>,
    pub scopes: Vec<Scope>,
    pub source: End,
    pub target: End,
    pub ledger: Ledger,
    pub turn: Turn,
    /// When this job began, by the target's clock: what was written since was written by it.
    pub since: Option<i64>,
    pub index: Vec<Indexed>,
    pub gate: Arc<Gate>,
    pub tally: Arc<Tally>,
    pub begun: Instant,
    pub say: Say,
    pub course: Course,
}

/// How far all of them are.
pub struct Course {
    pub board: Mutex<Board>,
    pub board_changed: Notify,
    pub bytes: Arc<Throttle>,
    memory: Semaphore,
    /// On the target alone, as many as may be removed and one more.
    pub extraneous: Mutex<Vec<String>>,
    /// Stretches of the ledger that hold now.
    pub holding: Mutex<HashSet<String>>,
    fatal: Mutex<Option<Error>>,
    failed: Notify,
    pub first: OnceLock<f64>,
}

pub fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Course {
    pub fn new(board: Board, bytes_per_second: Option<u64>) -> Self {
        Self {
            board: Mutex::new(board),
            board_changed: Notify::new(),
            bytes: Arc::new(Throttle::new(bytes_per_second)),
            memory: Semaphore::new((HELD / PIECE).try_into().unwrap_or(usize::MAX)),
            extraneous: Mutex::default(),
            holding: Mutex::default(),
            fatal: Mutex::default(),
            failed: Notify::new(),
            first: OnceLock::new(),
        }
    }
}

impl Shared {
    /// One request can speak of both.
    pub fn by_itself(&self) -> bool {
        self.job.source.is_beside(&self.job.target)
    }

    /// Room for so much content; what is larger than all of it gets all of it.
    pub async fn room(&self, bytes: u64) -> Result<SemaphorePermit<'_>, Answer> {
        let pieces = bytes.min(HELD).div_ceil(PIECE).max(1);
        let room = self.course.memory.acquire_many(pieces.try_into().unwrap_or(u32::MAX)).await;
        room.map_err(|_| Answer::Away("the copy ends".to_owned()))
    }

    /// Nothing that is under way goes on.
    pub fn fail(&self, error: Error) {
        lock(&self.course.fatal).get_or_insert(error);
        self.course.failed.notify_one();
    }

    pub async fn failed(&self) -> Error {
        loop {
            let failed = self.course.failed.notified();
            if let Some(error) = lock(&self.course.fatal).take() {
                return error;
            }
            failed.await;
        }
    }

    /// An object is on the target.
    pub fn arrived(&self) {
        self.tally.copied.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
        if self.course.first.get().is_none() {
            let seconds = self.begun.elapsed().as_secs_f64();
            if self.course.first.set(seconds).is_ok() {
                (self.say)(progress::Event::S3(Event::First { seconds }));
            }
        }
    }
}
