//! What a copy does to those who write to the source meanwhile: how long their statements take, alone, beside a copy, and
//! beside one that is held to a limit.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use anyhow::Result;
use mysql_async::prelude::Queryable;
use serde_json::json;
use stories::mariadb::MariaDb;

use super::SERVER;
use super::rival::job;
use crate::table::{Table, percentile};

/// As many statements a second as the writer wants.
const PACE: Duration = Duration::from_millis(5);
const ALONE: Duration = Duration::from_secs(10);
const LIMIT: u64 = 10_000_000;

pub async fn measure(source: &MariaDb) -> Result<()> {
    source
        .run(&[
            "CREATE DATABASE written",
            "USE written",
            "CREATE TABLE written.counters (id INT PRIMARY KEY, n BIGINT NOT NULL)",
            "INSERT INTO written.counters SELECT seq, 0 FROM seq_1_to_1000",
        ])
        .await?;
    let mut table = Table::new(&["200 writes a second, one connection", "median ms", "p99 ms", "copy s"]);
    let mut row = |name: &str, mut times: Vec<f64>, copied: Option<f64>| {
        table.row([
            name.to_owned(),
            format!("{:.1}", percentile(&mut times, 50)),
            format!("{:.1}", percentile(&mut times, 99)),
            copied.map_or("–".to_owned(), |seconds| format!("{seconds:.1}")),
        ]);
    };
    let (times, ()) = beside(source, async {
        tokio::time::sleep(ALONE).await;
        Ok(())
    })
    .await?;
    row("alone", times, None);
    for (name, limit) in [("beside a copy", None), ("beside a copy of 10 MB/s", Some(LIMIT))] {
        let target = MariaDb::start(SERVER).await?;
        let mut job = job(source, &target, super::DATABASE)?;
        if let Some(limit) = limit {
            job = job.limits(json!({"connections": 2, "bytesPerSecond": limit}));
        }
        let copy = async { tokio::task::spawn_blocking(move || job.run()?.report()).await? };
        let (times, report) = beside(source, copy).await?;
        row(name, times, report["seconds"].as_f64());
    }
    println!("{table}");
    Ok(())
}

/// How long each write took, in milliseconds, while something else went on.
async fn beside<T>(source: &MariaDb, other: impl Future<Output = Result<T>>) -> Result<(Vec<f64>, T)> {
    let stop = Arc::new(AtomicBool::new(false));
    let mut conn = source.connect().await?;
    let writer = tokio::spawn({
        let stop = stop.clone();
        async move {
            let (mut times, mut pace) = (vec![], tokio::time::interval(PACE));
            pace.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
            let mut at = 0;
            while !stop.load(Ordering::Relaxed) {
                pace.tick().await;
                at = at % 1000 + 1;
                let begun = Instant::now();
                conn.query_drop(format!("UPDATE written.counters SET n = n + 1 WHERE id = {at}")).await?;
                times.push(begun.elapsed().as_secs_f64() * 1e3);
            }
            anyhow::Ok(times)
        }
    });
    let done = other.await;
    stop.store(true, Ordering::Relaxed);
    Ok((writer.await??, done?))
}
