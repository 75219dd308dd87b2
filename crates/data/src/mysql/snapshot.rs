//! Several readers that see the source at one moment. Without any lock where its binary log tells that they do; the
//! report says how it was done and for how long anything was held.

use std::time::{Duration, Instant};

use futures::future::try_join_all;
use mysql_async::Conn;
use mysql_async::prelude::Queryable;
use serde::Serialize;

use super::connect::End;
use crate::error::{Error, Result, Side};

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum How {
    /// All opened again until their positions were the same; nothing was held.
    Aligned,
    /// Opened while writes were held for a moment.
    Locked,
    /// One reader only.
    Single,
}

#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Held {
    pub how: How,
    pub readers: usize,
    pub tries: u32,
    pub opened_millis: u64,
    /// How long writes to the source had to wait.
    pub held_millis: u64,
    /// Place in the binary log, where there is one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub position: Option<String>,
}

pub struct Snapshot {
    pub readers: Vec<Conn>,
    pub held: Held,
}

const BEGIN: &str = "START TRANSACTION WITH CONSISTENT SNAPSHOT, READ ONLY";

/// How long positions are tried to be the same. On a source of thousands of commits a second it takes about a second.
const ALIGNING: Duration = Duration::from_secs(5);

/// How long a lock may be waited for, and with it everybody who queues behind it.
const LOCK_WAIT: &str = "SET SESSION lock_wait_timeout=1";
const LOCK_TRIES: u32 = 5;

pub async fn open(end: &End, readers: usize, binlog: bool) -> Result<Snapshot> {
    let begun = Instant::now();
    let connect = (0..readers.max(1)).map(|_| end.data());
    let mut conns = try_join_all(connect).await?;
    let isolation = "SET SESSION TRANSACTION ISOLATION LEVEL REPEATABLE READ";
    all(&mut conns, isolation).await?;
    let mut held = Held {
        how: How::Aligned,
        readers: conns.len(),
        tries: 0,
        opened_millis: 0,
        held_millis: 0,
        position: None,
    };
    let aligned = binlog && align(&mut conns, &mut held).await?;
    if !aligned && conns.len() > 1 && !locked(end, &mut conns, &mut held).await? {
        conns.truncate(1);
    }
    if !aligned && conns.len() == 1 {
        all(&mut conns, BEGIN).await?;
        (held.how, held.readers, held.tries) = (How::Single, 1, held.tries + 1);
        held.position = positions(&mut conns).await?.pop().filter(|position| !position.is_empty());
    }
    // Releases, chunk by chunk, what would keep others from changing a table's definition.
    all(&mut conns, "SAVEPOINT outboard").await?;
    held.opened_millis = millis(begun.elapsed());
    Ok(Snapshot { readers: conns, held })
}

async fn all(conns: &mut [Conn], sql: &str) -> Result<()> {
    let run = conns.iter_mut().map(|conn| conn.query_drop(sql));
    try_join_all(run).await.map_err(|error| Error::sql(Side::Source, "opening the snapshot", error))?;
    Ok(())
}

async fn align(conns: &mut [Conn], held: &mut Held) -> Result<bool> {
    let begun = Instant::now();
    while begun.elapsed() < ALIGNING {
        held.tries += 1;
        all(conns, BEGIN).await?;
        let positions = positions(conns).await?;
        match positions.split_first() {
            Some((first, _)) if first.is_empty() => return Ok(false),
            Some((first, others)) if others.iter().all(|other| other == first) => {
                held.position = Some(first.clone());
                return Ok(true);
            }
            _ => {}
        }
    }
    Ok(false)
}

async fn positions(conns: &mut [Conn]) -> Result<Vec<String>> {
    let ask = conns.iter_mut().map(|conn| async {
        let rows: Vec<(String, String)> = conn.query("SHOW STATUS LIKE 'binlog_snapshot_%'").await?;
        let of = |end: &str| {
            let row = rows.iter().find(|(name, _)| name.to_lowercase().ends_with(end));
            row.map(|(_, value)| value.clone()).unwrap_or_default()
        };
        let (file, position) = (of("file"), of("position"));
        Ok::<_, mysql_async::Error>(if file.is_empty() { file } else { format!("{file}:{position}") })
    });
    try_join_all(ask)
        .await
        .map_err(|error| Error::sql(Side::Source, "asking for the snapshot's position", error))
}

/// False: the lock could not be had, and nothing is held.
async fn locked(end: &End, conns: &mut [Conn], held: &mut Held) -> Result<bool> {
    let mut lock = end.text().await?;
    let failed = |error| Error::sql(Side::Source, "opening the snapshot", error);
    lock.query_drop(LOCK_WAIT).await.map_err(failed)?;
    for _ in 0..LOCK_TRIES {
        // Behind a statement that runs for long, everybody would have to wait with us.
        let long = "SELECT COUNT(*) FROM information_schema.processlist WHERE command IN ('Query','Execute') AND time > 1 \
             AND id <> CONNECTION_ID()";
        if lock.query_first::<u64, _>(long).await.map_err(failed)? != Some(0) {
            tokio::time::sleep(Duration::from_secs(1)).await;
            continue;
        }
        held.tries += 1;
        let begun = Instant::now();
        match lock.query_drop("FLUSH TABLES WITH READ LOCK").await {
            Ok(()) => {}
            Err(mysql_async::Error::Server(error)) if matches!(error.code, 1227 | 1142 | 1044 | 1045) => {
                return Ok(false);
            }
            Err(mysql_async::Error::Server(error)) if error.code == 1205 => {
                held.held_millis += millis(begun.elapsed());
                continue;
            }
            Err(error) => return Err(failed(error)),
        }
        let opened = all(conns, BEGIN).await;
        let unlocked = lock.query_drop("UNLOCK TABLES").await;
        held.held_millis += millis(begun.elapsed());
        opened?;
        unlocked.map_err(failed)?;
        held.how = How::Locked;
        held.position = positions(conns).await?.pop().filter(|position| !position.is_empty());
        return Ok(true);
    }
    Ok(false)
}

fn millis(duration: Duration) -> u64 {
    duration.as_millis().try_into().unwrap_or(u64::MAX)
}
