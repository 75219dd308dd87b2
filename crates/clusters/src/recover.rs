//! What an earlier run has left: one that goes on is followed, a lock of one that is gone is released, a state that could
//! not be stored is stored.

use serde_json::Value;

use crate::folder::EVENTS;
use crate::plan::journal::Refusal;
use crate::plan::lock::{self, Holder, LastRun, Lock};
use crate::plan::orphans::Ground;
use crate::plan::root::TAG;
use crate::plan::{journal, orphans};
use crate::run::{self, Ended};
use crate::work::Work;
use crate::{Error, Event, Result, Sink, process};

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
    let Some(lock) = lock_of(work).await? else { return Ok(()) };
    let holder = holder(work, &lock);
    if holder != Holder::Gone {
        return Err(Error::Locked { lock: Box::new(lock), holder });
    }
    sink(Event::note(format!(
        "released the lock of {} since {}: it was taken by the last run on this machine, whose process is gone",
        lock.who, lock.created
    )));
    release(work).await
}

pub async fn lock_of(work: &Work) -> Result<Option<Lock>> {
    read_lock(&work.bucket, &work.identity.lock_key()).await
}

pub async fn read_lock(bucket: &aws::OwnBucket, key: &str) -> Result<Option<Lock>> {
    let found = bucket.get(key).await.map_err(|failure| Error::Aws { doing: "look for a lock", failure })?;
    let Some(found) = found else { return Ok(None) };
    serde_json::from_slice(&found.bytes)
        .map(Some)
        .map_err(|error| Error::Unreadable { what: format!("the lock {key}"), why: error.to_string() })
}

pub fn holder(work: &Work, lock: &Lock) -> Holder {
    let last = work.folder.record().map(|record| LastRun {
        // A run whose beginning nobody could write down any more is one, too.
        alive: process::is_alive(&record) || process::applies_in(work.folder.path()),
        who: record.who(),
        begun: record.begun,
        ended: record.seen,
    });
    lock::holder(lock, last.as_ref())
}

pub async fn release(work: &Work) -> Result<()> {
    let deleted = work.bucket.delete(&work.identity.lock_key()).await;
    deleted.map_err(|failure| Error::Aws { doing: "release the lock", failure })
}

/// Stores a state that Terraform could not store. After `init`: it has to know where.
pub async fn unstored(work: &Work, sink: Sink<'_>) -> Result<()> {
    let Some(path) = work.folder.errored() else { return Ok(()) };
    sink(Event::note("the last run could not store its state: storing it now"));
    let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
    work.engine
        .call(work.folder.path(), "storing the state of the last run", &["state", "push", &name])
        .await?;
    work.folder.remove(&name)
}

/// Takes into the state what the last run made and could not store any more. After `init`. Addresses of what may be there besides,
/// for a plan to find.
pub async fn unrecorded(work: &Work, sink: Sink<'_>) -> Result<Vec<String>> {
    let Some(record) = work.folder.record() else { return Ok(Vec::new()) };
    let stream = std::fs::read_to_string(work.folder.file(EVENTS)).unwrap_or_default();
    if !record.ended || stream.is_empty() {
        return Ok(Vec::new());
    }
    let held = crate::create::stored(work).await?.unwrap_or_default().addresses;
    let lacking = journal::lacking(&stream, &held);
    let mut perhaps = lacking.perhaps;
    for (address, id) in lacking.take {
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
    let held = crate::create::stored(work).await?.unwrap_or_default().identities;
    Ok(Ground { tagged, held, ..Ground::default() })
}

/// Looks for what was being made when the last run ended, and takes it into the state. `shown`: a plan that would make it.
pub async fn orphaned(
    work: &Work,
    perhaps: &[String],
    shown: &Value,
    mut ground: Ground,
    sink: Sink<'_>,
) -> Result<()> {
    let failed = |failure| Error::Aws { doing: "look for what the last run left", failure };
    for name in orphans::zones(perhaps, shown) {
        ground.zones.extend(work.account.zones_named(&name).await.map_err(failed)?);
    }
    for balancer in orphans::balancers(perhaps, shown) {
        ground.listeners.extend(work.account.listeners(&balancer).await.map_err(failed)?);
    }
    for (address, id) in orphans::find(perhaps, shown, &ground) {
        // It may never have come to that: then there is nothing to import.
        if import(work, &address, &id, sink).await? {
            sink(Event::note(format!(
                "{address} was being made when the last run ended: it is {id}, and in the state now"
            )));
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
