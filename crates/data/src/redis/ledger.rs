//! What a copy keeps on its target: whose turn it is, and which job began. Nothing says what is done: that is seen by
//! looking, so that it can never be wrong.

use std::time::{Duration, Instant};

use redis::Cmd;

use super::link::{Link, bytes, command};
use super::plan::names::OURS;
use super::slices;
use crate::error::{Error, Result};

/// How long a turn lasts without being renewed, and how long one waits for a turn to end.
const TURN: Duration = Duration::from_secs(5);
const PATIENCE: Duration = Duration::from_secs(8);
const LOOK: Duration = Duration::from_millis(200);

/// Most workers there are.
const LANES: usize = 32;

fn lock() -> Vec<u8> {
    [OURS, b"turn"].concat()
}

fn job_key() -> Vec<u8> {
    [OURS, b"job"].concat()
}

fn take(token: &str) -> Cmd {
    let millis = TURN.as_millis().to_string();
    command("SET", &[&lock(), token.as_bytes(), b"NX", b"PX", millis.as_bytes()])
}

/// Waits for its turn: two copies would write over each other.
pub async fn alone(link: &mut Link, token: &str) -> Result<()> {
    let begun = Instant::now();
    while renew(link, token).await? == Turn::Anothers {
        if begun.elapsed() > PATIENCE {
            return Err(Error::Busy);
        }
        tokio::time::sleep(LOOK).await;
    }
    Ok(())
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Turn {
    /// It was nobody's: the first time, or since the target lost what it had.
    Taken,
    Renewed,
    Anothers,
}

pub async fn renew(link: &mut Link, token: &str) -> Result<Turn> {
    let doing = "asking whether it is alone";
    link.select(0).await?;
    let taken = link.one(doing, take(token)).await?;
    if bytes(taken).is_some() {
        return Ok(Turn::Taken);
    }
    let holder = bytes(link.one(doing, command("GET", &[&lock()])).await?);
    if holder.as_deref() != Some(token.as_bytes()) {
        return Ok(Turn::Anothers);
    }
    let millis = TURN.as_millis().to_string();
    link.one(doing, command("PEXPIRE", &[&lock(), millis.as_bytes()])).await.map(|_| Turn::Renewed)
}

pub async fn release(link: &mut Link, token: &str) -> Result<()> {
    link.select(0).await?;
    let holder = bytes(link.one("ending its turn", command("GET", &[&lock()])).await?);
    if holder.as_deref() == Some(token.as_bytes()) {
        link.one("ending its turn", command("UNLINK", &[&lock()])).await?;
    }
    Ok(())
}

/// Which job began and did not end.
pub async fn job(link: &mut Link) -> Result<Option<String>> {
    link.select(0).await?;
    let found = bytes(link.one("reading what an earlier run left", command("GET", &[&job_key()])).await?);
    Ok(found.map(|job| String::from_utf8_lossy(&job).into_owned()))
}

pub async fn begin(link: &mut Link, job: &str) -> Result<()> {
    link.select(0).await?;
    link.one("saying that it began", command("SET", &[&job_key(), job.as_bytes()])).await.map(drop)
}

pub async fn end(link: &mut Link) -> Result<()> {
    link.select(0).await?;
    link.one("saying that it ended", command("UNLINK", &[&job_key()])).await.map(drop)
}

/// Parts of large values that an earlier run did not finish.
pub async fn tidy(link: &mut Link, databases: &[u32]) -> Result<()> {
    for database in databases {
        link.select(*database).await?;
        let parts: Vec<Vec<u8>> = (0..LANES).map(slices::part).collect();
        let parts: Vec<&[u8]> = parts.iter().map(Vec::as_slice).collect();
        link.one("tidying up after an earlier run", command("UNLINK", &parts)).await?;
    }
    Ok(())
}
