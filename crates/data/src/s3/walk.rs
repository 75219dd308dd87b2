//! Ranges of keys, walked by several at once: both sides are listed in step, each pair is seen to as soon as it is known,
//! and each stretch goes to the ledger once all of it is done. Who has nothing to walk splits another's range.

use std::collections::{BTreeSet, HashSet};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use tokio::task::JoinSet;

use super::answer::Answer;
use super::boundary::boundary;
use super::compare::{self, Seen, seen};
use super::cursor::{Cursor, Listed};
use super::job::Existing;
use super::plan::board::{Candidate, Range};
use super::plan::join::{Join, Lacks, Pair};
use super::plan::rows::{Mark, Row, mark};
use super::plan::scope::{Mask, Scope, mask};
use super::plan::segment::{Header, OBJECTS, Segment};
use super::report::NAMED;
use super::shared::{Shared, lock};
use super::transfer::{self, names};
use crate::error::Result;

/// Whoever waits for a range looks again after this, whatever it is told.
const LOOK: Duration = Duration::from_millis(50);

const LISTING: &str = "listing";

/// Everything, by so many walkers.
pub async fn walk(shared: &Arc<Shared>, walkers: usize) -> Result<()> {
    let mut all = JoinSet::new();
    for _ in 0..walkers {
        all.spawn(Box::pin(walker(shared.clone())));
    }
    while let Some(ended) = all.join_next().await {
        ended.map_err(|error| crate::Error::Internal(error.to_string()))??;
    }
    Ok(())
}

async fn walker(shared: Arc<Shared>) -> Result<()> {
    let mut stretches = JoinSet::new();
    loop {
        let taken = lock(&shared.course.board).take();
        if let Some((id, range)) = taken {
            Box::pin(Walk::new(&shared, id, range).run(&mut stretches)).await?;
            lock(&shared.course.board).finish(id);
            shared.course.board_changed.notify_waiters();
            continue;
        }
        if lock(&shared.course.board).is_done() {
            break;
        }
        let candidate = lock(&shared.course.board).candidate();
        match candidate {
            Some(candidate) => Box::pin(split(&shared, &candidate)).await?,
            None => {
                // Told or not, it looks again soon.
                let _ = tokio::time::timeout(LOOK, shared.course.board_changed.notified()).await;
            }
        }
    }
    while let Some(ended) = stretches.join_next().await {
        ended.map_err(|error| crate::Error::Internal(error.to_string()))??;
    }
    Ok(())
}

async fn split(shared: &Shared, candidate: &Candidate) -> Result<()> {
    let Some(scope) = shared.scopes.get(candidate.scope) else { return Ok(()) };
    let found = boundary(&shared.source, &scope.from, &candidate.seen, candidate.upto.as_deref()).await;
    if let Some(at) = found.map_err(|answer| shared.source.error(answer, LISTING))? {
        lock(&shared.course.board).split(candidate.id, &at);
        shared.course.board_changed.notify_waiters();
    }
    Ok(())
}

/// Part of a range that becomes a segment of the ledger.
#[derive(Default)]
struct Stretch {
    after: String,
    pairs: usize,
    marks: BTreeSet<Mark>,
    under_way: JoinSet<Option<Mark>>,
}

struct Walk<'a> {
    shared: &'a Arc<Shared>,
    id: u64,
    range: Range,
    scope: &'a Scope,
    join: Join,
    /// Once the source has ended: where the range ends.
    ends: Option<Option<String>>,
    known: HashSet<Mark>,
    /// Segments as they are, by name.
    stored: Vec<(String, Segment)>,
    stretch: Stretch,
}

type Stretches = JoinSet<Result<()>>;

impl<'a> Walk<'a> {
    fn new(shared: &'a Arc<Shared>, id: u64, range: Range) -> Self {
        let scope = &shared.scopes[range.scope];
        let stretch = Stretch { after: range.after.clone(), ..Stretch::default() };
        Self {
            shared,
            id,
            range,
            scope,
            join: Join::default(),
            ends: None,
            known: HashSet::new(),
            stored: vec![],
            stretch,
        }
    }

    async fn run(mut self, stretches: &mut Stretches) -> Result<()> {
        self.remember().await?;
        let mut source = Cursor::new(&self.shared.source, self.scope, &self.range.after);
        let mut target = Cursor::new(&self.shared.target, self.scope, &self.range.after);
        let failed = |end: &super::end::End, answer: Answer| end.error(answer, LISTING);
        // Neither is asked for before the other is there.
        let both = Box::pin(futures::future::join(source.page(), target.page())).await;
        self.listed(both.0.map_err(|answer| failed(&self.shared.source, answer))?);
        self.there(both.1.map_err(|answer| failed(&self.shared.target, answer))?);
        loop {
            match self.join.pair() {
                Ok(pair) => self.pair(pair, stretches).await,
                Err(Lacks::Source) => {
                    let page = Box::pin(source.page()).await;
                    self.listed(page.map_err(|answer| failed(&self.shared.source, answer))?);
                }
                Err(Lacks::Target) => {
                    let page = Box::pin(target.page()).await;
                    self.there(page.map_err(|answer| failed(&self.shared.target, answer))?);
                }
                Err(Lacks::Nothing) => break,
            }
        }
        let upto = self.ends.take().flatten();
        self.close(upto, stretches);
        Ok(())
    }

    /// What the ledger knows of this range.
    async fn remember(&mut self) -> Result<()> {
        for found in &self.shared.index {
            let header = &found.header;
            let begins = self.range.upto.as_ref().is_none_or(|upto| header.after < *upto);
            let ends = header.upto.as_ref().is_none_or(|upto| *upto > self.range.after);
            if header.scope == self.scope.from
                && begins
                && ends
                && let Some(segment) = self.shared.ledger.read(&found.name).await?
            {
                self.known.extend(segment.marks.iter().copied());
                self.stored.push((found.name.clone(), segment));
            }
        }
        Ok(())
    }

    /// A page of the source.
    fn listed(&mut self, page: Listed) {
        let (shared, mut rows) = (self.shared, page.rows);
        let mut board = lock(&shared.course.board);
        let last = page.last.filter(|_| !page.ended);
        // What is no text can be no boundary: from there on nobody else gets any of it.
        let upto = match last.as_deref().map(std::str::from_utf8) {
            Some(Ok(text)) => board.claim(self.id, text),
            _ => board.close(self.id),
        };
        let beyond = upto.as_deref().zip(last.as_deref()).is_some_and(|(upto, last)| last >= upto.as_bytes());
        if last.is_none() || beyond {
            let upto = board.close(self.id);
            if let Some(upto) = &upto {
                rows.retain(|row| row.key.as_slice() <= upto.as_bytes());
                self.join.cut(upto);
            }
            self.join.source_ended = true;
            self.ends = Some(upto);
        }
        drop(board);
        shared.course.board_changed.notify_waiters();
        shared.tally.listed.fetch_add(rows.len() as u64, Ordering::Relaxed);
        self.join.source(rows);
    }

    /// A page of the target.
    fn there(&mut self, page: Listed) {
        let upto = self.ends.clone().flatten().or_else(|| self.range.upto.clone());
        let mut rows = page.rows;
        let beyond =
            upto.as_deref().zip(page.last.as_deref()).is_some_and(|(upto, last)| last >= upto.as_bytes());
        if let Some(upto) = upto {
            rows.retain(|row| row.key.as_slice() <= upto.as_bytes());
        }
        self.join.target_ended = page.ended || beyond;
        self.join.target(rows);
    }

    async fn pair(&mut self, pair: Pair, stretches: &mut Stretches) {
        let (key, source) = match &pair {
            Pair::Both(row, _) | Pair::Source(row) => (row.key.clone(), true),
            Pair::Target(row) => (row.key.clone(), false),
        };
        if source {
            self.shared.tally.objects.fetch_add(1, Ordering::Relaxed);
        }
        match pair {
            Pair::Both(source, target) => self.both(source, target).await,
            Pair::Source(row) => self.source(row).await,
            Pair::Target(row) => self.extraneous(&row.key),
        }
        self.stretch.pairs += 1;
        if self.stretch.pairs >= OBJECTS
            && let Ok(key) = String::from_utf8(key)
        {
            self.close(Some(key), stretches);
        }
    }

    /// None: it is not copied, and that is told.
    fn name(&self, row: &Row) -> Option<transfer::Names> {
        let tally = &self.shared.tally;
        let full = || [self.scope.from.as_bytes(), &row.key].concat();
        match row.text() {
            None => tally.not_copied(&full(), "the source: its name is no text"),
            Some(_) if row.frozen => {
                tally.not_copied(&full(), "the source: is archived: fetch it back first");
            }
            Some(text) => return Some(names(self.scope, text)),
        }
        None
    }

    async fn source(&mut self, row: Row) {
        let Some(names) = self.name(&row) else { return };
        if mask(&names.from, &self.shared.job.masks.prefixes) == Some(Mask::Drop) {
            self.shared.tally.count(|counts| counts.dropped += 1);
            return;
        }
        let shared = self.shared.clone();
        self.spawn(async move { transfer::copy(&shared, &names, &row).await }).await;
    }

    async fn both(&mut self, source: Row, target: Row) {
        let Some(names) = self.name(&source) else { return };
        let shared = self.shared.clone();
        let masked = mask(&names.from, &shared.job.masks.prefixes);
        if masked == Some(Mask::Drop) {
            self.forbidden(names.to);
            return;
        }
        let of = (source.etag.as_str(), source.size, source.modified);
        let known = mark(names.from.as_bytes(), of, (&target.etag, target.size));
        if self.known.contains(&known) {
            shared.tally.count(|counts| counts.equal += 1);
            self.stretch.marks.insert(known);
            return;
        }
        if shared.job.existing == Some(Existing::Skip) {
            shared.tally.count(|counts| counts.skipped += 1);
            return;
        }
        let seen = if masked.is_some() { Seen::Differs } else { seen(&source, &target, shared.since) };
        match seen {
            Seen::Equal => {
                shared.tally.count(|counts| {
                    counts.equal += 1;
                    counts.proved += 1;
                });
                self.stretch.marks.insert(known);
            }
            Seen::Differs => self.spawn(async move { transfer::copy(&shared, &names, &source).await }).await,
            Seen::Unknown => {
                let compare = async move { compare::compare(&shared, &names, &source, &target).await };
                self.spawn(compare).await;
            }
        }
    }

    /// Of what is masked nothing may be there.
    fn forbidden(&self, key: String) {
        self.shared.tally.count(|counts| {
            counts.dropped += 1;
            counts.forbidden_count += 1;
            if counts.forbidden.len() < NAMED {
                counts.forbidden.push(key.clone());
            }
        });
        self.remove_later(key);
    }

    fn extraneous(&self, key: &[u8]) {
        self.shared.tally.count(|counts| counts.extraneous += 1);
        if let Ok(text) = std::str::from_utf8(key) {
            self.remove_later(format!("{}{text}", self.scope.to));
        }
    }

    fn remove_later(&self, key: String) {
        let most = self.shared.job.delete_up_to.unwrap_or(0);
        let mut extraneous = lock(&self.shared.course.extraneous);
        if most > 0 && extraneous.len() <= most {
            extraneous.push(key);
        }
    }

    /// Waits for a place.
    async fn spawn(&mut self, work: impl Future<Output = Result<Option<Mark>>> + Send + 'static) {
        let place = self.shared.gate.enter().await;
        let shared = self.shared.clone();
        self.stretch.under_way.spawn(async move {
            let done = Box::pin(work).await;
            drop(place);
            done.unwrap_or_else(|error| {
                shared.fail(error);
                None
            })
        });
    }

    /// The next stretch begins after `upto`; this one is written down as soon as all of it is done.
    fn close(&mut self, upto: Option<String>, stretches: &mut Stretches) {
        let next = Stretch { after: upto.clone().unwrap_or_default(), ..Stretch::default() };
        let stretch = std::mem::replace(&mut self.stretch, next);
        let header = Header { scope: self.scope.from.clone(), after: stretch.after.clone(), upto };
        let stored = self.stored.iter().find(|(_, stored)| stored.header == header).cloned();
        let shared = self.shared.clone();
        while let Some(done) = stretches.try_join_next() {
            if let Ok(Err(error)) = done {
                shared.fail(error);
            }
        }
        stretches.spawn(Box::pin(write_down(shared, stretch, header, stored)));
    }
}

async fn write_down(
    shared: Arc<Shared>,
    mut stretch: Stretch,
    header: Header,
    stored: Option<(String, Segment)>,
) -> Result<()> {
    while let Some(done) = stretch.under_way.join_next().await {
        stretch.marks.extend(done.map_err(|error| crate::Error::Internal(error.to_string()))?);
    }
    let segment = Segment { header, marks: stretch.marks };
    let name = match stored {
        Some((name, stored)) if stored == segment => name,
        _ if segment.marks.is_empty() => return Ok(()),
        _ => {
            shared.turn.take().await?;
            shared.ledger.write(&segment).await?
        }
    };
    lock(&shared.course.holding).insert(name);
    Ok(())
}
