//! What is remembered of registries: for good what lies under a digest, for a moment what tags there are, so that somebody who types
//! has it read once. Bounded, and never the answer to somebody of another control namespace or class.

use std::collections::{BTreeMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use super::Failure;
use super::tags::Tags;
use crate::plan::versions::Says;

/// A few hundred bytes each.
const IMAGES: usize = 5_000;
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

#[derive(Default)]
pub struct Shelf {
    images: Mutex<Images>,
    lists: Mutex<BTreeMap<Asker, (Instant, Outcome)>>,
}

#[derive(Default)]
struct Images {
    known: BTreeMap<String, Says>,
    /// The oldest first.
    order: VecDeque<String>,
}

impl Shelf {
    pub fn says(&self, digest: &str) -> Option<Says> {
        locked(&self.images).known.get(digest).cloned()
    }

    pub fn keep(&self, digest: &str, says: &Says) {
        let mut images = locked(&self.images);
        if images.known.insert(digest.to_owned(), says.clone()).is_none() {
            images.order.push_back(digest.to_owned());
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
        for number in 0..IMAGES + 10 {
            shelf.keep(&number.to_string(), &Says::default());
        }
        assert_eq!(locked(&shelf.images).known.len(), IMAGES);
        assert!(shelf.says("9").is_none() && shelf.says("10").is_some());
        for number in 0..LISTS + 3 {
            let at = now + Duration::from_millis(number as u64);
            shelf.put(asker(&number.to_string(), "qa"), Err(Failure::Limited(String::new())), at);
        }
        assert_eq!(locked(&shelf.lists).len(), LISTS);
        assert!(shelf.list(&asker("0", "qa"), now).is_none(), "the oldest goes first");
    }
}
