//! Where a source puts its lines. A slow listener slows every source down, by permits; nothing is dropped.

use std::sync::Arc;

use jiff::Timestamp;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc};

use super::batch::Batch;
use super::files::Files;
use super::marks::{Mark, Source, What};
use super::order::{CROWD, Id};

/// A batch is sent at the latest when it holds so much.
const FULL: usize = 32 * 1024;

#[derive(Debug)]
pub enum Arrival {
    /// A source is there; `live`: nobody waits for what it wrote before.
    Joined {
        id: Id,
        source: Arc<Source>,
        live: bool,
    },
    Batch {
        id: Id,
        batch: Batch,
        permit: OwnedSemaphorePermit,
    },
    CaughtUp {
        id: Id,
    },
    Ended {
        id: Id,
    },
}

/// Nobody listens any more.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Unheard;

/// Of one source. Dropped, it says that the source has ended.
#[derive(Debug)]
pub struct Outlet {
    id: Id,
    source: Arc<Source>,
    /// It is a sidecar that tells the lines of files.
    files: Option<Files>,
    arrivals: mpsc::UnboundedSender<Arrival>,
    permits: Arc<Semaphore>,
    batch: Batch,
    catching_up: bool,
}

impl Outlet {
    pub fn new(id: Id, source: Source, live: bool, arrivals: mpsc::UnboundedSender<Arrival>) -> Self {
        let files = Files::of(&source);
        let source = Arc::new(source);
        // If nobody listens, the first batch finds out.
        let _ = arrivals.send(Arrival::Joined { id, source: source.clone(), live });
        let permits = Arc::new(Semaphore::new(CROWD));
        Self { id, source, files, arrivals, permits, batch: Batch::default(), catching_up: !live }
    }

    pub fn line(&mut self, time: Timestamp, text: &[u8]) {
        match self.files.as_mut().and_then(|files| files.read(text)) {
            Some((source, text)) => self.batch.line_of(Some(source), time, text),
            None => self.batch.line(time, text),
        }
    }

    /// How a sidecar comes and goes is no news beside its component: only that it fails, or that lines may be missing.
    pub fn mark(&mut self, time: Timestamp, what: What) {
        if self.files.is_some() && !what.is_bad() {
            return;
        }
        self.batch.mark(Mark { source: self.source.clone(), time, what });
    }

    pub fn is_empty(&self) -> bool {
        self.batch.is_empty()
    }

    pub fn is_full(&self) -> bool {
        self.batch.bytes() >= FULL
    }

    pub fn is_catching_up(&self) -> bool {
        self.catching_up
    }

    /// Sends what there is.
    pub async fn flush(&mut self) -> Result<(), Unheard> {
        if self.batch.is_empty() {
            return if self.arrivals.is_closed() { Err(Unheard) } else { Ok(()) };
        }
        let permit = self.permits.clone().acquire_owned().await.map_err(|_| Unheard)?;
        let batch = std::mem::take(&mut self.batch);
        self.arrivals.send(Arrival::Batch { id: self.id, batch, permit }).map_err(|_| Unheard)
    }

    /// What comes from now on is written as we read.
    pub fn caught_up(&mut self) {
        if self.catching_up {
            self.catching_up = false;
            let _ = self.arrivals.send(Arrival::CaughtUp { id: self.id });
        }
    }
}

impl Drop for Outlet {
    fn drop(&mut self) {
        let _ = self.arrivals.send(Arrival::Ended { id: self.id });
    }
}
