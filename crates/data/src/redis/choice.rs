//! Whether a snapshot of the source is asked for, found out before anything is copied.

use redis::Value;

use super::job::{Existing, Job};
use super::link::{Link, command, list, refusal, strings, text};
use super::report::Path;
use super::server::Server;
use crate::error::{Error, Result};

/// Of more keys the names would not be remembered.
const KEYS: u64 = 12_000_000;

/// Why not; none: it is.
pub async fn against_snapshot(
    job: &Job,
    there: &Server,
    source: &mut Link,
    path: Path,
) -> Result<Option<String>> {
    let why = match by_job(job, there, path) {
        Some(why) => Some(why.to_owned()),
        None => by_source(source).await?,
    };
    match why {
        Some(why) if job.snapshot == Some(true) => Err(Error::Refused {
            message: format!("the source is not asked for a snapshot: {why}"),
            fix: "leave `snapshot` out: keys are read one by one then".to_owned(),
        }),
        why => Ok(why),
    }
}

fn by_job(job: &Job, there: &Server, path: Path) -> Option<&'static str> {
    if job.snapshot == Some(false) {
        return Some("the job says so");
    }
    if job.databases.is_some() || !job.keys.include.is_empty() {
        return Some("a snapshot has all keys, and the job is about some");
    }
    if path == Path::Commands {
        return Some("the target does not read it");
    }
    let clears = matches!(job.existing, None | Some(Existing::Wipe));
    if clears && there.databases().values().sum::<u64>() > KEYS {
        return Some("it has too many keys to remember which there were");
    }
    // It makes one in a process beside it, which takes memory for what changes meanwhile. A job that wants one knows.
    let (used, most) = (there.number("used_memory"), there.number("total_system_memory"));
    let most = job.source.memory_bytes.map_or(most, |bytes| most.min(bytes as f64));
    (job.snapshot.is_none() && most > 0.0 && used * 2.0 > most)
        .then_some("it may not have the memory for one")
}

async fn by_source(source: &mut Link) -> Result<Option<String>> {
    let user = source.end.user().to_owned();
    let asked = vec![
        command("COMMAND", &[b"INFO", b"SYNC", b"REPLCONF"]),
        command("ACL", &[b"DRYRUN", user.as_bytes(), b"SYNC"]),
        command("CONFIG", &[b"GET", b"repl-diskless-sync"]),
    ];
    let mut answers = source.all("asking whether it gives a snapshot", asked).await?.into_iter();
    let mut next = || answers.next().unwrap_or_default();
    let (known, may, way) = (next(), next(), next());
    if refusal(&known).is_none() && list(known).iter().any(|command| !matches!(command, Value::Array(_))) {
        return Ok(Some("it does not know SYNC".to_owned()));
    }
    // Who may not ask is found out when it is asked for.
    if refusal(&may).is_none() && !matches!(may, Value::Okay) {
        return Ok(Some(text(may)));
    }
    if refusal(&way).is_some() {
        return Ok(Some("its user may not ask how it would send one (CONFIG GET)".to_owned()));
    }
    let direct = strings(way).get(1).is_some_and(|value| value == b"yes");
    Ok((!direct).then(|| "it would write one to its disk first (repl-diskless-sync)".to_owned()))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn what_speaks_against_a_snapshot_is_said_and_memory_does_not_where_the_job_wants_one() {
        let there = |used: u64, keys: u64| {
            Server::knowing(&format!(
                "used_memory:{used}\ntotal_system_memory:100\ndb0:keys={keys},expires=0\n"
            ))
        };
        let why = |says: serde_json::Value, there: &Server, path| {
            let mut job = json!({"store": "redis", "source": {"host": "a"}, "target": {"host": "b"}});
            job.as_object_mut().unwrap().extend(says.as_object().unwrap().clone());
            by_job(&serde_json::from_value(job).unwrap(), there, path)
        };
        let small = there(50, 7);
        assert_eq!(why(json!({}), &small, Path::Payloads), None);
        assert_eq!(why(json!({}), &small, Path::Commands), Some("the target does not read it"));
        assert_eq!(why(json!({"snapshot": false}), &small, Path::Payloads), Some("the job says so"));
        let some = Some("a snapshot has all keys, and the job is about some");
        assert_eq!(why(json!({"databases": [0]}), &small, Path::Payloads), some);
        assert_eq!(why(json!({"keys": {"include": ["a*"]}}), &small, Path::Payloads), some);
        assert_eq!(why(json!({"keys": {"exclude": ["a*"]}}), &small, Path::Payloads), None);
        let memory = Some("it may not have the memory for one");
        assert_eq!(why(json!({}), &there(51, 7), Path::Payloads), memory);
        assert_eq!(why(json!({"snapshot": true}), &there(51, 7), Path::Payloads), None);
        let limited = json!({"source": {"host": "a", "memoryBytes": 90}});
        assert_eq!(why(limited, &small, Path::Payloads), memory);
        let many = there(1, KEYS + 1);
        assert!(why(json!({}), &many, Path::Payloads).is_some_and(|why| why.contains("too many keys")));
        assert_eq!(why(json!({"existing": "replace"}), &many, Path::Payloads), None);
    }
}
