//! How many lines a search would find, by time and by level.

use aws::Bucket;
use logs::Histogram;
use logs::archive;
use tokio::sync::mpsc;

use super::scope::{Opened, instead, open, scope, within};
use super::search::{Answer, Search, live_lines};
use super::served::Unread;
use crate::{Cluster, Result};

/// Lines by time, and what is not among them.
#[derive(Debug)]
pub struct Counted {
    pub histogram: Histogram,
    /// There is an archive, and why it does not count. Only where a search has bounds or is made for others.
    pub unread: Option<Unread>,
}

/// Counts every wanted line, whatever `limit` says; `steps` is about how many steps of time are wanted. What is older than
/// the archive's seam counts as archived, what is newer as live, so that no line counts twice. `None`: nobody listens.
pub async fn histogram(
    cluster: &Cluster,
    namespace: &str,
    search: &Search,
    steps: usize,
    out: mpsc::Sender<Answer>,
) -> Result<Option<Counted>> {
    let everything = Search { limit: usize::MAX, ..search.clone() };
    let mut scope = scope(cluster, namespace, &everything).await?;
    let (since, until) = (scope.since, scope.until);
    // The cluster tells whole seconds.
    let now = scope.now.checked_add(jiff::SignedDuration::from_secs(1)).unwrap_or(scope.now);
    let empty = || {
        let histogram = Histogram::new(since, until.min(now), steps);
        match search.bounds {
            Some(bounds) => histogram.within(bounds.part()),
            None => histogram,
        }
    };
    let (mut histogram, mut unread) = (empty(), scope.unread.clone());
    if let Some(complete) = scope.complete_up_to() {
        scope.until = complete;
        let Opened { prepared, unread: why, turn: _turn } = open(&scope, &everything).await?;
        unread = why;
        if let Some(prepared) = prepared {
            match within(everything.bounds, count(prepared, &mut histogram, &out)).await {
                Ok(Ok(true)) => {}
                Ok(Ok(false)) => return Ok(None),
                Ok(Err(error)) => unread = Some(instead(&everything, error)?),
                Err(late) => unread = Some(late),
            }
        }
        scope.until = until;
        if unread.is_none() {
            let after = complete.checked_add(jiff::SignedDuration::from_nanos(1)).unwrap_or(complete);
            scope.since = since.max(after);
        } else {
            // What is live counts whole in its place.
            histogram = empty();
        }
    }
    if scope.since <= scope.until {
        live_lines(cluster, &scope, &everything, |line| histogram.add(&line)).await?;
    }
    Ok(Some(Counted { histogram, unread }))
}

/// False: nobody listens any more.
async fn count(
    prepared: archive::Search<Bucket>,
    histogram: &mut Histogram,
    out: &mpsc::Sender<Answer>,
) -> Result<bool> {
    let (tell, mut told) = mpsc::channel(1);
    let reading = async move { prepared.drive(histogram, &tell).await };
    let telling = async {
        while let Some(event) = told.recv().await {
            if let archive::Event::Progress(progress) = event
                && out.send(Answer::Progress(progress)).await.is_err()
            {
                break;
            }
        }
        drop(told);
    };
    let (summary, ()) = tokio::join!(reading, telling);
    Ok(summary?.is_some())
}
