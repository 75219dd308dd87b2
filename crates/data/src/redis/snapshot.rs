//! A copy as of one moment: keys as they stand in a snapshot of the source, which it makes as for a replica. The source's
//! main thread is asked for none of them.

use std::hash::Hasher;
use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex, PoisonError};

use siphasher::sip128::{Hasher128, SipHasher24};
use tokio::sync::{Semaphore, mpsc};

use super::batch::{Batch, Dumped, Shared};
use super::feed::{Denied, Feed};
use super::plan::payload;
use super::plan::rdb::{LARGEST, Part};
use super::walk;
use crate::error::{Error, Result};

/// As many keys, and about as many bytes, go at a time.
const KEYS: usize = 500;
const BYTES: usize = 1 << 20;

/// As much of a snapshot waits for its turn at most.
const WAITING: usize = LARGEST;

/// What stands in the snapshot beside values.
#[derive(Debug, Default)]
pub struct Seen {
    /// Keys by a digest of their names, in order; what else of the copy the target has is too many.
    names: Vec<u128>,
    /// The code of each library of functions.
    pub libraries: Vec<Vec<u8>>,
    /// When it was made, in seconds since 1970, as the source's clock has it.
    pub made: i64,
}

impl Seen {
    pub fn has(&self, database: u32, name: &[u8]) -> bool {
        self.names.binary_search(&known(database, name)).is_ok()
    }
}

fn known(database: u32, name: &[u8]) -> u128 {
    let mut hasher = SipHasher24::new();
    hasher.write_u32(database);
    hasher.write(name);
    hasher.finish128().as_u128()
}

pub enum Taken {
    Whole(Seen),
    /// What this server does not do, in words: it would not the next time either.
    Refused(String),
    /// It broke off; another may not.
    Broken(Error),
}

impl From<Denied> for Taken {
    fn from(denied: Denied) -> Self {
        match denied {
            Denied::Refused(why) => Self::Refused(why),
            Denied::Failed(error) => Self::Broken(error),
        }
    }
}

/// Carries all of it over. What was carried before it turned out not to be whole stands, and is looked at again.
pub async fn pass(shared: &Arc<Shared>, feed: Feed, look: bool, lanes: usize) -> Result<Taken> {
    let outcome = Arc::new(Mutex::new(None));
    let reader = {
        let (shared, outcome) = (shared.clone(), outcome.clone());
        move |sender| async move {
            let taken = match read(&shared, feed, look, &sender).await {
                Ok(seen) => Taken::Whole(seen),
                Err(denied) => denied.into(),
            };
            *outcome.lock().unwrap_or_else(PoisonError::into_inner) = Some(taken);
            Ok(())
        }
    };
    shared.tally.left_out.store(0, Ordering::Relaxed);
    walk::carried(shared, 1, lanes, reader).await?;
    let taken = outcome.lock().unwrap_or_else(PoisonError::into_inner).take();
    taken.ok_or_else(|| Error::Internal("nobody read the snapshot".into()))
}

async fn read(
    shared: &Shared,
    mut feed: Feed,
    look: bool,
    sender: &mpsc::Sender<Batch>,
) -> Result<Seen, Denied> {
    let room = Arc::new(Semaphore::new(WAITING >> 10));
    let (mut seen, mut made) = (Seen::default(), None);
    let (mut batch, mut bytes) = (empty(0, look), 0);
    loop {
        let part = feed.next().await?;
        let full = batch.keys.len() >= KEYS || bytes >= BYTES;
        let moves = matches!(part, Part::Database(_) | Part::End);
        if (full || moves) && !batch.keys.is_empty() {
            let kilobytes = u32::try_from((bytes >> 10).clamp(1, WAITING >> 10)).unwrap_or(1);
            batch.room = room.clone().acquire_many_owned(kilobytes).await.ok();
            let database = batch.database;
            if sender.send(std::mem::replace(&mut batch, empty(database, look))).await.is_err() {
                // Whoever should have taken it failed, and says so.
                return Ok(seen);
            }
            bytes = 0;
        }
        match part {
            Part::End => {
                let silent = || Denied::Refused("its snapshot does not say when it was made".into());
                seen.made = made.ok_or_else(silent)?;
                seen.names.sort_unstable();
                return Ok(seen);
            }
            Part::Made(seconds) => made = Some(seconds),
            Part::Database(number) => batch.database = number,
            Part::Library(code) => seen.libraries.push(code),
            Part::Other => {}
            Part::Key { name, body, expires, age } => {
                if !shared.scope.takes(&name) {
                    continue;
                }
                if !shared.rules.takes(&name) {
                    shared.tally.left_out.fetch_add(1, Ordering::Relaxed);
                    continue;
                }
                shared.bytes.pass(body.len()).await;
                bytes += body.len();
                seen.names.push(known(batch.database, &shared.scope.renamed(&name)));
                batch.dumped.push(Dumped { payload: payload::sealed(body, feed.version), expires, age });
                batch.keys.push(name);
            }
        }
    }
}

fn empty(database: u32, look: bool) -> Batch {
    Batch { database, keys: vec![], pass: 1, look, dumped: vec![], room: None }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_known_in_its_own_database_only() {
        let mut names = vec![known(0, b"b"), known(3, b"a"), known(0, b"a")];
        names.sort_unstable();
        let seen = Seen { names, ..Seen::default() };
        assert!(seen.has(0, b"a") && seen.has(3, b"a") && seen.has(0, b"b"));
        assert!(!seen.has(3, b"b") && !seen.has(0, b"c"));
    }
}
