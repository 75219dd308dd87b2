//! What a search would have to read: the objects of a span of time, listed no further than a search may go.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use aws::{Failure, Listed};
use futures::{StreamExt, TryStreamExt, stream};
use jiff::{SignedDuration, Timestamp};

use super::store::Store;
use super::{Archive, Doing, Error, Estimate, Most, Wanted, bound, prefixes};

const AT_ONCE: usize = 8;
const MOST_OBJECTS: usize = 1_000_000;

/// One object of a span of time.
#[derive(Clone, Debug)]
pub struct Part {
    pub key: Arc<str>,
    /// No line of it is newer.
    pub newest: Timestamp,
}

/// What all lists of one search share.
struct Look {
    archive: Archive,
    since: Timestamp,
    most: Option<Most>,
    lists: AtomicU64,
    objects: AtomicU64,
    bytes: AtomicU64,
}

/// What one list found.
#[derive(Default)]
struct Found {
    parts: Vec<Part>,
    frozen: u64,
}

/// Those that may hold the newest lines first.
pub async fn parts<S: Store>(
    store: S,
    archive: &Archive,
    wanted: &Wanted,
    most: Option<Most>,
) -> Result<(Vec<Part>, Estimate), Error> {
    let buffer = SignedDuration::try_from(archive.buffer).unwrap_or(SignedDuration::ZERO);
    let begin = wanted.since.saturating_sub(buffer).unwrap_or(Timestamp::MIN);
    let end = wanted.until.saturating_add(buffer).unwrap_or(Timestamp::MAX);
    let prefixes = prefixes::prefixes(&archive.prefix, begin, end);
    let lists = prefixes.len() as u64;
    if most.is_some_and(|most| lists > most.requests) {
        return Err(Error::TooMuch(Estimate { list_requests: lists, ..Estimate::default() }));
    }
    let look = Arc::new(Look {
        archive: archive.clone(),
        since: wanted.since,
        most,
        lists: AtomicU64::new(0),
        objects: AtomicU64::new(0),
        bytes: AtomicU64::new(0),
    });
    let each = look.clone();
    let lists =
        stream::iter(prefixes).map(move |prefix| list(store.clone(), each.clone(), prefix)).buffered(AT_ONCE);
    let mut lists = std::pin::pin!(lists);
    let (mut parts, mut frozen) = (vec![], 0);
    let failed = |failure| Error::Bucket { bucket: archive.place.name.clone(), doing: Doing::List, failure };
    while let Some(found) = lists.try_next().await.map_err(failed)? {
        if look.is_too_much() {
            return Err(Error::TooMuch(look.estimate()));
        }
        frozen += found.frozen;
        parts.extend(found.parts);
        if parts.len() > MOST_OBJECTS {
            return Err(Error::TooManyObjects { most: MOST_OBJECTS });
        }
    }
    parts.sort_by(|one, other| (other.newest, &other.key).cmp(&(one.newest, &one.key)));
    Ok((parts, Estimate { frozen, ..look.estimate() }))
}

/// Ends early once all of them together found too much.
async fn list<S: Store>(store: S, look: Arc<Look>, prefix: String) -> Result<Found, Failure> {
    let (mut found, mut next) = (Found::default(), None);
    loop {
        look.lists.fetch_add(1, Ordering::Relaxed);
        if look.is_too_much() {
            return Ok(found);
        }
        let page = store.list(&prefix, next).await?;
        for object in page.objects {
            if object.frozen {
                found.frozen += 1;
            } else if object.size > 0 {
                found.parts.extend(look.part(object));
            }
        }
        next = page.next;
        if next.is_none() || found.parts.len() > MOST_OBJECTS {
            return Ok(found);
        }
    }
}

impl Look {
    /// None: it holds nothing of that time, by its name or by when it was written.
    fn part(&self, object: Listed) -> Option<Part> {
        let modified = object.modified.and_then(|time| Timestamp::try_from(time).ok());
        let newest = bound::newest(&object.key, &self.archive.prefix, modified, self.archive.buffer);
        if newest < self.since {
            return None;
        }
        self.objects.fetch_add(1, Ordering::Relaxed);
        self.bytes.fetch_add(object.size, Ordering::Relaxed);
        Some(Part { key: object.key.into(), newest })
    }

    fn is_too_much(&self) -> bool {
        let Estimate { bytes, list_requests, get_requests, .. } = self.estimate();
        self.most.is_some_and(|most| bytes > most.bytes || list_requests + get_requests > most.requests)
    }

    fn estimate(&self) -> Estimate {
        let objects = self.objects.load(Ordering::Relaxed);
        Estimate {
            objects,
            bytes: self.bytes.load(Ordering::Relaxed),
            list_requests: self.lists.load(Ordering::Relaxed),
            get_requests: objects,
            frozen: 0,
        }
    }
}
