//! What is left to do, shared by all workers: whoever is free takes the next piece, of whatever table. A table's pieces
//! are loaded, then verified, then its indexes are built, while other tables are still being loaded.

use std::collections::VecDeque;
use std::sync::{Mutex, MutexGuard, PoisonError};

use tokio::sync::Notify;

use crate::mysql::ledger::{Line, Loaded};
use crate::plan::key::Range;

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Work {
    /// Find out where to cut.
    Cut {
        table: usize,
    },
    /// `again`: some of its rows may be there.
    Load {
        table: usize,
        chunk: usize,
        range: Range,
        again: bool,
    },
    Verify {
        table: usize,
        chunk: usize,
        range: Range,
        loaded: Loaded,
    },
    Index {
        table: usize,
    },
}

/// Where a table stands when the work begins.
#[derive(Clone, Debug, Default)]
pub struct Start {
    /// None: it has not been cut yet.
    pub chunks: Option<Vec<Line>>,
    pub indexed: bool,
    /// The target may have rows of chunks that are not loaded.
    pub again: bool,
}

#[derive(Debug)]
pub struct Board {
    state: Mutex<State>,
    changed: Notify,
}

#[derive(Debug)]
struct State {
    queue: VecDeque<Work>,
    running: usize,
    stopped: bool,
    tables: Vec<Table>,
}

#[derive(Debug, Default)]
struct Table {
    chunks: Vec<Chunk>,
    indexed: bool,
    again: bool,
}

#[derive(Debug)]
struct Chunk {
    line: Line,
    verified: bool,
    tries: u32,
}

impl Board {
    /// In the order in which tables are begun: large ones first, since at the end small ones share out better.
    pub fn new(tables: Vec<Start>) -> Self {
        let mut state = State { queue: VecDeque::new(), running: 0, stopped: false, tables: vec![] };
        for (table, start) in tables.into_iter().enumerate() {
            state.tables.push(Table { chunks: vec![], indexed: start.indexed, again: start.again });
            match start.chunks {
                None => state.queue.push_back(Work::Cut { table }),
                Some(lines) => state.lay_out(table, lines, false),
            }
        }
        Self { state: Mutex::new(state), changed: Notify::new() }
    }

    /// The next piece; none: everything is done, or somebody failed.
    pub async fn take(&self) -> Option<Work> {
        loop {
            let changed = self.changed.notified();
            {
                let mut state = self.state();
                if state.stopped {
                    return None;
                }
                if let Some(work) = state.queue.pop_front() {
                    state.running += 1;
                    return Some(work);
                }
                if state.running == 0 {
                    return None;
                }
            }
            changed.await;
        }
    }

    pub fn cut(&self, table: usize, ranges: Vec<Range>) {
        let lines = ranges.into_iter().map(|range| Line { range, loaded: None }).collect();
        self.done(|state| state.lay_out(table, lines, true));
    }

    pub fn loaded(&self, table: usize, chunk: usize, loaded: Loaded) {
        self.done(|state| {
            if let Some(chunk) = state.chunk(table, chunk) {
                chunk.line.loaded = Some(loaded);
            }
            state.loaded(table);
        });
    }

    /// True: all of its table is.
    pub fn verified(&self, table: usize, chunk: usize) -> bool {
        self.done(|state| {
            if let Some(chunk) = state.chunk(table, chunk) {
                chunk.verified = true;
            }
            let Some(of) = state.tables.get(table) else { return false };
            let all = of.chunks.iter().all(|chunk| chunk.verified);
            if all && !of.indexed {
                state.queue.push_front(Work::Index { table });
            }
            all
        })
    }

    /// It has to be loaded again; says how often that happened to it.
    pub fn differs(&self, table: usize, chunk: usize) -> u32 {
        self.done(|state| {
            let Some(of) = state.chunk(table, chunk) else { return u32::MAX };
            of.tries += 1;
            of.line.loaded = None;
            let (tries, range) = (of.tries, of.line.range.clone());
            state.queue.push_front(Work::Load { table, chunk, range, again: true });
            tries
        })
    }

    pub fn indexed(&self, table: usize) {
        self.done(|state| {
            if let Some(table) = state.tables.get_mut(table) {
                table.indexed = true;
            }
        });
    }

    /// Rows of chunks that are loaded, and whether any chunk is not.
    pub fn standing(&self) -> (u64, bool) {
        let state = self.state();
        let lines = || state.tables.iter().flat_map(|table| &table.chunks).map(|chunk| chunk.line.loaded);
        let loading = state.tables.iter().any(|table| table.chunks.is_empty())
            || lines().any(|loaded| loaded.is_none());
        (lines().flatten().map(|loaded| loaded.sent.rows).sum(), loading)
    }

    /// Nobody gets anything any more.
    pub fn stop(&self) {
        self.state().stopped = true;
        self.changed.notify_waiters();
    }

    fn done<T>(&self, change: impl FnOnce(&mut State) -> T) -> T {
        let mut state = self.state();
        state.running = state.running.saturating_sub(1);
        let result = change(&mut state);
        drop(state);
        self.changed.notify_waiters();
        result
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn chunk(&mut self, table: usize, chunk: usize) -> Option<&mut Chunk> {
        self.tables.get_mut(table)?.chunks.get_mut(chunk)
    }

    /// `now`: before what waits, so that one table is finished before the next is begun.
    fn lay_out(&mut self, table: usize, lines: Vec<Line>, now: bool) {
        let Some(of) = self.tables.get_mut(table) else { return };
        let again = of.again;
        let loads: Vec<Work> = lines
            .iter()
            .enumerate()
            .filter(|(_, line)| line.loaded.is_none())
            .map(|(chunk, line)| Work::Load { table, chunk, range: line.range.clone(), again })
            .collect();
        of.chunks = lines.into_iter().map(|line| Chunk { line, verified: false, tries: 0 }).collect();
        if now {
            loads.into_iter().rev().for_each(|work| self.queue.push_front(work));
        } else {
            self.queue.extend(loads);
        }
        self.loaded(table);
    }

    fn loaded(&mut self, table: usize) {
        let Some(of) = self.tables.get(table) else { return };
        if of.chunks.iter().any(|chunk| chunk.line.loaded.is_none()) {
            return;
        }
        for (at, chunk) in of.chunks.iter().enumerate().rev().filter(|(_, chunk)| !chunk.verified) {
            if let Some(loaded) = chunk.line.loaded {
                let range = chunk.line.range.clone();
                self.queue.push_front(Work::Verify { table, chunk: at, range, loaded });
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ranges(count: usize) -> Vec<Range> {
        vec![Range::whole(); count]
    }

    #[tokio::test]
    async fn a_table_is_loaded_then_verified_then_indexed() {
        let board = Board::new(vec![Start::default()]);
        assert_eq!(board.take().await, Some(Work::Cut { table: 0 }));
        board.cut(0, ranges(2));
        for chunk in 0..2 {
            let Some(Work::Load { chunk: taken, again: false, .. }) = board.take().await else {
                panic!("no load")
            };
            assert_eq!(taken, chunk);
        }
        board.loaded(0, 1, Loaded::default());
        assert!(board.standing().1);
        board.loaded(0, 0, Loaded::default());
        assert!(!board.standing().1);
        for _ in 0..2 {
            assert!(matches!(board.take().await, Some(Work::Verify { .. })));
        }
        assert!(!board.verified(0, 0));
        assert!(board.verified(0, 1));
        assert_eq!(board.take().await, Some(Work::Index { table: 0 }));
        board.indexed(0);
        assert_eq!(board.take().await, None);
    }

    #[tokio::test]
    async fn what_differs_is_loaded_again_and_verified_again() {
        let board = Board::new(vec![Start::default()]);
        board.take().await;
        board.cut(0, ranges(1));
        board.take().await;
        board.loaded(0, 0, Loaded::default());
        board.take().await;
        assert_eq!(board.differs(0, 0), 1);
        assert!(matches!(board.take().await, Some(Work::Load { again: true, .. })));
        board.loaded(0, 0, Loaded::default());
        assert!(matches!(board.take().await, Some(Work::Verify { .. })));
    }

    #[tokio::test]
    async fn what_an_earlier_run_did_is_only_verified() {
        let line = Line { range: Range::whole(), loaded: Some(Loaded::default()) };
        let start = Start { chunks: Some(vec![line]), indexed: true, again: true };
        let board = Board::new(vec![start]);
        assert!(matches!(board.take().await, Some(Work::Verify { .. })));
        assert!(board.verified(0, 0));
        assert_eq!(board.take().await, None);
    }

    #[tokio::test]
    async fn who_waits_for_others_is_told_when_they_stop() {
        let board = std::sync::Arc::new(Board::new(vec![Start::default()]));
        board.take().await;
        let waits = tokio::spawn({
            let board = board.clone();
            async move { board.take().await }
        });
        tokio::task::yield_now().await;
        assert!(!waits.is_finished());
        board.stop();
        assert_eq!(waits.await.unwrap(), None);
    }
}
