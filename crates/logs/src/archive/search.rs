//! A search through all objects of a span of time, read side by side, newest first.

use std::io::{self, Read};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use aws::Failure;
use bytes::{Buf, Bytes};
use jiff::Timestamp;
use tokio::sync::mpsc;
use tokio::task::JoinSet;

use super::formats::Unpacked;
use super::keep::Keep;
use super::listing::{self, Part};
use super::object::{Counts, Rules};
use super::store::{Reading, Store};
use super::{Archive, Doing, Error, Estimate, Event, Found, Most, Progress, Skipped, Summary, Wanted};

/// Pieces of an object that may wait to be unpacked, and batches of lines that may wait to be told.
const WAITING: usize = 4;
/// So many lines are told together, and no more than so much of them.
const BATCH: usize = 256;
const BATCH_BYTES: usize = 256 << 10;
/// Of lines that wait for their place, in memory, unless less is said.
const ROOM: usize = 256 << 20;
/// Objects that are read at once where memory is bounded, and so long a value of them may be: Firehose takes none of a
/// megabyte.
const FEW: usize = 2;
const LONGEST_OF_FEW: usize = 2 << 20;
const ATTEMPTS: u32 = 4;
const PAUSE: Duration = Duration::from_millis(500);
const PROGRESS: Duration = Duration::from_millis(200);

/// A search whose extent is known, and which has read nothing yet.
pub struct Search<S> {
    store: S,
    bucket: String,
    wanted: Wanted,
    most: Option<Most>,
    rules: Arc<Rules>,
    /// Those that may hold the newest lines first.
    parts: Vec<Part>,
    pub estimate: Estimate,
}

/// Lists what a search would have to read; of more than `most` no more than it takes to know that.
pub async fn prepare<S: Store>(
    store: S,
    archive: &Archive,
    wanted: Wanted,
    most: Option<Most>,
) -> Result<Search<S>, Error> {
    let (parts, estimate) = listing::parts(store.clone(), archive, &wanted, most).await?;
    let rules = Rules::new(&wanted, &archive.fields);
    let rules = Arc::new(if most.is_some() { rules.up_to(LONGEST_OF_FEW) } else { rules });
    Ok(Search { store, bucket: archive.place.name.clone(), wanted, most, rules, parts, estimate })
}

/// So many objects are read beyond those that are read at once, while the newest is not through yet: it mostly has all that is
/// wanted.
const AHEAD: usize = 4;

/// What is told by those who read.
enum Told {
    Lines(Vec<Found>),
    Done { index: usize, counts: Counts },
    Failed(Failure),
}

/// What is done with lines as they are found.
pub trait Take {
    /// In no order.
    fn lines(&mut self, found: Vec<Found>, rules: &Floor);
    /// Every line newer than `bound` has been found; none: every line at all. Gives those to be told now.
    fn ready(&mut self, bound: Option<Timestamp>) -> Vec<Found>;
    /// Nothing more is wanted.
    fn is_done(&self) -> bool;
    fn found(&self) -> u64;
}

/// Tells those who read how old is too old.
pub struct Floor(Arc<Rules>);

impl Floor {
    pub fn raise(&self, to: Timestamp) {
        if let Ok(nanoseconds) = i64::try_from(to.as_nanosecond()) {
            self.0.floor.fetch_max(nanoseconds, Ordering::Relaxed);
        }
    }
}

impl Take for Keep {
    fn lines(&mut self, found: Vec<Found>, floor: &Floor) {
        found.into_iter().for_each(|found| self.push(found));
        if let Some(oldest) = self.floor() {
            floor.raise(oldest);
        }
    }

    fn ready(&mut self, bound: Option<Timestamp>) -> Vec<Found> {
        Self::ready(self, bound)
    }

    fn is_done(&self) -> bool {
        Self::is_done(self)
    }

    fn found(&self) -> u64 {
        Self::found(self) as u64
    }
}

impl<S: Store> Search<S> {
    /// Tells lines, newest first. `None`: nobody listens any more.
    pub async fn run(self, out: &mpsc::Sender<Event>) -> Result<Option<Summary>, Error> {
        let mut keep = Keep::new(self.wanted.limit, self.most.map_or(ROOM, |most| most.memory));
        let (parts, since, rules) = (self.parts.len(), self.wanted.since, self.rules.clone());
        let floor = rules.floor.load(Ordering::Relaxed);
        let Some(mut summary) = self.drive(&mut keep, out).await? else { return Ok(None) };
        summary.lines = keep.told() as u64;
        summary.cut = keep.cut;
        summary.skipped.duplicates = keep.duplicates;
        summary.skipped.out_of_order = keep.out_of_order;
        // Below a floor that was raised, those who read have passed lines over without a word.
        let passed_over = rules.floor.load(Ordering::Relaxed) > floor;
        let more = keep.more || (keep.is_done() && (passed_over || summary.objects < parts as u64));
        summary.more_before = keep.last().filter(|last| more && *last > since);
        Ok(Some(summary))
    }

    /// Hands every line to `take`, and to `out` what `take` says is to be told.
    pub async fn drive(
        self,
        take: &mut impl Take,
        out: &mpsc::Sender<Event>,
    ) -> Result<Option<Summary>, Error> {
        let many = std::thread::available_parallelism().map_or(2, usize::from).saturating_mul(2).clamp(4, 16);
        let at_once = if self.most.is_some() { FEW } else { many };
        let (tell, mut told) = mpsc::channel(WAITING);
        let (begun, read) = (Instant::now(), Arc::new(AtomicU64::new(0)));
        let floor = Floor(self.rules.clone());
        let mut done = vec![false; self.parts.len()];
        let (mut first, mut next) = (0, 0);
        let mut summary = Summary::default();
        let mut tasks = JoinSet::new();
        let mut shown = Instant::now();
        loop {
            while next < self.parts.len().min(first + at_once + AHEAD) && tasks.len() < at_once {
                let task = Task {
                    index: next,
                    store: self.store.clone(),
                    key: self.parts[next].key.clone(),
                    rules: self.rules.clone(),
                    read: read.clone(),
                    tell: tell.clone(),
                };
                tasks.spawn(task.run());
                next += 1;
            }
            let bound = self.parts.get(first).map(|part| part.newest);
            for found in take.ready(bound) {
                if out.send(Event::Line(found)).await.is_err() {
                    return Ok(None);
                }
            }
            if take.is_done() || first == self.parts.len() {
                break;
            }
            tokio::select! {
                Some(told) = told.recv() => match told {
                    Told::Lines(found) => take.lines(found, &floor),
                    Told::Done { index, counts } => {
                        done[index] = true;
                        summary.objects += 1;
                        summary.unpacked += counts.unpacked;
                        summary.skipped.add(&counts.skipped);
                        while done.get(first) == Some(&true) {
                            first += 1;
                        }
                    }
                    Told::Failed(failure) => {
                        return Err(Error::Bucket { bucket: self.bucket, doing: Doing::Read, failure });
                    }
                },
                // One that is through makes room for the next.
                Some(ended) = tasks.join_next() => {
                    if let Err(error) = ended {
                        let failure = Failure::Refused(error.to_string());
                        return Err(Error::Bucket { bucket: self.bucket, doing: Doing::Read, failure });
                    }
                }
                () = out.closed() => return Ok(None),
            }
            if shown.elapsed() >= PROGRESS {
                shown = Instant::now();
                let bytes = read.load(Ordering::Relaxed);
                let progress = Progress {
                    objects: summary.objects,
                    bytes,
                    of: self.estimate,
                    found: take.found(),
                    seconds_left: left(bytes, self.estimate.bytes, begun.elapsed()),
                };
                // Whoever is busy with lines needs no progress.
                let _ = out.try_send(Event::Progress(progress));
            }
        }
        // Whoever still reads is told that nobody listens.
        drop(told);
        summary.bytes = read.load(Ordering::Relaxed);
        Ok(Some(summary))
    }
}

fn left(bytes: u64, of: u64, elapsed: Duration) -> Option<u64> {
    let speed = bytes as f64 / elapsed.as_secs_f64();
    (speed > 0.0).then(|| (of.saturating_sub(bytes) as f64 / speed).ceil() as u64)
}

/// The reading of one object.
struct Task<S> {
    index: usize,
    store: S,
    key: Arc<str>,
    rules: Arc<Rules>,
    read: Arc<AtomicU64>,
    tell: mpsc::Sender<Told>,
}

/// How one attempt ended.
enum End {
    Read(Counts),
    Cut(Failure),
    Gone,
    Refused(Failure),
}

impl<S: Store> Task<S> {
    async fn run(self) {
        let mut attempt = 0;
        let told = loop {
            attempt += 1;
            match self.attempt().await {
                End::Read(counts) => break Told::Done { index: self.index, counts },
                End::Gone => {
                    let skipped = Skipped { gone: 1, ..Skipped::default() };
                    break Told::Done { index: self.index, counts: Counts { unpacked: 0, skipped } };
                }
                End::Cut(failure) if attempt < ATTEMPTS => {
                    tracing::debug!(key = %self.key, ?failure, "a reading was cut off");
                    tokio::time::sleep(PAUSE).await;
                }
                End::Cut(failure) | End::Refused(failure) => break Told::Failed(failure),
            }
        };
        let _ = self.tell.send(told).await;
    }

    async fn attempt(&self) -> End {
        let mut content = match self.store.read(&self.key).await {
            Ok(content) => content,
            Err(Failure::Missing) => return End::Gone,
            Err(failure) if failure.passes() => return End::Cut(failure),
            Err(failure) => return End::Refused(failure),
        };
        let (pieces, pipe) = mpsc::channel(WAITING);
        let (key, rules, tell) = (self.key.clone(), self.rules.clone(), self.tell.clone());
        let scan = tokio::task::spawn_blocking(move || scan(&key, &rules, Pipe::new(pipe), &tell));
        let failure = loop {
            match content.next().await {
                Ok(Some(piece)) => {
                    self.read.fetch_add(piece.len() as u64, Ordering::Relaxed);
                    if pieces.send(Some(piece)).await.is_err() {
                        break None;
                    }
                }
                Ok(None) => {
                    let _ = pieces.send(None).await;
                    break None;
                }
                Err(failure) => break Some(failure),
            }
        };
        drop(pieces);
        match (failure, scan.await) {
            (Some(failure), _) => End::Cut(failure),
            (None, Ok(counts)) => End::Read(counts),
            (None, Err(error)) => End::Refused(Failure::Refused(format!("{}: {error}", self.key))),
        }
    }
}

fn scan(key: &Arc<str>, rules: &Rules, pipe: Pipe, tell: &mpsc::Sender<Told>) -> Counts {
    let mut counts = Counts::default();
    let (mut batch, mut bytes) = (Vec::new(), 0);
    let mut unpacked = match Unpacked::new(pipe) {
        Ok(Unpacked::Unread) => {
            counts.skipped.unreadable = 1;
            return counts;
        }
        Ok(unpacked) => unpacked,
        Err(_) => return counts,
    };
    let scanned = rules.scan(key, &mut unpacked, &mut counts, &mut |found| {
        bytes += found.line.weight();
        batch.push(found);
        if batch.len() < BATCH && bytes < BATCH_BYTES {
            return true;
        }
        bytes = 0;
        tell.blocking_send(Told::Lines(std::mem::take(&mut batch))).is_ok()
    });
    counts.skipped.damaged += u64::from(scanned.is_err());
    if !batch.is_empty() {
        let _ = tell.blocking_send(Told::Lines(batch));
    }
    counts
}

/// An object's bytes on their way from where they are awaited to where they are unpacked.
struct Pipe {
    pieces: mpsc::Receiver<Option<Bytes>>,
    piece: Bytes,
    ended: bool,
}

impl Pipe {
    fn new(pieces: mpsc::Receiver<Option<Bytes>>) -> Self {
        Self { pieces, piece: Bytes::new(), ended: false }
    }
}

impl Read for Pipe {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        while self.piece.is_empty() && !self.ended {
            match self.pieces.blocking_recv() {
                Some(Some(piece)) => self.piece = piece,
                Some(None) => self.ended = true,
                None => return Err(io::ErrorKind::ConnectionAborted.into()),
            }
        }
        let length = self.piece.len().min(buffer.len());
        self.piece.copy_to_slice(&mut buffer[..length]);
        Ok(length)
    }
}
