//! Writes single objects: create, keep, scale, delete. Every write is fenced by UID, and nothing is
//! written when nothing changed.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

use api::marks::{self, Owner};
use kube::api::{Api, DeleteParams, Patch, PatchParams, PostParams, Preconditions, PropagationPolicy};
use kube::core::DynamicObject;
use kube::{Client, ResourceExt};
use serde_json::{Value, json};

use crate::drift::{self, Found};
use crate::error::{Error, is_status};
use crate::fingerprint;
use crate::kinds::Kind;
use crate::ownership;

/// Writes objects and remembers what they looked like after our last write.
pub struct Writer {
    client: Client,
    written: Mutex<Memory>,
}

/// By namespace, then kind and name.
type Memory = HashMap<String, HashMap<(Kind, String), Written>>;

/// What was asked for and what came out of it.
#[derive(Clone, PartialEq, Eq)]
struct Written {
    uid: Option<String>,
    desired: u64,
    live: u64,
}

/// What ensuring an object did.
#[derive(Clone, Debug)]
pub enum Ensured {
    Unchanged,
    Created(DynamicObject),
    /// The object as it is now, and what of others was undone.
    Applied {
        object: DynamicObject,
        undone: Found,
    },
}

impl Writer {
    pub fn new(client: Client) -> Self {
        Self { client, written: Mutex::default() }
    }

    fn api(&self, kind: Kind, namespace: &str) -> Api<DynamicObject> {
        Api::namespaced_with(self.client.clone(), namespace, &kind.resource())
    }

    /// Makes the object as `desired` if it is not. `live` is what was last seen of it; `replicas` counts
    /// at creation only.
    pub async fn ensure(
        &self,
        owner: &Owner,
        namespace: &str,
        desired: &DynamicObject,
        live: Option<&DynamicObject>,
        replicas: Option<u32>,
    ) -> Result<Ensured, Error> {
        let name = desired.name_any();
        let Some(kind) = Kind::of(desired) else { return Err(Error::UnknownKind { name }) };
        match live {
            None => match self.create(kind, namespace, desired, replicas).await? {
                Some(created) => Ok(Ensured::Created(created)),
                // It exists though the watch has not told yet.
                None => match self.api(kind, namespace).get_opt(&name).await? {
                    Some(found) => self.keep(owner, kind, namespace, desired, &found).await,
                    None => {
                        Err(Error::Terminating { kind: kind.name(), namespace: namespace.to_owned(), name })
                    }
                },
            },
            Some(live) => self.keep(owner, kind, namespace, desired, live).await,
        }
    }

    async fn create(
        &self,
        kind: Kind,
        namespace: &str,
        desired: &DynamicObject,
        replicas: Option<u32>,
    ) -> Result<Option<DynamicObject>, Error> {
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
                Ok(Some(created))
            }
            Err(error) if is_status(&error, 409) => Ok(None),
            Err(error) => Err(Error::of_write(error, kind.name(), namespace, &desired.name_any())),
        }
    }

    async fn keep(
        &self,
        owner: &Owner,
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
            return Ok(Ensured::Unchanged);
        }
        // What another revision asks for otherwise is nobody's drift.
        let same_wish = before.as_ref().is_none_or(|before| before.desired == now_desired);
        let undone = if same_wish { drift::found(kind, desired, live) } else { Found::default() };
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
        Ok(Ensured::Applied { object: applied, undone })
    }

    /// What ensuring would undo, without doing it.
    pub fn drift(&self, namespace: &str, desired: &DynamicObject, live: &DynamicObject) -> Found {
        let Some(kind) = Kind::of(desired) else { return Found::default() };
        let known = self.recall(kind, namespace, &desired.name_any());
        if known == Some(written(kind, desired, live)) {
            return Found::default();
        }
        drift::found(kind, desired, live)
    }

    /// Folds foreign managers' fields into ours, so that the following apply removes what they added.
    async fn take_back(&self, kind: Kind, namespace: &str, live: &DynamicObject) -> Result<(), Error> {
        let entries = live.metadata.managed_fields.as_deref().unwrap_or_default();
        let Some(correction) = ownership::correction(kind, entries) else { return Ok(()) };
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
        kind: Kind,
        namespace: &str,
        live: &DynamicObject,
        propagation: PropagationPolicy,
    ) -> Result<(), Error> {
        let params = DeleteParams {
            propagation_policy: Some(propagation),
            preconditions: Some(Preconditions { uid: live.uid(), resource_version: None }),
            ..DeleteParams::default()
        };
        match self.api(kind, namespace).delete(&live.name_any(), &params).await {
            Ok(_) => {}
            Err(error) if is_status(&error, 404) || is_status(&error, 409) => {}
            Err(error) => return Err(Error::of_write(error, kind.name(), namespace, &live.name_any())),
        }
        Ok(())
    }

    fn remember(&self, kind: Kind, namespace: &str, desired: &DynamicObject, live: &DynamicObject) {
        let key = (kind, desired.name_any());
        self.lock().entry(namespace.to_owned()).or_default().insert(key, written(kind, desired, live));
    }

    fn recall(&self, kind: Kind, namespace: &str, name: &str) -> Option<Written> {
        self.lock().get(namespace)?.get(&(kind, name.to_owned())).cloned()
    }

    /// Whether these very objects are there now, whatever a watch last showed.
    pub async fn exists(&self, namespace: &str, objects: &[DynamicObject]) -> Result<bool, Error> {
        for object in objects {
            let Some(kind) = Kind::of(object) else { return Ok(false) };
            let found = self.api(kind, namespace).get_opt(&object.name_any()).await?;
            if found.and_then(|found| found.uid()) != object.uid() {
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
        uid: live.uid(),
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
