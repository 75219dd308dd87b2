//! Writes single objects: create, keep, scale, delete. Every write is fenced by UID, and nothing is
//! written when nothing changed.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

use api::marks::{self, Whose};
use kube::api::{Api, DeleteParams, Patch, PatchParams, PostParams, Preconditions, PropagationPolicy};
use kube::core::DynamicObject;
use kube::{Client, ResourceExt};
use serde_json::{Value, json};

use crate::drift::{self, Found};
use crate::error::{Error, is_status};
use crate::fingerprint;
use crate::kinds::Kind;
use crate::ownership::{self, Managers};
use crate::view::Seen;

/// Writes objects and remembers what they looked like after our last write.
pub struct Writer {
    client: Client,
    managers: Managers,
    written: Mutex<Memory>,
}

/// By namespace, then kind and name.
type Memory = HashMap<String, HashMap<(Kind, String), Written>>;

/// What was asked for and what came out of it.
#[derive(Clone, PartialEq, Eq)]
struct Written {
    uid: String,
    desired: u64,
    live: u64,
}

/// What ensuring an object did.
#[derive(Clone, Debug)]
pub enum Ensured {
    Unchanged(Seen),
    Created(Seen),
    /// The object as it is now, and what of others was undone.
    Applied {
        seen: Seen,
        undone: Found,
    },
}

impl Writer {
    /// `managers`: who else may add to what we write.
    pub fn new(client: Client, managers: Managers) -> Self {
        Self { client, managers, written: Mutex::default() }
    }

    pub fn managers(&self) -> &Managers {
        &self.managers
    }

    pub(crate) fn api(&self, kind: Kind, namespace: &str) -> Api<DynamicObject> {
        Api::namespaced_with(self.client.clone(), namespace, &kind.resource())
    }

    /// The whole object as it is now.
    pub async fn get(&self, kind: Kind, namespace: &str, name: &str) -> Result<Option<DynamicObject>, Error> {
        Ok(self.api(kind, namespace).get_opt(name).await?)
    }

    /// Makes the object as `desired` if it is not. `seen` is what was last seen of it; `replicas` counts
    /// at creation only.
    pub async fn ensure(
        &self,
        owner: &impl Whose,
        namespace: &str,
        desired: &DynamicObject,
        seen: Option<&Seen>,
        replicas: Option<u32>,
    ) -> Result<Ensured, Error> {
        let name = desired.name_any();
        let Some(kind) = Kind::of(desired) else { return Err(Error::UnknownKind { name }) };
        if let Some(seen) = seen.filter(|seen| !seen.deleting && !self.differs(namespace, desired, seen)) {
            return Ok(Ensured::Unchanged(seen.clone()));
        }
        // Only now the object itself is needed: who owns which of its fields.
        let live = match seen {
            Some(_) => self.get(kind, namespace, &name).await?,
            None => None,
        };
        if let Some(live) = live {
            return self.keep(owner, kind, namespace, desired, &live).await;
        }
        match self.create(kind, namespace, desired, replicas).await? {
            Some(created) => Ok(Ensured::Created(created)),
            // It exists though the watch has not told yet.
            None => match self.get(kind, namespace, &name).await? {
                Some(found) => self.keep(owner, kind, namespace, desired, &found).await,
                None => Err(Error::Terminating { kind: kind.name(), namespace: namespace.to_owned(), name }),
            },
        }
    }

    /// Whether the object is not, or not known to be, as our last write left it.
    pub fn differs(&self, namespace: &str, desired: &DynamicObject, seen: &Seen) -> bool {
        let wanted = fingerprint::of_desired(desired);
        self.recall(seen.kind, namespace, &seen.name).is_none_or(|before| {
            before.uid != seen.uid || before.desired != wanted || before.live != seen.fingerprint
        })
    }

    async fn create(
        &self,
        kind: Kind,
        namespace: &str,
        desired: &DynamicObject,
        replicas: Option<u32>,
    ) -> Result<Option<Seen>, Error> {
        let mut object = desired.clone();
        if let (Some(count), Some(Value::Object(spec)), true) =
            (replicas, object.data.get_mut("spec"), kind.scales())
        {
            spec.insert("replicas".to_owned(), json!(count));
        }
        let params = PostParams { field_manager: Some(marks::MANAGER.to_owned()), ..PostParams::default() };
        match self.api(kind, namespace).create(&params, &object).await {
            Ok(created) => {
                self.remember(kind, namespace, desired, &created);
                Ok(Some(Seen::of(kind, &created)))
            }
            Err(error) if is_status(&error, 409) => Ok(None),
            Err(error) => Err(Error::of_write(error, kind.name(), namespace, &desired.name_any())),
        }
    }

    async fn keep(
        &self,
        owner: &impl Whose,
        kind: Kind,
        namespace: &str,
        desired: &DynamicObject,
        live: &DynamicObject,
    ) -> Result<Ensured, Error> {
        let name = desired.name_any();
        if live.metadata.deletion_timestamp.is_some() {
            return Err(Error::Terminating { kind: kind.name(), namespace: namespace.to_owned(), name });
        }
        let now = written(kind, desired, live);
        let before = self.recall(kind, namespace, &name);
        // A label of ours that somebody removed must not make us disown what we wrote ourselves.
        let known = before.as_ref().is_some_and(|before| before.uid == now.uid);
        if !known && !owner.owns(live.labels()) && !wrote(live) {
            return Err(Error::Foreign { kind: kind.name(), namespace: namespace.to_owned(), name });
        }
        let now_desired = now.desired;
        if before == Some(now) {
            // The watch was behind.
            return Ok(Ensured::Unchanged(Seen::of(kind, live)));
        }
        // What another revision asks for otherwise is nobody's drift.
        let same_wish = before.as_ref().is_none_or(|before| before.desired == now_desired);
        let undone =
            if same_wish { drift::found(kind, desired, live, &self.managers) } else { Found::default() };
        self.take_back(kind, namespace, live).await?;
        let mut object = desired.clone();
        // The UID is a fence: if the object was replaced meanwhile, the apply fails.
        object.metadata.uid = live.uid();
        let params = PatchParams::apply(marks::MANAGER).force();
        let applied = self
            .api(kind, namespace)
            .patch(&name, &params, &Patch::Apply(&object))
            .await
            .map_err(|error| Error::of_write(error, kind.name(), namespace, &name))?;
        self.remember(kind, namespace, desired, &applied);
        Ok(Ensured::Applied { seen: Seen::of(kind, &applied), undone })
    }

    /// What ensuring would undo, without doing it.
    pub async fn drift(&self, namespace: &str, desired: &DynamicObject, seen: &Seen) -> Result<Found, Error> {
        if !self.differs(namespace, desired, seen) {
            return Ok(Found::default());
        }
        let live = self.get(seen.kind, namespace, &seen.name).await?;
        Ok(live.map(|live| drift::found(seen.kind, desired, &live, &self.managers)).unwrap_or_default())
    }

    /// Folds foreign managers' fields into ours, so that the following apply removes what they added.
    async fn take_back(&self, kind: Kind, namespace: &str, live: &DynamicObject) -> Result<(), Error> {
        let entries = live.metadata.managed_fields.as_deref().unwrap_or_default();
        let Some(correction) = ownership::correction(kind, entries, &self.managers) else { return Ok(()) };
        let patch = json!({"metadata": {
            "resourceVersion": live.resource_version(),
            "managedFields": correction.entries,
        }});
        let params = PatchParams { field_manager: Some(marks::MANAGER.to_owned()), ..PatchParams::default() };
        let patched =
            self.api(kind, namespace).patch_metadata(&live.name_any(), &params, &Patch::Merge(&patch)).await;
        patched.map(|_| ()).map_err(|error| Error::of_write(error, kind.name(), namespace, &live.name_any()))
    }

    /// Sets the replicas of a Deployment or StatefulSet.
    pub async fn scale(&self, kind: Kind, namespace: &str, name: &str, replicas: u32) -> Result<(), Error> {
        let params = PatchParams { field_manager: Some(marks::MANAGER.to_owned()), ..PatchParams::default() };
        let patch = json!({"spec": {"replicas": replicas}});
        let url = self.api(kind, namespace);
        url.patch_subresource("scale", name, &params, &Patch::Merge(&patch))
            .await
            .map(|_: DynamicObject| ())
            .map_err(|error| Error::of_write(error, kind.name(), namespace, name))
    }

    /// Deletes exactly this object; what is gone already is fine.
    pub async fn delete(
        &self,
        namespace: &str,
        seen: &Seen,
        propagation: PropagationPolicy,
    ) -> Result<(), Error> {
        let params = DeleteParams {
            propagation_policy: Some(propagation),
            preconditions: Some(Preconditions { uid: Some(seen.uid.clone()), resource_version: None }),
            ..DeleteParams::default()
        };
        match self.api(seen.kind, namespace).delete(&seen.name, &params).await {
            Ok(_) => {}
            Err(error) if is_status(&error, 404) || is_status(&error, 409) => {}
            Err(error) => return Err(Error::of_write(error, seen.kind.name(), namespace, &seen.name)),
        }
        Ok(())
    }

    pub(crate) fn remember(
        &self,
        kind: Kind,
        namespace: &str,
        desired: &DynamicObject,
        live: &DynamicObject,
    ) {
        let key = (kind, desired.name_any());
        self.lock().entry(namespace.to_owned()).or_default().insert(key, written(kind, desired, live));
    }

    fn recall(&self, kind: Kind, namespace: &str, name: &str) -> Option<Written> {
        self.lock().get(namespace)?.get(&(kind, name.to_owned())).cloned()
    }

    /// Whether we remember having written this object.
    pub(crate) fn knows(&self, kind: Kind, namespace: &str, name: &str) -> bool {
        self.recall(kind, namespace, name).is_some()
    }

    /// Whether these very objects are there now, whatever a watch last showed.
    pub async fn exists(&self, namespace: &str, objects: &[Seen]) -> Result<bool, Error> {
        for object in objects {
            let found = self.get(object.kind, namespace, &object.name).await?;
            if found.and_then(|found| found.uid()).as_ref() != Some(&object.uid) {
                return Ok(false);
            }
        }
        Ok(true)
    }

    /// Forgets a namespace that is gone.
    pub fn forget(&self, namespace: &str) {
        self.lock().remove(namespace);
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Memory> {
        self.written.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn written(kind: Kind, desired: &DynamicObject, live: &DynamicObject) -> Written {
    Written {
        uid: live.uid().unwrap_or_default(),
        desired: fingerprint::of_desired(desired),
        live: fingerprint::of_live(kind, live),
    }
}

/// Whether our field manager has ever written the object.
pub fn wrote(live: &DynamicObject) -> bool {
    live.metadata
        .managed_fields
        .iter()
        .flatten()
        .any(|entry| entry.manager.as_deref() == Some(marks::MANAGER))
}

/// The replicas a live object asks for.
pub fn replicas(live: &DynamicObject) -> Option<u32> {
    live.data.pointer("/spec/replicas").and_then(Value::as_u64).and_then(|count| u32::try_from(count).ok())
}
