//! A view of one namespace's objects, as the watches last saw them.

use std::collections::BTreeMap;
use std::sync::Arc;

use kube::ResourceExt;
use kube::core::DynamicObject;

use crate::kinds::Kind;

/// The objects of one namespace by kind and name.
#[derive(Clone, Debug, Default)]
pub struct View {
    objects: BTreeMap<(Kind, String), Arc<DynamicObject>>,
}

impl View {
    pub fn insert(&mut self, kind: Kind, object: Arc<DynamicObject>) {
        self.objects.insert((kind, object.name_any()), object);
    }

    pub fn get(&self, kind: Kind, name: &str) -> Option<&Arc<DynamicObject>> {
        self.objects.get(&(kind, name.to_owned()))
    }

    pub fn iter(&self) -> impl Iterator<Item = (Kind, &Arc<DynamicObject>)> {
        self.objects.iter().map(|((kind, _), object)| (*kind, object))
    }
}
