//! What is remembered of registries, for each asker: for good what lies under a digest, for a moment what tags there are, so that somebody who types
//! has it read once. Bounded, and never the answer to somebody of another control namespace or class.

use std::collections::{BTreeMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use tokio::sync::{Semaphore, SemaphorePermit};

use super::Failure;
use super::tags::Tags;
use crate::plan::versions::Says;

/// A few hundred bytes each.
const IMAGES: usize = 5_000;
/// So many images are looked at by the operator at the same time, whoever asks.
pub const IMAGES_AT_ONCE: usize = 4;
/// At most a megabyte or two each.
const LISTS: usize = 8;
const FRESH: Duration = Duration::from_secs(30);
/// A registry that had enough, or is away, is left alone for so long.
const LEFT_ALONE: Duration = Duration::from_secs(10);

/// Whose question: control namespace, class and repository.
#[derive(Clone, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub struct Asker {
    pub control: String,
    pub class: String,
    pub repository: String,
}

/// Tags, and what they stood for when that was asked.
#[derive(Debug, Default)]
pub struct List {
    pub tags: Tags,
    digests: Mutex<BTreeMap<String, Option<String>>>,
}

impl List {
    pub fn new(tags: Tags) -> Self {
        Self { tags, digests: Mutex::default() }
    }

    /// Known (and perhaps that there is none), or not known.
    pub fn digest(&self, tag: &str) -> Option<Option<String>> {
        locked(&self.digests).get(tag).cloned()
    }

    pub fn learn(&self, tag: &str, digest: Option<String>) {
        locked(&self.digests).insert(tag.to_owned(), digest);
    }
}

type Outcome = Result<Arc<List>, Failure>;

/// What an asker was told of a digest.
type Place = (Arc<Asker>, String);

pub struct Shelf {
    images: Mutex<Images>,
    lists: Mutex<BTreeMap<Asker, (Instant, Outcome)>>,
    looks: Semaphore,
}

impl Default for Shelf {
    fn default() -> Self {
        let looks = Semaphore::new(IMAGES_AT_ONCE);
        Self { images: Mutex::default(), lists: Mutex::default(), looks }
    }
}

#[derive(Default)]
struct Images {
    known: BTreeMap<Place, Says>,
    /// The oldest first.
    order: VecDeque<Place>,
}

impl Shelf {
    /// A place among those who look at images; it is never refused, since nobody closes the door.
    pub async fn look(&self) -> Option<SemaphorePermit<'_>> {
        self.looks.acquire().await.ok()
    }

    pub fn says(&self, asker: &Arc<Asker>, digest: &str) -> Option<Says> {
        locked(&self.images).known.get(&(asker.clone(), digest.to_owned())).cloned()
    }

    pub fn keep(&self, asker: &Arc<Asker>, digest: &str, says: &Says) {
        let place = (asker.clone(), digest.to_owned());
        let mut images = locked(&self.images);
        if images.known.insert(place.clone(), says.clone()).is_none() {
            images.order.push_back(place);
        }
        if images.order.len() > IMAGES
            && let Some(oldest) = images.order.pop_front()
        {
            images.known.remove(&oldest);
        }
    }

    /// What the same asker was told a moment ago.
    pub fn list(&self, asker: &Asker, now: Instant) -> Option<Outcome> {
        let lists = locked(&self.lists);
        let (at, outcome) = lists.get(asker)?;
        (now.saturating_duration_since(*at) < lasts(outcome)).then(|| outcome.clone())
    }

    /// The list that is known, or as it is read now. One that is known does not become newer by being asked for.
    pub async fn listed(
        &self,
        asker: &Asker,
        now: Instant,
        read: impl Future<Output = Result<Tags, Failure>>,
    ) -> Outcome {
        if let Some(known) = self.list(asker, now) {
            return known;
        }
        let begun = Instant::now();
        let list = Arc::new(List::new(read.await?));
        self.put(asker.clone(), Ok(list.clone()), now + begun.elapsed());
        Ok(list)
    }

    pub fn put(&self, asker: Asker, outcome: Outcome, now: Instant) {
        let mut lists = locked(&self.lists);
        lists.retain(|_, (at, outcome)| now.saturating_duration_since(*at) < lasts(outcome));
        if lists.len() >= LISTS && !lists.contains_key(&asker) {
            let oldest = lists.iter().min_by_key(|(_, (at, _))| *at).map(|(asker, _)| asker.clone());
            oldest.map(|oldest| lists.remove(&oldest));
        }
        lists.insert(asker, (now, outcome));
    }
}

/// What somebody may have mended just now is asked for anew.
fn lasts(outcome: &Outcome) -> Duration {
    match outcome {
        Ok(_) => FRESH,
        Err(Failure::Limited(_) | Failure::Unreachable(_)) => LEFT_ALONE,
        Err(_) => Duration::ZERO,
    }
}

/// What panicked elsewhere left nothing half done here.
fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn asker(control: &str, class: &str) -> Asker {
        Asker { control: control.into(), class: class.into(), repository: "r/x".into() }
    }

    #[test]
    fn a_list_is_for_whoever_asked_and_for_a_moment() {
        let (shelf, now) = (Shelf::default(), Instant::now());
        let names = vec!["1".to_owned()];
        shelf.put(asker("shop", "qa"), Ok(Arc::new(List::new(Tags { names, cut: false }))), now);
        assert!(shelf.list(&asker("shop", "qa"), now).is_some_and(|list| list.is_ok()));
        assert!(shelf.list(&asker("shop", "production"), now).is_none());
        assert!(shelf.list(&asker("other", "qa"), now).is_none());
        assert!(shelf.list(&asker("shop", "qa"), now + FRESH).is_none());
    }

    #[tokio::test]
    async fn a_list_does_not_become_newer_by_being_asked_for() {
        let (shelf, now) = (Shelf::default(), Instant::now());
        let read = async || Ok(Tags { names: vec!["1".to_owned()], cut: false });
        let asker = asker("shop", "qa");
        assert!(shelf.listed(&asker, now, read()).await.is_ok());
        let later_by = FRESH / 2;
        let later = now + later_by;
        let refuses = async || Err(Failure::Denied);
        assert!(shelf.listed(&asker, later, refuses()).await.is_ok(), "it was read again");
        assert_eq!(
            shelf.listed(&asker, now + FRESH + later_by, refuses()).await.map(drop),
            Err(Failure::Denied)
        );
    }

    #[test]
    fn what_one_was_told_of_a_digest_is_nobody_elses() {
        let shelf = Shelf::default();
        let (one, other) = (Arc::new(asker("shop", "qa")), Arc::new(asker("other", "qa")));
        shelf.keep(&one, "sha256:a", &Says::default());
        assert!(shelf.says(&one, "sha256:a").is_some() && shelf.says(&other, "sha256:a").is_none());
    }

    #[test]
    fn a_registry_that_had_enough_is_left_alone_and_one_that_denies_is_asked_again() {
        let (shelf, now) = (Shelf::default(), Instant::now());
        shelf.put(asker("shop", "qa"), Err(Failure::Limited(String::new())), now);
        shelf.put(asker("shop", "test"), Err(Failure::Denied), now);
        assert!(shelf.list(&asker("shop", "qa"), now).is_some());
        assert!(shelf.list(&asker("shop", "qa"), now + LEFT_ALONE).is_none());
        assert!(shelf.list(&asker("shop", "test"), now).is_none());
    }

    #[test]
    fn what_is_remembered_is_bounded() {
        let (shelf, now) = (Shelf::default(), Instant::now());
        let one = Arc::new(asker("shop", "qa"));
        for number in 0..IMAGES + 10 {
            shelf.keep(&one, &number.to_string(), &Says::default());
        }
        assert_eq!(locked(&shelf.images).known.len(), IMAGES);
        assert!(shelf.says(&one, "9").is_none() && shelf.says(&one, "10").is_some());
        for number in 0..LISTS + 3 {
            let at = now + Duration::from_millis(number as u64);
            shelf.put(asker(&number.to_string(), "qa"), Err(Failure::Limited(String::new())), at);
        }
        assert_eq!(locked(&shelf.lists).len(), LISTS);
        assert!(shelf.list(&asker("0", "qa"), now).is_none(), "the oldest goes first");
    }
}
