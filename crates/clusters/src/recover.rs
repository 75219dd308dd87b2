//! What an earlier run has left: one that goes on is followed, a lock of one that is gone is released, a state that could
//! not be stored is stored.

use serde_json::Value;

use crate::folder::EVENTS;
use crate::plan::journal::Refusal;
use crate::plan::lock::{self, Holder, LastRun, Lock};
use crate::plan::orphans::Ground;
use crate::plan::progress::kind;
use crate::plan::root::TAG;
use crate::plan::{journal, orphans, state};
use crate::run::{self, Ended};
use crate::stop::between;
use crate::work::{Wanted, Work};
use crate::{Error, Event, Result, Sink, own_lock, process};

/// Follows a run that is still going on, to its end.
pub async fn running(
    work: &Work,
    interrupted: &mut (impl Future<Output = ()> + Unpin),
    sink: Sink<'_>,
) -> Result<Option<Ended>> {
    let Some(record) = work.folder.record().filter(|record| !record.ended) else { return Ok(None) };
    if process::is_alive(&record) {
        sink(Event::note(format!("{} goes on since {}: following it", record.what, record.begun)));
    } else {
        sink(Event::note(format!("the last {} ended without a word: taking it up", record.what)));
    }
    run::follow(&work.folder, &record, None, interrupted, sink).await.map(Some)
}

/// Releases a lock whose holder is proved to be gone; any other one stays and is told.
pub async fn locked(work: &Work, sink: Sink<'_>) -> Result<()> {
    let Some((lock, etag)) = lock_of(work).await? else { return Ok(()) };
    let holder = holder(work, &lock);
    if holder != Holder::Gone {
        return Err(Error::Locked { lock: Box::new(lock), holder });
    }
    sink(Event::note(format!(
        "released the lock of {} since {}: it was taken by the last run on this machine, whose process is gone",
        lock.who, lock.created
    )));
    release(work, &etag).await
}

pub async fn lock_of(work: &Work) -> Result<Option<(Lock, String)>> {
    read_lock(&work.bucket, &work.identity.lock_key()).await
}

/// A lock, and what its object is known again by.
pub async fn read_lock(bucket: &aws::OwnBucket, key: &str) -> Result<Option<(Lock, String)>> {
    let found = bucket.get(key).await.map_err(|failure| Error::Aws { doing: "look for a lock", failure })?;
    let Some(found) = found else { return Ok(None) };
    let lock = serde_json::from_slice(&found.bytes)
        .map_err(|error| Error::Unreadable { what: format!("the lock {key}"), why: error.to_string() })?;
    Ok(Some((lock, found.etag)))
}

fn holder(work: &Work, lock: &Lock) -> Holder {
    // We have its folder, so whoever had it is gone.
    if own_lock::is_ours(work, lock) {
        return Holder::Gone;
    }
    let last = work.folder.record().map(|record| LastRun {
        // A run whose beginning nobody could write down any more is one, too.
        alive: process::is_alive(&record) || process::applies_in(work.folder.path()),
        who: record.who(),
        begun: record.begun,
        ended: record.seen,
    });
    lock::holder(lock, last.as_ref())
}

/// Releases the lock that was read, and none that somebody else has taken meanwhile.
async fn release(work: &Work, etag: &str) -> Result<()> {
    let key = work.identity.lock_key();
    let released = work.bucket.delete_same(&key, etag).await;
    if released.map_err(|failure| Error::Aws { doing: "release the lock", failure })? {
        return Ok(());
    }
    let (lock, _) = lock_of(work).await?.ok_or(Error::NotLocked)?;
    Err(Error::Locked { lock: Box::new(lock), holder: Holder::Unknown })
}

/// Stores a state that Terraform could not store. After `init`: it has to know where.
pub async fn unstored(work: &Work, sink: Sink<'_>) -> Result<()> {
    let Some(path) = work.folder.errored() else { return Ok(()) };
    let unreadable = |why: String| Error::Unreadable { what: path.display().to_string(), why };
    let text = std::fs::read(&path).map_err(|error| unreadable(error.to_string()))?;
    let ours = state::read(&text).map_err(unreadable)?;
    // The stored one has moved on: what this one holds besides is found by the last run's stream and by tags.
    if crate::stored::stored(work).await?.is_some_and(|stored| stored.serial >= ours.serial) {
        let kept = work.folder.set_aside(&path, ours.serial)?;
        sink(Event::note(format!(
            "the last run could not store its state, and a later one is stored: it lies in {}",
            kept.display()
        )));
        return Ok(());
    }
    sink(Event::note("the last run could not store its state: storing it now"));
    let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
    let pushed = work
        .engine
        .call(work.folder.path(), "storing the state of the last run", &["state", "push", &name])
        .await;
    match pushed {
        Ok(_) => work.folder.remove(&name),
        Err(Error::Engine { said, .. }) => Err(Error::Unstored { path, said }),
        Err(error) => Err(error),
    }
}

/// Takes into the state what the last run made and could not store any more, and strikes off what it has deleted. After `init`. Addresses of what may be there besides,
/// for a plan to find.
pub async fn unrecorded(
    work: &Work,
    interrupted: &mut (impl Future<Output = ()> + Unpin),
    sink: Sink<'_>,
) -> Result<Vec<String>> {
    let Some(record) = work.folder.record() else { return Ok(Vec::new()) };
    let stream = std::fs::read_to_string(work.folder.file(EVENTS)).unwrap_or_default();
    if !record.ended || stream.is_empty() {
        return Ok(Vec::new());
    }
    let held = crate::stored::stored(work).await?.unwrap_or_default().held;
    let lacking = journal::lacking(&stream, &held);
    if !lacking.gone.is_empty() {
        between(interrupted).await?;
        // Asked for, it would be looked for a long time: a provider takes what is not there for what is not there yet.
        let mut arguments = vec!["state", "rm", "-lock-timeout=30s"];
        arguments.extend(lacking.gone.iter().map(String::as_str));
        work.engine.call(work.folder.path(), "striking off what was deleted", &arguments).await?;
        sink(Event::note(format!(
            "{} things were deleted by the last run and are struck off its state now",
            lacking.gone.len()
        )));
    }
    let mut perhaps = lacking.perhaps;
    for (address, id) in lacking.take {
        between(interrupted).await?;
        if import(work, &address, &id, sink).await? {
            sink(Event::note(format!("{address} was made and not stored: it is {id}, and in the state now")));
        } else {
            perhaps.push(address);
        }
    }
    Ok(perhaps)
}

/// What AWS has of the cluster, and which of it is in the state.
pub async fn ground(work: &Work) -> Result<Ground> {
    let tagged = work.account.tagged(TAG, &work.identity.id).await;
    let tagged =
        tagged.map_err(|failure| Error::Aws { doing: "look for what the last run left", failure })?;
    let held = crate::stored::stored(work).await?.unwrap_or_default().identities;
    Ok(Ground { tagged, held, ..Ground::default() })
}

/// Looks for what was being made when the last run ended, and takes it into the state. `shown`: a plan that would make it.
pub async fn orphaned(
    work: &Work,
    perhaps: &[String],
    shown: &Value,
    mut ground: Ground,
    interrupted: &mut (impl Future<Output = ()> + Unpin),
    sink: Sink<'_>,
) -> Result<()> {
    let failed = |failure| Error::Aws { doing: "look for what the last run left", failure };
    for name in orphans::zones(perhaps, shown) {
        ground.zones.extend(work.account.zones_named(&name).await.map_err(failed)?);
    }
    for balancer in orphans::balancers(perhaps, shown) {
        ground.listeners.extend(work.account.listeners(&balancer).await.map_err(failed)?);
    }
    for name in orphans::names(perhaps, shown, orphans::BALANCER) {
        let arn = work.account.balancer_named(&name).await.map_err(failed)?;
        ground.named.extend(arn.map(|arn| (orphans::BALANCER, name, arn)));
    }
    for name in orphans::names(perhaps, shown, orphans::TARGETS) {
        let arn = work.account.targets_named(&name).await.map_err(failed)?;
        ground.named.extend(arn.map(|arn| (orphans::TARGETS, name, arn)));
    }
    for (address, id) in orphans::find(perhaps, shown, &ground) {
        between(interrupted).await?;
        // It may never have come to that: then there is nothing to import.
        if import(work, &address, &id, sink).await? {
            sink(Event::note(format!(
                "{address} was being made when the last run ended: it is {id}, and in the state now"
            )));
            // The rule that it begins with is one that nobody asked for, and stands in the way of the one that is asked for.
            if kind(&address) == "aws_security_group" && perhaps.contains(&address) {
                work.account.close_new_group(&id).await.map_err(failed)?;
            }
        }
    }
    Ok(())
}

/// Whether there is such a thing, and it is in the state now.
async fn import(work: &Work, address: &str, id: &str, sink: Sink<'_>) -> Result<bool> {
    let arguments = ["import", "-input=false", "-no-color", "-lock-timeout=30s", address, id];
    match work.engine.call(work.folder.path(), "importing", &arguments).await {
        Ok(_) => Ok(true),
        Err(Error::Engine { said, .. }) => {
            let words: Vec<String> =
                said.iter().map(|said| format!("{} {}", said.summary, said.detail)).collect();
            match journal::refusal(&words.join(" ")) {
                Refusal::Held => Ok(true),
                Refusal::Absent => Ok(false),
                Refusal::Other(words) => {
                    sink(Event::note(format!(
                        "{address} may be there as {id}, and could not be taken into the state: {words}"
                    )));
                    Ok(false)
                }
            }
        }
        Err(error) => Err(error),
    }
}

/// Everything of the above that needs no engine.
pub async fn settle(
    work: &Work,
    interrupted: &mut (impl Future<Output = ()> + Unpin),
    sink: Sink<'_>,
) -> Result<()> {
    if let Some(ended) = running(work, interrupted, sink).await? {
        let (done, total) = (ended.look.done, ended.look.total);
        if ended.interrupted {
            return Err(Error::Stopped { done, total });
        }
        sink(Event::note(format!("it made {done} of {total} changes; what is left is planned anew")));
    }
    if work.backend.is_some() { locked(work, sink).await } else { Ok(()) }
}

/// Releases a lock by its id, unless its holder is known to live.
pub async fn unlock(wanted: &Wanted, id: &str, sink: Sink<'_>) -> Result<Lock> {
    let work = Work::open(wanted, sink).await?;
    let (lock, etag) = lock_of(&work).await?.ok_or(Error::NotLocked)?;
    if lock.id != id {
        return Err(Error::OtherLock { wanted: id.to_owned(), found: lock.id });
    }
    if holder(&work, &lock) == Holder::Alive {
        return Err(Error::Locked { lock: Box::new(lock), holder: Holder::Alive });
    }
    release(&work, &etag).await?;
    Ok(lock)
}
