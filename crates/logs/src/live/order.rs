//! Puts the lines of many containers in order of time: what was written before is merged exactly, what is written now
//! within a window. Nothing is left out; a line that comes too late for its place is told at once.
//!
//! ```text
//!  web   ─ 1 ─ 4 ─ 5 ─▶ ┐
//!  db    ─ 2 ─ 3 ──────▶ ├─▶ 1 2 3 4 5
//!  cache ──────────────▶ ┘   catching up: waits for its first line; live: for no longer than `Hold` says
//! ```
//!
//! Reads no clock and waits for nobody: every moment is given, and the next one to look at is the answer.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BinaryHeap, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;

use super::batch::{Batch, Entry, Item, Page, Told};
use super::hold::Hold;
use super::marks::Source;
use super::trace;

/// Batches of one source that may wait here.
pub const CROWD: usize = 4;
/// A page is handed on when it holds so much.
const PAGE: usize = 64 * 1024;

pub type Id = usize;

/// `P` is dropped with the last line of a batch: whoever sent it may then send another.
#[derive(Debug)]
pub struct Order<P> {
    queues: BTreeMap<Id, Queue<P>>,
    /// The oldest line of every source that has one.
    heads: BinaryHeap<Reverse<(Timestamp, Id)>>,
    /// Batches of live sources in the order in which they came.
    arrivals: VecDeque<Arrival>,
    hold: Hold,
    /// Sources that catch up, and of which nothing is known yet.
    unknown: usize,
    /// Sources with lines that need not wait.
    ready: usize,
    last: Option<Timestamp>,
    joins: bool,
}

#[derive(Clone, Copy, Debug)]
struct Arrival {
    at: Duration,
    id: Id,
    number: u64,
}

#[derive(Debug)]
struct Queue<P> {
    source: Arc<Source>,
    batches: VecDeque<(Batch, P)>,
    /// In the first batch.
    next: usize,
    /// Of the first batch, since the beginning.
    number: u64,
    state: State,
    counted_ready: bool,
    /// Whether the last entry was told, once there was one.
    kept: Option<bool>,
    /// Whose it was, if not the queue's.
    of: Option<Arc<Source>>,
}

#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum State {
    /// What comes was written before: nothing younger is told until it is known.
    CatchingUp,
    Live,
    Ended,
}

impl<P> Queue<P> {
    fn head(&self) -> Option<&Item> {
        self.batches.front()?.0.item(self.next)
    }

    /// Past the present item.
    fn step(&mut self) {
        self.next += 1;
        if self.batches.front().is_some_and(|(batch, _)| self.next >= batch.len()) {
            self.batches.pop_front();
            self.next = 0;
            self.number += 1;
        }
    }

    fn is_ready(&self) -> bool {
        !self.batches.is_empty() && (self.state != State::Live || self.batches.len() >= CROWD)
    }
}

impl<P> Order<P> {
    /// `joins`: a trace must be whole when it is told, since somebody looks at it as one.
    pub fn new(joins: bool) -> Self {
        Self {
            queues: BTreeMap::new(),
            heads: BinaryHeap::new(),
            arrivals: VecDeque::new(),
            hold: Hold::default(),
            unknown: 0,
            ready: 0,
            last: None,
            joins,
        }
    }

    pub fn join(&mut self, id: Id, source: Arc<Source>) {
        let queue = Queue {
            source,
            batches: VecDeque::new(),
            next: 0,
            number: 0,
            state: State::CatchingUp,
            counted_ready: false,
            kept: None,
            of: None,
        };
        if self.queues.insert(id, queue).is_none() {
            self.unknown += 1;
        }
    }

    /// A batch is never empty.
    pub fn arrive(&mut self, id: Id, batch: Batch, permit: P, at: Duration) {
        let Some(queue) = self.queues.get_mut(&id).filter(|_| !batch.is_empty()) else { return };
        let first = queue.batches.is_empty();
        self.arrivals.push_back(Arrival { at, id, number: queue.number + queue.batches.len() as u64 });
        queue.batches.push_back((batch, permit));
        if first {
            if queue.state == State::CatchingUp {
                self.unknown -= 1;
            }
            if let Some(head) = queue.head() {
                self.heads.push(Reverse((head.time(), id)));
            }
        }
        self.count(id);
    }

    pub fn caught_up(&mut self, id: Id) {
        self.become_(id, State::Live);
    }

    pub fn ended(&mut self, id: Id) {
        self.become_(id, State::Ended);
        if self.queues.get(&id).is_some_and(|queue| queue.batches.is_empty()) {
            self.queues.remove(&id);
        }
    }

    fn become_(&mut self, id: Id, state: State) {
        let Some(queue) = self.queues.get_mut(&id) else { return };
        if queue.state == State::CatchingUp && state != State::CatchingUp && queue.batches.is_empty() {
            self.unknown -= 1;
        }
        queue.state = state;
        self.count(id);
    }

    fn count(&mut self, id: Id) {
        let Some(queue) = self.queues.get_mut(&id) else { return };
        let is_ready = queue.is_ready();
        if is_ready != queue.counted_ready {
            queue.counted_ready = is_ready;
            if is_ready { self.ready += 1 } else { self.ready -= 1 }
        }
    }

    /// Puts onto the page what is due. Answers when to look again, if nothing new comes before.
    pub fn release(
        &mut self,
        at: Duration,
        page: &mut Page,
        keep: &mut dyn FnMut(&Told<'_>) -> bool,
    ) -> Option<Duration> {
        self.hold.look(at);
        // Nobody to wait for.
        let alone = !self.joins && self.queues.len() == 1;
        let hold = if alone { Duration::ZERO } else { self.hold.length() };
        loop {
            if page.bytes() >= PAGE {
                return Some(at);
            }
            if self.unknown > 0 {
                return None;
            }
            if self.ready == 0 {
                let due = self.oldest()?.at + hold;
                if due > at {
                    return Some(due);
                }
            }
            // Whatever is due, what is older goes before it.
            let Reverse((time, id)) = self.heads.pop()?;
            self.tell(id, time, at, page, keep);
        }
    }

    /// The batch that has waited longest.
    fn oldest(&mut self) -> Option<Arrival> {
        while let Some(arrival) = self.arrivals.front() {
            if self.queues.get(&arrival.id).is_some_and(|queue| queue.number <= arrival.number) {
                return Some(*arrival);
            }
            self.arrivals.pop_front();
        }
        None
    }

    fn tell(
        &mut self,
        id: Id,
        time: Timestamp,
        at: Duration,
        page: &mut Page,
        keep: &mut dyn FnMut(&Told<'_>) -> bool,
    ) {
        let Some(queue) = self.queues.get_mut(&id) else { return };
        match self.last {
            Some(last) if time < last => {
                if queue.state == State::Live {
                    self.hold.late(last.duration_since(time).unsigned_abs(), at);
                }
            }
            _ => self.last = Some(time),
        }
        tell(queue, page, keep);
        match queue.head() {
            Some(head) => self.heads.push(Reverse((head.time(), id))),
            None if queue.state == State::CatchingUp => self.unknown += 1,
            None => {}
        }
        self.count(id);
        if self.queues.get(&id).is_some_and(|queue| queue.state == State::Ended && queue.batches.is_empty()) {
            self.queues.remove(&id);
        }
    }
}

/// One entry, with all that goes on with it and is here already.
fn tell<P>(queue: &mut Queue<P>, page: &mut Page, keep: &mut dyn FnMut(&Told<'_>) -> bool) {
    let Some((batch, _)) = queue.batches.front_mut() else { return };
    match batch.item(queue.next) {
        Some(Item::Mark(mark)) => {
            page.mark(mark.clone());
            queue.kept = None;
            queue.step();
        }
        Some(Item::Line { source, time, text }) => {
            let (of, text) = (source.clone(), batch.text(text));
            let goes_on =
                queue.kept.is_some() && is_same(queue.of.as_ref(), of.as_ref()) && trace::goes_on(text);
            page.line(of.as_ref().unwrap_or(&queue.source), *time, text, goes_on);
            queue.step();
            for _ in 0..trace::LONGEST {
                let Some((batch, _)) = queue.batches.front() else { break };
                let Some(Item::Line { source, text, .. }) = batch.item(queue.next) else { break };
                let text = batch.text(text);
                if !is_same(source.as_ref(), of.as_ref()) || !trace::goes_on(text) {
                    break;
                }
                page.add(text);
                queue.step();
            }
            // What goes on shares the fate of what it goes on with.
            let kept = match (goes_on, queue.kept, page.last()) {
                (true, Some(kept), _) => kept,
                (_, _, Some(Entry::Line(told))) => keep(&told),
                _ => true,
            };
            queue.kept = Some(kept);
            queue.of = of;
            if !kept {
                page.take_back();
            }
        }
        None => queue.step(),
    }
}

fn is_same(one: Option<&Arc<Source>>, other: Option<&Arc<Source>>) -> bool {
    match (one, other) {
        (None, None) => true,
        (Some(one), Some(other)) => Arc::ptr_eq(one, other),
        _ => false,
    }
}

#[cfg(test)]
mod tests;
