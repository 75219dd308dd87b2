//! How many lines a search would find, by time and by level.

use aws::Bucket;
use logs::Histogram;
use logs::archive;
use tokio::sync::mpsc;

use super::search::{Answer, Search, live_lines, prepare, scope};
use crate::{Cluster, Result};

/// Counts every wanted line, whatever `limit` says; `steps` is about how many steps of time are wanted. What is older than
/// the archive's seam counts as archived, what is newer as live, so that no line counts twice. `None`: nobody listens.
pub async fn histogram(
    cluster: &Cluster,
    namespace: &str,
    search: &Search,
    steps: usize,
    out: mpsc::Sender<Answer>,
) -> Result<Option<Histogram>> {
    let everything = Search { limit: usize::MAX, ..search.clone() };
    let mut scope = scope(cluster, namespace, &everything).await?;
    // The cluster tells whole seconds.
    let now = scope.now.checked_add(jiff::SignedDuration::from_secs(1)).unwrap_or(scope.now);
    let mut histogram = Histogram::new(scope.since, scope.until.min(now), steps);
    if let Some(complete) = scope.complete_up_to() {
        let (since, until) = (scope.since, scope.until);
        scope.until = complete;
        if let Some(prepared) = prepare(&scope, &everything).await?
            && !count(prepared, &mut histogram, &out).await?
        {
            return Ok(None);
        }
        let after = complete.checked_add(jiff::SignedDuration::from_nanos(1)).unwrap_or(complete);
        (scope.since, scope.until) = (since.max(after), until);
    }
    if scope.since <= scope.until {
        live_lines(cluster, &scope, &everything, |line| histogram.add(&line)).await?;
    }
    Ok(Some(histogram))
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
