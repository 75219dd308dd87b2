//! A search: what is archived and what is live as one, newest first, also of an environment that was destroyed.

use std::collections::VecDeque;
use std::time::Duration;

use jiff::Timestamp;
use logs::Line;
use logs::archive::{self, Cursor, Estimate, Progress, Skipped, Summary};
use logs::live;
use logs::timeline::{Timeline, Told};
use serde::Serialize;
use tokio::sync::mpsc;

use super::scope::{Opened, Scope, instead, open, scope, within};
use super::served::{Asker, Unread};
use super::{Entry, Filter, Moment, Page, Query, explain, wanted};
use crate::{Cluster, Result};

/// Lines that may wait to be shown.
const WAITING: usize = 64;
/// Of live lines, in memory, unless less is said.
const ROOM: usize = 256 << 20;

/// Which lines are wanted, and how many of them.
#[derive(Clone, Debug, Default)]
pub struct Search {
    /// `follow`, `tail` and `previous` mean nothing here.
    pub query: Query,
    /// Whose environment it was, should it be gone.
    pub project: Option<String>,
    /// The newest so many.
    pub limit: usize,
    /// Where an earlier search stopped.
    pub cursor: Option<String>,
    /// Read whatever it takes.
    pub whatever_it_takes: bool,
    /// So much of an archive is read at most; where that is not enough, or it cannot be read at all, what is live is told
    /// all the same.
    pub bounds: Option<Bounds>,
    /// For whom, if it is made for somebody else.
    pub asker: Option<Asker>,
}

/// What a search may take of an archive.
#[derive(Clone, Copy, Debug)]
pub struct Bounds {
    pub bytes: u64,
    pub requests: u64,
    /// About so much memory, in all its parts.
    pub memory: usize,
    /// Looking what there is, and reading it, each so long.
    pub time: Duration,
}

impl Bounds {
    /// Of its memory each has so much: lines that are live, lines that wait for their place, what is read just now, and what is
    /// told.
    pub(super) fn part(&self) -> usize {
        self.memory / 4
    }
}

/// What comes out.
#[derive(Debug)]
pub enum Answer {
    /// Newest first.
    Line(Line),
    /// Every line that was shipped, as far as it is older than this, is in what follows.
    Seam(Timestamp),
    Progress(Progress),
}

/// How a search ended.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Found {
    pub lines: u64,
    pub since: Timestamp,
    pub until: Timestamp,
    /// The environment does not exist any more: all there is was archived.
    pub destroyed: bool,
    /// None: the project has no archive.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub archive: Option<Archived>,
    /// There is an archive, and why it was not read, or not to its end. Only where a search has bounds or is made for others.
    #[serde(skip)]
    pub unread: Option<Unread>,
    /// Places at which the node no longer had what may have been written.
    pub gaps: u64,
    /// There was no room for as many as were wanted, or for all of one moment.
    #[serde(skip)]
    pub cut: bool,
    /// To go on with what is older.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cursor: Option<String>,
}

/// What the archive had to do with it.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Archived {
    pub bucket: String,
    /// Whatever was shipped in time and is older is there.
    pub complete_up_to: Timestamp,
    pub objects: u64,
    pub bytes: u64,
    pub unpacked: u64,
    /// What could have been read at most.
    pub estimate: Estimate,
    pub skipped: Skipped,
    /// Lines that were both live and archived, and told once.
    pub both: u64,
    /// Live lines that ought to be archived by now, and are not.
    pub behind: u64,
}

/// Sends the newest of the wanted lines to `out`, newest first. `None`: nobody listens any more.
pub async fn search(
    cluster: &Cluster,
    namespace: &str,
    search: &Search,
    out: mpsc::Sender<Answer>,
) -> Result<Option<Found>> {
    let scope = scope(cluster, namespace, search).await?;
    // What may fail is asked first: nothing is shown of half an answer.
    let Opened { prepared, mut unread, turn } = open(&scope, search).await?;
    let room = search.bounds.map(|bounds| bounds.part());
    let mut live = Newest { room: room.unwrap_or(ROOM), ..Newest::default() };
    let gaps = live_lines(cluster, &scope, search, |line| live.push(line, search.limit)).await?;
    let complete = scope.complete_up_to().filter(|_| prepared.is_some());
    let limit = live.limit(search.limit);
    let mut cut = limit < search.limit || live.passed_over;
    let mut timeline = Timeline::new(live.in_order(), complete, limit).within(room.unwrap_or(usize::MAX));
    let estimate = prepared.as_ref().map(|prepared| prepared.estimate).unwrap_or_default();
    let mut summary = None;
    if let Some(prepared) = prepared {
        match within(search.bounds, archived(prepared, &mut timeline, &out)).await {
            Ok(Ok(Read::All(all))) => summary = Some(all),
            Ok(Ok(Read::Enough)) => {}
            Ok(Ok(Read::Unheard)) => return Ok(None),
            // What was told of it is right; the rest is missing.
            Ok(Err(error)) => unread = Some(instead(search, error)?),
            Err(late) => unread = Some(late),
        }
    }
    // Telling it takes as long as whoever listens does.
    drop(turn);
    for told in timeline.end() {
        if out.send(answer(told)).await.is_err() {
            return Ok(None);
        }
    }
    let summary = summary.unwrap_or_default();
    cut |= summary.cut || timeline.is_cut();
    let more = timeline.is_done() || summary.more_before.is_some();
    let before = timeline.last().filter(|last| more && *last > scope.since);
    let cursor = before.map(|before| Cursor::new(before, scope.since, &scope.marks(search)).to_string());
    let read = scope.archive.as_ref().filter(|_| unread.is_none());
    let archived = read.zip(complete).map(|(archive, complete_up_to)| Archived {
        bucket: archive.place.name.clone(),
        complete_up_to,
        objects: summary.objects,
        bytes: summary.bytes,
        unpacked: summary.unpacked,
        estimate,
        skipped: summary.skipped,
        both: timeline.both,
        behind: timeline.behind,
    });
    Ok(Some(Found {
        lines: timeline.told() as u64,
        since: scope.since,
        until: scope.until.min(scope.now),
        destroyed: scope.environment.is_none(),
        archive: archived,
        unread,
        gaps,
        cut,
        cursor,
    }))
}

enum Read {
    All(Summary),
    /// As many lines as are wanted came before the end.
    Enough,
    Unheard,
}

/// Puts what is archived into the timeline, and tells what has found its place.
async fn archived(
    prepared: archive::Search<aws::Bucket>,
    timeline: &mut Timeline,
    out: &mpsc::Sender<Answer>,
) -> Result<Read> {
    let (tell, mut told) = mpsc::channel(WAITING);
    let reading = async move { prepared.run(&tell).await };
    let telling = async {
        let read = 'told: {
            while let Some(event) = told.recv().await {
                let answers = match event {
                    archive::Event::Progress(progress) => vec![Answer::Progress(progress)],
                    archive::Event::Line(found) => timeline.archived(found).into_iter().map(answer).collect(),
                };
                for answer in answers {
                    if out.send(answer).await.is_err() {
                        break 'told Read::Unheard;
                    }
                }
                if timeline.is_done() {
                    break 'told Read::Enough;
                }
            }
            Read::All(Summary::default())
        };
        // Whoever reads learns that nobody listens any more.
        drop(told);
        read
    };
    let (summary, read) = tokio::join!(reading, telling);
    match read {
        Read::All(_) => Ok(summary?.map_or(Read::Enough, Read::All)),
        ended => Ok(ended),
    }
}

fn answer(told: Told) -> Answer {
    match told {
        Told::Line(line) => Answer::Line(line),
        Told::Seam(at) => Answer::Seam(at),
    }
}

/// The newest of the lines that nodes still have.
#[derive(Default)]
struct Newest {
    lines: VecDeque<Line>,
    bytes: usize,
    room: usize,
    /// There was no room for what is older than these.
    crowded: bool,
    /// There was one that has no room by itself.
    passed_over: bool,
}

impl Newest {
    fn push(&mut self, line: Line, limit: usize) {
        if line.weight() > self.room {
            self.passed_over = true;
            return;
        }
        self.bytes += line.weight();
        self.lines.push_back(line);
        // Twice as many: some are late.
        while self.lines.len() > limit.saturating_mul(2) || self.bytes > self.room {
            self.crowded |= self.bytes > self.room;
            let Some(oldest) = self.lines.pop_front() else { break };
            self.bytes -= oldest.weight();
        }
    }

    /// How many can be told without a gap.
    fn limit(&self, wanted: usize) -> usize {
        if self.crowded { self.lines.len().min(wanted) } else { wanted }
    }

    /// In order of time: what was written while the clock of a node was set back is told late.
    fn in_order(self) -> Vec<Line> {
        let mut lines: Vec<Line> = self.lines.into();
        lines.sort_by_key(|line| line.time);
        lines
    }
}

/// Hands over every line that nodes still have, and says how often one had some no more.
pub(super) async fn live_lines(
    cluster: &Cluster,
    scope: &Scope,
    search: &Search,
    mut take: impl FnMut(Line),
) -> Result<u64> {
    let Some(environment) = &scope.environment else { return Ok(0) };
    let query = Query {
        since: Some(Moment::At(scope.since)),
        until: Some(Moment::At(scope.until)),
        tail: None,
        follow: false,
        previous: true,
        filter: Filter { query: scope.words.clone(), ..Filter::default() },
        entries: false,
        ..search.query.clone()
    };
    let wanted = wanted(cluster, environment, &query).await?;
    let (pages, mut read) = mpsc::channel::<Page>(1);
    let taking = async {
        let mut gaps = 0;
        while let Some(page) = read.recv().await {
            for entry in page.entries() {
                match entry {
                    Entry::Line(told) => take(told.to_line()),
                    Entry::Mark(mark) => gaps += u64::from(mark.what.is_loss()),
                }
            }
        }
        gaps
    };
    let (ended, gaps) = tokio::join!(live::read(&cluster.client, &wanted, pages), taking);
    ended.map_err(|error| explain(cluster, &wanted, error))?;
    Ok(gaps)
}

#[cfg(test)]
mod tests;
