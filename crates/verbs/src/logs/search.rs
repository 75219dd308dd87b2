//! A search: what is archived and what is live as one, newest first, also of an environment that was destroyed.

use std::collections::VecDeque;

use api::{Environment, Project};
use aws::Aws;
use jiff::{SignedDuration, Timestamp};
use kube::Api;
use logs::archive::{self, Archive, Cursor, Estimate, Progress, Skipped, Summary};
use logs::live;
use logs::timeline::{Timeline, Told};
use logs::{Line, Query as Words};
use serde::Serialize;
use tokio::sync::mpsc;

use super::{Entry, Filter, Moment, Page, Query, check_parts, explain, wanted};
use crate::{Cluster, Error, Result, environment, project};

/// Without a word about it, this far into the past.
pub const SINCE: std::time::Duration = std::time::Duration::from_secs(3600);
/// More than this is read only if somebody says so.
pub const MOST_BYTES: u64 = 5 << 30;
pub const MOST_REQUESTS: u64 = 10_000;
/// Clocks of nodes may be ahead of the cluster's.
const AHEAD: SignedDuration = SignedDuration::from_mins(5);
/// Lines that may wait to be shown.
const WAITING: usize = 64;
/// Of live texts, in memory.
const MOST_LIVE: usize = 256 << 20;

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
    /// There is an archive, and it was not read: whoever asks is somebody else than this process is to AWS.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub withheld: bool,
    /// Places at which the node no longer had what may have been written.
    pub gaps: u64,
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

/// Everything that has to be known before anything is read.
pub(super) struct Scope {
    environment: Option<Environment>,
    project: String,
    archive: Option<Archive>,
    /// It is not for whoever asks.
    withheld: bool,
    words: Words,
    /// The same, written down.
    asked: String,
    pub since: Timestamp,
    pub until: Timestamp,
    pub now: Timestamp,
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
    let prepared = prepare(&scope, search).await?;
    let mut live = Newest::default();
    let gaps = live_lines(cluster, &scope, search, |line| live.push(line, search.limit)).await?;
    let complete = scope.complete_up_to();
    let limit = live.most.unwrap_or(search.limit).min(search.limit);
    let mut timeline = Timeline::new(live.in_order(), complete, limit);
    let estimate = prepared.as_ref().map(|prepared| prepared.estimate).unwrap_or_default();
    let mut summary = None;
    if let Some(prepared) = prepared {
        match archived(prepared, &mut timeline, &out).await? {
            Read::All(all) => summary = Some(all),
            Read::Enough => {}
            Read::Unheard => return Ok(None),
        }
    }
    for told in timeline.end() {
        if out.send(answer(told)).await.is_err() {
            return Ok(None);
        }
    }
    let summary = summary.unwrap_or_default();
    let more = timeline.is_done() || summary.more_before.is_some();
    let before = timeline.last().filter(|last| more && *last > scope.since);
    let cursor = before.map(|before| Cursor::new(before, scope.since, &scope.marks(search)).to_string());
    let archived = scope.archive.as_ref().zip(complete).map(|(archive, complete_up_to)| Archived {
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
        withheld: scope.withheld,
        gaps,
        cursor,
    }))
}

impl Scope {
    pub fn complete_up_to(&self) -> Option<Timestamp> {
        let buffer = SignedDuration::try_from(self.archive.as_ref()?.buffer).unwrap_or_default();
        Some(self.now.checked_sub(buffer).unwrap_or(Timestamp::MIN).min(self.until))
    }

    /// What tells this search from others.
    fn marks<'a>(&'a self, search: &'a Search) -> [&'a str; 3] {
        [&self.project, &search.query.environment, &self.asked]
    }
}

pub(super) async fn scope(cluster: &Cluster, namespace: &str, search: &Search) -> Result<Scope> {
    let name = &search.query.environment;
    let environment = environment::find(cluster, namespace, name).await?;
    let project = match (&environment, &search.project) {
        (Some(environment), _) => environment.spec.project.clone(),
        (None, Some(project)) => project.clone(),
        (None, None) => project::choose(cluster, namespace).await?,
    };
    let projects: Api<Project> = Api::namespaced(cluster.client.clone(), namespace);
    let known = projects.get_opt(&project).await.map_err(|error| cluster.explain(error))?;
    let named = known.and_then(|project| project.spec.logs?.archive);
    // Who may read the bucket AWS knows, and there this process is another than whoever it acts for.
    let withheld = cluster.acting && named.is_some();
    let named = named.filter(|_| !withheld);
    match (&environment, &named) {
        (None, None) if withheld => return Err(Error::ArchiveWithheld { environment: name.clone() }),
        (None, None) => return Err(Error::NoArchive { environment: name.clone(), project }),
        (Some(environment), _) => check_parts(environment, &search.query.parts)?,
        (None, Some(_)) => {}
    }
    let now = cluster.now().await;
    let at = |moment: &Moment| match moment {
        Moment::At(time) => *time,
        Moment::Ago(ago) => now.checked_sub(*ago).unwrap_or(Timestamp::MIN),
    };
    let since = at(&search.query.since.unwrap_or(Moment::Ago(SINCE)));
    let until = search.query.until.as_ref().map_or(now.checked_add(AHEAD).unwrap_or(now), at);
    let words = words(&search.query)?;
    let mut scope = Scope {
        environment,
        project,
        archive: named.as_ref().map(Archive::of),
        withheld,
        asked: words.to_string(),
        words,
        since,
        until,
        now,
    };
    if let Some(token) = &search.cursor {
        let cursor = Cursor::parse(token, &scope.marks(search)).map_err(Error::Cursor)?;
        scope.since = cursor.since;
        scope.until = cursor.before.checked_sub(SignedDuration::from_nanos(1)).unwrap_or(Timestamp::MIN);
    }
    if scope.since > scope.until && search.cursor.is_none() {
        return Err(Error::Backwards { since: scope.since, until: scope.until });
    }
    Ok(scope)
}

/// Everything that is asked for, as a query.
fn words(query: &Query) -> Result<Words> {
    let Filter { grep, exclude, level, query: words } = &query.filter;
    let words = words.within(&query.parts, &query.containers);
    let words = words.with(grep.iter().map(ToString::to_string), exclude.iter().map(ToString::to_string));
    let words = words.map_err(Error::Pattern)?;
    Ok(level.map_or(words.clone(), |level| words.at_least(level)))
}

pub(super) async fn prepare(scope: &Scope, search: &Search) -> Result<Option<archive::Search<aws::Bucket>>> {
    let Some(archive) = &scope.archive else { return Ok(None) };
    let bucket = reach(archive).await?;
    let wanted = archive::Wanted {
        project: scope.project.clone(),
        environment: search.query.environment.clone(),
        query: scope.words.clone(),
        since: scope.since,
        until: scope.until,
        limit: search.limit,
    };
    let prepared = archive::prepare(bucket, archive, wanted).await?;
    let Estimate { bytes, list_requests, get_requests, .. } = prepared.estimate;
    let much = bytes > MOST_BYTES || list_requests + get_requests > MOST_REQUESTS;
    if much && !search.whatever_it_takes {
        return Err(Error::BigSearch { estimate: prepared.estimate });
    }
    Ok(Some(prepared))
}

/// As whoever asks.
async fn reach(archive: &Archive) -> Result<aws::Bucket, archive::Error> {
    Aws::default().bucket(&archive.place).await.map_err(|failure| archive::Error::Bucket {
        bucket: archive.place.name.clone(),
        doing: archive::Doing::Reach,
        failure,
    })
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
    /// There was no room for what is older than so many.
    most: Option<usize>,
}

impl Newest {
    fn push(&mut self, line: Line, limit: usize) {
        self.bytes += line.text.len();
        self.lines.push_back(line);
        // Twice as many: some are late.
        while self.lines.len() > limit.saturating_mul(2) || self.bytes > MOST_LIVE {
            let Some(oldest) = self.lines.pop_front() else { break };
            self.bytes -= oldest.text.len();
            self.most = Some(self.lines.len());
        }
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
