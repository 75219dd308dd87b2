//! Searches of logs, as whoever asks: live lines in full, and of an archive no more than somebody waits for.

use std::time::Duration;

use tokio::sync::mpsc;
use verbs::logs::histogram::{Counted, histogram};
use verbs::logs::search::{Answer, Bounds, Found, Search, search};
use verbs::logs::{Line, Query};

use crate::app::{App, Result};
use crate::failure::Failure;

/// What one page takes, of an archive and of memory.
const BOUNDS: Bounds =
    Bounds { bytes: 512 << 20, requests: 2_000, memory: 32 << 20, time: Duration::from_secs(20) };
/// Lines that may wait to be taken.
const WAITING: usize = 64;

/// The newest of the wanted lines.
pub fn wanted(app: &App, query: Query, limit: usize) -> Search {
    Search { query, limit, bounds: Some(BOUNDS), asker: app.asker(), ..Search::default() }
}

/// What is found, newest first.
pub async fn lines(app: &App, namespace: &str, wanted: &Search) -> Result<(Vec<Line>, Found)> {
    let (out, mut answers) = mpsc::channel(WAITING);
    let reading = search(&app.cluster, namespace, wanted, out);
    let listening = async {
        let mut lines = vec![];
        while let Some(answer) = answers.recv().await {
            if let Answer::Line(line) = answer {
                lines.push(line);
            }
        }
        lines
    };
    let (found, lines) = tokio::join!(Box::pin(reading), listening);
    // It is listened to to the end.
    Ok((lines, found?.ok_or_else(Failure::nowhere)?))
}

/// How many there are, by time.
pub async fn counted(app: &App, namespace: &str, wanted: &Search, steps: usize) -> Result<Counted> {
    let (out, mut answers) = mpsc::channel(WAITING);
    let counting = histogram(&app.cluster, namespace, wanted, steps, out);
    let deaf = async { while answers.recv().await.is_some() {} };
    let (counted, ()) = tokio::join!(Box::pin(counting), deaf);
    counted?.ok_or_else(Failure::nowhere)
}
