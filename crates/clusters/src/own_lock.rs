//! The lock of a cluster's state, held by outboard itself while it changes what Terraform does not know: nobody plans or applies
//! meanwhile, from whatever machine.

use jiff::Timestamp;

use crate::plan::lock::{Holder, Lock};
use crate::recover::lock_of;
use crate::work::Work;
use crate::{Error, Result, process};

/// Which lock is ours: whoever has the folder next knows by it that its holder is gone.
pub const FILE: &str = "lock.json";

/// `what`: for whoever finds it locked.
pub async fn take(work: &Work, what: &str) -> Result<()> {
    let lock = Lock {
        id: id(rand::random()),
        operation: "OperationTypeApply".to_owned(),
        info: what.to_owned(),
        who: format!("{}@{}", process::user(), process::host()),
        version: env!("CARGO_PKG_VERSION").to_owned(),
        created: Timestamp::now().to_string(),
        path: format!("{}/{}", work.identity.bucket, work.identity.state_key()),
    };
    let text = serde_json::to_vec(&lock).unwrap_or_default();
    // Before it is taken: killed right after, it is known to be ours.
    work.folder.put(FILE, &text)?;
    let taken = work.bucket.put_new(&work.identity.lock_key(), text).await;
    if taken.map_err(|failure| Error::Aws { doing: "lock the state", failure })? {
        return Ok(());
    }
    // An attempt whose answer was lost is tried again by itself, and then finds its own.
    let found = lock_of(work).await?;
    if found.as_ref().is_some_and(|(lock, _)| is_ours(work, lock)) {
        return Ok(());
    }
    work.folder.remove(FILE)?;
    match found {
        Some((lock, _)) => Err(Error::Locked { lock: Box::new(lock), holder: Holder::Unknown }),
        None => Err(Error::NotLocked),
    }
}

/// Whether a lock was taken by an outboard that had this folder before.
pub fn is_ours(work: &Work, lock: &Lock) -> bool {
    let ours = std::fs::read(work.folder.file(FILE)).ok();
    ours.and_then(|text| serde_json::from_slice::<Lock>(&text).ok()).is_some_and(|ours| ours.id == lock.id)
}

/// Gives it back, and no other one.
pub async fn release(work: &Work) -> Result<()> {
    let failed = |failure| Error::Aws { doing: "release the lock", failure };
    if let Some((lock, etag)) = lock_of(work).await?
        && is_ours(work, &lock)
    {
        work.bucket.delete_same(&work.identity.lock_key(), &etag).await.map_err(failed)?;
    }
    work.folder.remove(FILE)
}

/// As Terraform writes ids.
fn id(drawn: u128) -> String {
    let text = format!("{drawn:032x}");
    [&text[..8], &text[8..12], &text[12..16], &text[16..20], &text[20..]].join("-")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_looks_as_terraforms_do() {
        assert_eq!(id(0x1234_5678_9abc), "00000000-0000-0000-0000-123456789abc");
    }
}
