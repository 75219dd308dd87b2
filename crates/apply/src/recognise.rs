//! Recognises objects that are just what they should be, without writing to them: what a new operator does first,
//! since it has not written anything itself yet.

use api::marks::{self, Owner};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ManagedFieldsEntry;
use kube::ResourceExt;
use kube::api::ListParams;
use kube::core::DynamicObject;
use serde_json::Value;

use crate::drift;
use crate::error::Error;
use crate::kinds::Kind;
use crate::ownership::Managers;
use crate::view::View;
use crate::writer::{Writer, wrote};

impl Writer {
    /// Remembers those of `desired` that stand as if we had just written them. One request for each kind of which
    /// something is unknown; none if all is known.
    pub async fn recognise(
        &self,
        owner: &Owner,
        namespace: &str,
        desired: &[(Kind, DynamicObject)],
        view: &View,
    ) -> Result<(), Error> {
        for kind in Kind::ALL {
            let unknown: Vec<&DynamicObject> = desired
                .iter()
                .filter(|(of, object)| {
                    let name = object.name_any();
                    // What is not there cannot be recognised.
                    *of == kind && view.get(kind, &name).is_some() && !self.knows(kind, namespace, &name)
                })
                .map(|(_, object)| object)
                .collect();
            if unknown.is_empty() {
                continue;
            }
            let labels = format!("{}={}", api::marks::ENVIRONMENT, owner.environment);
            let live = self.api(kind, namespace).list(&ListParams::default().labels(&labels)).await?;
            for object in unknown {
                let found = live.iter().find(|live| live.name_any() == object.name_any());
                if let Some(found) = found.filter(|found| {
                    owner.owns(found.labels()) && wrote(found) && stands(self.managers(), object, found)
                }) {
                    self.remember(kind, namespace, object, found);
                }
            }
        }
        Ok(())
    }
}

/// Whether nobody else wrote to it and nothing that we ask for is missing or otherwise.
fn stands(managers: &Managers, desired: &DynamicObject, live: &DynamicObject) -> bool {
    let entries = live.metadata.managed_fields.as_deref().unwrap_or_default();
    let (Ok(mut desired), Ok(live)) = (serde_json::to_value(desired), serde_json::to_value(live)) else {
        return false;
    };
    if let (Some(replicas), Some(spec)) = (live.pointer("/spec/replicas"), desired.get_mut("spec")) {
        // Set as the object was created, and no part of what is kept.
        spec["replicas"] = replicas.clone();
    }
    let foreign = entries.iter().any(|entry| managers.is_foreign(entry));
    !foreign && holds(&desired, &live) && !entries.iter().any(|entry| leaves_over(entry, &desired))
}

/// Whether a field that we own is not asked for any more: an earlier revision's, that has yet to go.
fn leaves_over(entry: &ManagedFieldsEntry, desired: &Value) -> bool {
    let ours = entry.manager.as_deref() == Some(marks::MANAGER)
        && entry.subresource.as_deref().unwrap_or_default().is_empty();
    ours && entry.fields_v1.as_ref().is_some_and(|fields| drift::has_more(&fields.0, desired))
}

/// Whether everything in `desired` stands in `live`, which may have more: what the server fills in.
fn holds(desired: &Value, live: &Value) -> bool {
    match (desired, live) {
        (Value::Object(desired), Value::Object(live)) => desired.iter().all(|(key, value)| {
            // Items of a list come without their kind; the server leaves out what is null.
            matches!(key.as_str(), "apiVersion" | "kind") && !live.contains_key(key)
                || value.is_null()
                || live.get(key).is_some_and(|live| holds(value, live))
        }),
        (Value::Array(desired), Value::Array(live)) => {
            desired.len() == live.len()
                && desired.iter().zip(live).all(|(desired, live)| holds(desired, live))
        }
        _ => desired == live,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn what_was_created_and_never_written_again_stands_with_the_replicas_it_was_given() {
        let created = |fields: Value| {
            let entry = json!({
                "manager": marks::MANAGER, "operation": "Update", "apiVersion": "apps/v1", "fieldsType": "FieldsV1",
                "fieldsV1": {"f:spec": fields},
            });
            let object = json!({
                "metadata": {"name": "web", "managedFields": [entry]}, "spec": {"replicas": 2, "paused": true},
            });
            serde_json::from_value::<DynamicObject>(object).unwrap()
        };
        let desired = json!({"metadata": {"name": "web"}, "spec": {}});
        let desired: DynamicObject = serde_json::from_value(desired).unwrap();
        let managers = Managers::allowing(&[]);
        assert!(stands(&managers, &desired, &created(json!({"f:replicas": {}}))));
        assert!(!stands(&managers, &desired, &created(json!({"f:replicas": {}, "f:paused": {}}))));
    }

    #[test]
    fn what_the_server_fills_in_is_no_difference_and_what_is_missing_is_one() {
        let desired =
            json!({"kind": "Deployment", "spec": {"containers": [{"name": "web", "image": "web:1"}]}});
        let filled = json!({"spec": {"containers": [{"name": "web", "image": "web:1", "terminationMessagePath": "/x"}], "strategy": {}}});
        assert!(holds(&desired, &filled));
        for changed in [
            json!({"spec": {"containers": [{"name": "web", "image": "web:2"}]}}),
            json!({"spec": {"containers": [{"name": "web", "image": "web:1"}, {"name": "spy"}]}}),
            json!({"spec": {}}),
        ] {
            assert!(!holds(&desired, &changed), "{changed}");
        }
    }
}
