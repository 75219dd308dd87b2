//! What a watch last showed, by namespace, as little of each object as its reader needs. Never asks the API server.

use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, PoisonError, RwLock};

use kube::runtime::watcher::Event;
use tokio::sync::watch;

/// What is remembered of one object of a watch.
pub struct Item<V> {
    pub namespace: String,
    pub name: String,
    /// None: not worth remembering.
    pub value: Option<V>,
}

type ByNamespace<V> = HashMap<String, BTreeMap<String, Arc<V>>>;

/// Everything that one watch showed.
pub struct Memory<V> {
    now: RwLock<ByNamespace<V>>,
    listed: watch::Sender<bool>,
}

/// A list that has begun and not ended yet: it replaces what is remembered once it is whole.
pub type Listing<V> = Option<ByNamespace<V>>;

impl<V> Default for Memory<V> {
    fn default() -> Self {
        Self { now: RwLock::default(), listed: watch::Sender::new(false) }
    }
}

impl<V> Memory<V> {
    /// Takes one event in. Answers with the namespaces of objects that have gone since the list before: nothing
    /// else tells of them.
    pub fn take(&self, event: Event<Item<V>>, listing: &mut Listing<V>) -> Vec<String> {
        match event {
            Event::Init => *listing = Some(HashMap::new()),
            Event::InitApply(item) => put(listing.get_or_insert_default(), item),
            Event::InitDone => {
                let new = listing.take().unwrap_or_default();
                let old = std::mem::replace(&mut *self.write(), new);
                self.listed.send_replace(true);
                return self.gone(old);
            }
            Event::Apply(item) => put(&mut self.write(), item),
            Event::Delete(item) => put(&mut self.write(), Item { value: None, ..item }),
        }
        Vec::new()
    }

    fn gone(&self, old: ByNamespace<V>) -> Vec<String> {
        let now = self.now.read().unwrap_or_else(PoisonError::into_inner);
        let lacks = |namespace: &String, names: &BTreeMap<String, Arc<V>>| {
            now.get(namespace).is_none_or(|left| names.keys().any(|name| !left.contains_key(name)))
        };
        old.into_iter().filter(|(namespace, names)| lacks(namespace, names)).map(|(name, _)| name).collect()
    }

    /// Everything in one namespace, by name.
    pub fn of(&self, namespace: &str) -> BTreeMap<String, Arc<V>> {
        let now = self.now.read().unwrap_or_else(PoisonError::into_inner);
        now.get(namespace).cloned().unwrap_or_default()
    }

    pub fn get(&self, namespace: &str, name: &str) -> Option<Arc<V>> {
        let now = self.now.read().unwrap_or_else(PoisonError::into_inner);
        now.get(namespace)?.get(name).cloned()
    }

    /// Resolves once the first list is whole.
    pub async fn listed(&self) {
        // The sender lives as long as `self`.
        let _ = self.listed.subscribe().wait_for(|listed| *listed).await;
    }

    fn write(&self) -> std::sync::RwLockWriteGuard<'_, ByNamespace<V>> {
        self.now.write().unwrap_or_else(PoisonError::into_inner)
    }
}

fn put<V>(all: &mut ByNamespace<V>, item: Item<V>) {
    match item.value {
        Some(value) => {
            all.entry(item.namespace).or_default().insert(item.name, Arc::new(value));
        }
        None => {
            if let Some(names) = all.get_mut(&item.namespace) {
                names.remove(&item.name);
                if names.is_empty() {
                    all.remove(&item.namespace);
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn item(name: &str, value: Option<u8>) -> Item<u8> {
        Item { namespace: "qa".to_owned(), name: name.to_owned(), value }
    }

    #[test]
    fn a_new_list_replaces_the_old_one_only_when_it_is_whole_and_tells_what_went() {
        let (memory, mut listing) = (Memory::default(), None);
        memory.take(Event::Apply(item("old", Some(1))), &mut listing);
        memory.take(Event::Init, &mut listing);
        memory.take(Event::InitApply(item("new", Some(2))), &mut listing);
        assert!(memory.of("qa").contains_key("old"));
        assert_eq!(memory.take(Event::InitDone, &mut listing), ["qa"]);
        assert_eq!(memory.of("qa").keys().collect::<Vec<_>>(), ["new"]);
    }

    #[test]
    fn what_is_not_worth_remembering_leaves_no_trace() {
        let (memory, mut listing) = (Memory::default(), None);
        memory.take(Event::Apply(item("web", Some(1))), &mut listing);
        memory.take(Event::Apply(item("web", None)), &mut listing);
        assert!(memory.of("qa").is_empty() && memory.now.read().unwrap().is_empty());
    }
}
