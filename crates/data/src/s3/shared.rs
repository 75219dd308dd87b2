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
    /// One request can speak of both.
    pub by_itself: bool,
    pub ledger: Ledger,
    pub turn: Turn,
    /// When this job began, by the target's clock: what was written since was written by it.
    pub since: Option<i64>,
    pub index: Vec<Indexed>,
    pub board: Mutex<Board>,
    pub board_changed: Notify,
    pub gate: Arc<Gate>,
    pub bytes: Arc<Throttle>,
    memory: Semaphore,
    pub tally: Arc<Tally>,
    /// On the target alone, as many as may be removed and one more.
    pub extraneous: Mutex<Vec<String>>,
    /// Stretches of the ledger that hold now.
    pub holding: Mutex<HashSet<String>>,
    fatal: Mutex<Option<Error>>,
    failed: Notify,
    pub begun: Instant,
    pub first: OnceLock<f64>,
    pub say: Say,
}

pub fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// What [`Shared`] is made of and does not make itself.
pub struct Parts {
    pub job: Job,
    pub share: Option<(Share, Deal)>,
    pub scopes: Vec<Scope>,
    pub source: End,
    pub target: End,
    pub ledger: Ledger,
    pub turn: Turn,
    pub since: Option<i64>,
    pub index: Vec<Indexed>,
    pub board: Board,
    pub gate: Arc<Gate>,
    pub tally: Arc<Tally>,
    pub begun: Instant,
    pub say: Say,
}

impl Shared {
    pub fn new(parts: Parts) -> Self {
        let Parts {
            job,
            share,
            scopes,
            source,
            target,
            ledger,
            turn,
            since,
            index,
            board,
            gate,
            tally,
            begun,
            say,
        } = parts;
        Self {
            by_itself: job.source.is_beside(&job.target),
            bytes: Arc::new(Throttle::new(job.limits.bytes_per_second)),
            memory: Semaphore::new((HELD / PIECE).try_into().unwrap_or(usize::MAX)),
            board: Mutex::new(board),
            board_changed: Notify::new(),
            extraneous: Mutex::default(),
            holding: Mutex::default(),
            fatal: Mutex::default(),
            failed: Notify::new(),
            first: OnceLock::new(),
            job,
            share,
            scopes,
            source,
            target,
            ledger,
            turn,
            since,
            index,
            gate,
            tally,
            begun,
            say,
        }
    }

    /// Room for so much content; what is larger than all of it gets all of it.
    pub async fn room(&self, bytes: u64) -> Result<SemaphorePermit<'_>, Answer> {
        let pieces = bytes.min(HELD).div_ceil(PIECE).max(1);
        let room = self.memory.acquire_many(pieces.try_into().unwrap_or(u32::MAX)).await;
        room.map_err(|_| Answer::Away("the copy ends".to_owned()))
    }

    /// Nothing that is under way goes on.
    pub fn fail(&self, error: Error) {
        lock(&self.fatal).get_or_insert(error);
        self.failed.notify_one();
    }

    pub async fn failed(&self) -> Error {
        loop {
            let failed = self.failed.notified();
            if let Some(error) = lock(&self.fatal).take() {
                return error;
            }
            failed.await;
        }
    }

    /// An object is on the target.
    pub fn arrived(&self) {
        self.tally.copied.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
        if self.first.get().is_none() {
            let seconds = self.begun.elapsed().as_secs_f64();
            if self.first.set(seconds).is_ok() {
                (self.say)(progress::Event::S3(Event::First { seconds }));
            }
        }
    }
}
