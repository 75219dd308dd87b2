//! A copy as of one moment: keys as they stand in a snapshot of the source, which it makes as for a replica. The source's
//! main thread is asked for none of them.

use std::collections::HashSet;
use std::hash::Hasher;
use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex, PoisonError};

use siphasher::sip128::{Hasher128, SipHasher24};
use tokio::sync::mpsc;

use super::batch::{Batch, Dumped, Shared};
use super::feed::{Denied, Feed};
use super::plan::payload;
use super::plan::rdb::Part;
use super::walk;
use crate::error::{Error, Result};

/// As many keys, and about as many bytes, go at a time.
const KEYS: usize = 500;
const BYTES: usize = 1 << 20;

/// Which keys of the target stand in the snapshot; what else is there is too many.
#[derive(Debug, Default)]
pub struct Seen {
    names: HashSet<u128>,
    /// When it was made, in seconds since 1970.
    pub made: Option<i64>,
}

impl Seen {
    pub fn has(&self, database: u32, name: &[u8]) -> bool {
        self.names.contains(&known(database, name))
    }
}

fn known(database: u32, name: &[u8]) -> u128 {
    let mut hasher = SipHasher24::new();
    hasher.write_u32(database);
    hasher.write(name);
    hasher.finish128().as_u128()
}

/// What a snapshot could not bring, in words; or everything that it brought.
pub enum Taken {
    Whole(Seen),
    NotWhole(String),
}

/// Carries all of it over. What was carried before it turned out not to be readable stands, and is looked at again.
pub async fn pass(shared: &Arc<Shared>, feed: Feed, look: bool, lanes: usize) -> Result<Taken> {
    let outcome = Arc::new(Mutex::new(Taken::NotWhole("it was not read".into())));
    let reader = {
        let (shared, outcome) = (shared.clone(), outcome.clone());
        move |sender| async move {
            let taken = match read(&shared, feed, look, &sender).await {
                Ok(seen) => Taken::Whole(seen),
                Err(Denied::Refused(why)) => Taken::NotWhole(why),
                Err(Denied::Failed(error)) => return Err(error),
            };
            *outcome.lock().unwrap_or_else(PoisonError::into_inner) = taken;
            Ok(())
        }
    };
    walk::carried(shared, 1, lanes, reader).await?;
    let mut outcome = outcome.lock().unwrap_or_else(PoisonError::into_inner);
    Ok(std::mem::replace(&mut outcome, Taken::NotWhole(String::new())))
}

async fn read(
    shared: &Shared,
    mut feed: Feed,
    look: bool,
    sender: &mpsc::Sender<Batch>,
) -> Result<Seen, Denied> {
    let mut seen = Seen::default();
    let (mut batch, mut bytes) = (empty(0, look), 0);
    loop {
        let part = feed.next().await?;
        let full = batch.keys.len() >= KEYS || bytes >= BYTES;
        let moves = matches!(part, Part::Database(_) | Part::End);
        if (full || moves) && !batch.keys.is_empty() {
            let database = batch.database;
            if sender.send(std::mem::replace(&mut batch, empty(database, look))).await.is_err() {
                // Whoever should have taken it failed, and says so.
                return Ok(seen);
            }
            bytes = 0;
        }
        match part {
            Part::End => return Ok(seen),
            Part::Made(seconds) => seen.made = Some(seconds),
            Part::Database(number) => batch.database = number,
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
                seen.names.insert(known(batch.database, &shared.scope.renamed(&name)));
                batch.dumped.push(Dumped { payload: payload::sealed(body, feed.version), expires, age });
                batch.keys.push(name);
            }
        }
    }
}

fn empty(database: u32, look: bool) -> Batch {
    Batch { database, keys: vec![], pass: 1, look, dumped: vec![] }
}
