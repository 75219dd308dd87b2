//! Keys that the target has and the source has not, among those the copy is about.

use super::link::{Link, command, int};
use super::plan::names::{OURS, Scope};
use super::plan::rules::Rules;
use super::snapshot::Seen;
use super::walk::names;
use crate::error::Result;

/// One key of the copy that the target has already.
pub async fn any(target: &mut Link, scope: &Scope, databases: &[u32]) -> Result<Option<u32>> {
    for database in databases {
        let mut cursor = b"0".to_vec();
        loop {
            let (next, found) = names(target, *database, &cursor, None).await?;
            if found.iter().any(|name| !scope.origins(name).is_empty()) {
                return Ok(Some(*database));
            }
            if next == b"0" {
                break;
            }
            cursor = next;
        }
    }
    Ok(None)
}

/// Which keys of the target go.
#[derive(Clone, Copy, Debug)]
pub enum What<'a> {
    /// Those that the source does not have, or keeps to itself.
    Surplus,
    /// Those that do not stand in its snapshot.
    Others(&'a Seen),
    Everything,
}

/// Removes them; says how many there were.
pub async fn remove(
    what: What<'_>,
    (scope, rules): (&Scope, &Rules),
    source: &mut Link,
    target: &mut Link,
    databases: &[u32],
) -> Result<u64> {
    let mut removed = 0;
    for database in databases {
        source.select(*database).await?;
        let mut cursor = b"0".to_vec();
        loop {
            let (next, found) = names(target, *database, &cursor, None).await?;
            let mut mine: Vec<(Vec<u8>, Vec<Vec<u8>>)> =
                found.into_iter().map(|name| (name.clone(), scope.origins(&name))).collect();
            mine.retain(|(_, origins)| !origins.is_empty());
            for (_, origins) in &mut mine {
                origins.retain(|origin| rules.takes(origin));
            }
            removed += some(what, *database, source, target, &mine).await?;
            if next == b"0" {
                break;
            }
            cursor = next;
        }
    }
    Ok(removed)
}

async fn some(
    what: What<'_>,
    database: u32,
    source: &mut Link,
    target: &mut Link,
    mine: &[(Vec<u8>, Vec<Vec<u8>>)],
) -> Result<u64> {
    let there = |origins: &Vec<Vec<u8>>| {
        let origins: Vec<&[u8]> = origins.iter().map(Vec::as_slice).collect();
        // Without any it is asked for a key that nobody has.
        command("EXISTS", if origins.is_empty() { &[OURS] } else { &origins })
    };
    let keeps: Vec<bool> = match what {
        What::Everything => vec![],
        What::Others(seen) => mine.iter().map(|(name, _)| seen.has(database, name)).collect(),
        What::Surplus => {
            let asked = mine.iter().map(|(_, origins)| there(origins)).collect();
            // What it may not tell of stays.
            let there = source.permitted("asking whether keys are still there", asked).await?;
            there.iter().map(|there| int(there) != Some(0)).collect()
        }
    };
    let keeps = keeps.into_iter().chain(std::iter::repeat(false));
    let gone = mine.iter().zip(keeps).filter(|(_, keep)| !keep);
    let commands: Vec<_> = gone.map(|((name, _), _)| command("UNLINK", &[name])).collect();
    let count = commands.len();
    target.wrote(count);
    target.sure("removing what the source does not have", commands).await?;
    Ok(count as u64)
}

/// How many keys both have, where all keys of both belong to the copy: then equal numbers say that none is too many.
pub async fn same_number(source: &mut Link, target: &mut Link, databases: &[u32]) -> Result<bool> {
    for database in databases {
        source.select(*database).await?;
        target.select(*database).await?;
        let there = source.one("counting keys", redis::cmd("DBSIZE")).await?;
        let here = target.one("counting keys", redis::cmd("DBSIZE")).await?;
        // Two are our own, for as long as the copy runs.
        let ours = if *database == 0 { 2 } else { 0 };
        if int(&there).map(|there| there + ours) != int(&here) {
            return Ok(false);
        }
    }
    Ok(true)
}
