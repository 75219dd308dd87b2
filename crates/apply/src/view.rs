//! What is remembered of live objects: no object, but its fingerprint and the little that decisions read.

use std::collections::{BTreeMap, BTreeSet};
use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::Arc;

use api::marks::{self, Owner};
use kube::ResourceExt;
use kube::core::DynamicObject;

use crate::fingerprint;
use crate::kinds::Kind;
use crate::standing::Standing;
use crate::writer;

/// One live object as it was last seen.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Seen {
    pub kind: Kind,
    pub name: String,
    pub uid: String,
    /// Stands for the owner that its labels name, if they name one.
    owner: Option<u64>,
    /// Our field manager has written it at least once: labels alone prove nothing, they may be copied.
    pub written_by_us: bool,
    /// Another object owns it and takes it along.
    pub controlled: bool,
    pub deleting: bool,
    pub replicas: Option<u32>,
    /// Of everything but status, bookkeeping and replicas.
    pub fingerprint: u64,
    pub standing: Standing,
}

impl Seen {
    pub fn of(kind: Kind, object: &DynamicObject) -> Self {
        Self {
            kind,
            name: object.name_any(),
            uid: object.uid().unwrap_or_default(),
            owner: named_owner(object.labels()),
            written_by_us: writer::wrote(object),
            controlled: !object.owner_references().is_empty(),
            deleting: object.metadata.deletion_timestamp.is_some(),
            replicas: writer::replicas(object),
            fingerprint: fingerprint::of_live(kind, object),
            standing: Standing::of(kind, object),
        }
    }

    /// Whether its labels say that it is `owner`'s.
    pub fn belongs_to(&self, owner: &Owner) -> bool {
        self.owner == named_owner(&owner.labels())
    }
}

/// The owner that labels name, as a number: four texts for each of thousands of objects would be the larger part of
/// what is remembered.
fn named_owner(labels: &BTreeMap<String, String>) -> Option<u64> {
    let mut hasher = DefaultHasher::new();
    for key in [marks::INSTALL, marks::CONTROL_NAMESPACE, marks::PROJECT, marks::ENVIRONMENT] {
        labels.get(key)?.hash(&mut hasher);
    }
    Some(hasher.finish())
}

/// Everything that was last seen in one namespace.
#[derive(Clone, Debug, Default, Hash)]
pub struct View {
    objects: BTreeMap<Kind, BTreeMap<String, Arc<Seen>>>,
    /// What an autoscaler scales: its replicas are nobody's drift.
    autoscaled: BTreeSet<(Kind, String)>,
    /// The namespace itself: its UID and its labels.
    namespace: Option<(String, BTreeMap<String, String>)>,
}

impl View {
    pub fn insert(&mut self, seen: Arc<Seen>) {
        self.objects.entry(seen.kind).or_default().insert(seen.name.clone(), seen);
    }

    pub fn insert_autoscaled(&mut self, kind: Kind, name: String) {
        self.autoscaled.insert((kind, name));
    }

    pub fn set_namespace(&mut self, uid: String, labels: &BTreeMap<String, String>) {
        self.namespace = Some((uid, labels.clone()));
    }

    pub fn get(&self, kind: Kind, name: &str) -> Option<&Seen> {
        self.objects.get(&kind)?.get(name).map(AsRef::as_ref)
    }

    pub fn iter(&self) -> impl Iterator<Item = &Seen> {
        self.objects.values().flat_map(|of_kind| of_kind.values().map(AsRef::as_ref))
    }

    pub fn is_autoscaled(&self, kind: Kind, name: &str) -> bool {
        // A lookup without copying the name would need a type of its own for what is nearly always empty.
        !self.autoscaled.is_empty() && self.autoscaled.contains(&(kind, name.to_owned()))
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn an_object_belongs_to_whom_all_four_marks_name() {
        let owner = |environment: &str| Owner {
            install: "outboard".into(),
            control_namespace: "shop".into(),
            project: "shop".into(),
            environment: environment.into(),
        };
        let seen = |labels: &BTreeMap<String, String>| {
            let object = json!({"metadata": {"name": "web", "labels": labels}});
            Seen::of(Kind::Service, &serde_json::from_value(object).unwrap())
        };
        let mut labels = owner("qa").labels();
        assert!(seen(&labels).belongs_to(&owner("qa")));
        assert!(!seen(&labels).belongs_to(&owner("qb")));
        labels.remove(marks::INSTALL);
        assert!(!seen(&labels).belongs_to(&owner("qa")));
    }
}
