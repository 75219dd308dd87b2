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
    let same_template = template(&desired).is_some() && template(&desired) == template(&live);
    let foreign = entries.iter().any(|entry| managers.is_foreign(entry));
    !foreign
        && holds(&desired, &live)
        && !entries.iter().any(|entry| leaves_over(entry, &desired, same_template))
}

/// The mark of the pod template that an object was made with.
fn template(object: &Value) -> Option<&Value> {
    object.pointer("/spec/template/metadata/labels")?.get(marks::TEMPLATE)
}

/// Whether a field that we own is not asked for any more: an earlier revision's, that has yet to go.
///
/// Whoever creates an object also owns what the server filled in, and most of that is in the template: where its mark says
/// that it is the one asked for, there is nothing left over.
fn leaves_over(entry: &ManagedFieldsEntry, desired: &Value, same_template: bool) -> bool {
    let ours = entry.manager.as_deref() == Some(marks::MANAGER)
        && entry.subresource.as_deref().unwrap_or_default().is_empty();
    let created = entry.operation.as_deref() == Some("Update");
    ours && entry.fields_v1.as_ref().is_some_and(|fields| {
        let mut fields = fields.0.clone();
        if let Some(spec) = fields.get_mut("f:spec").and_then(Value::as_object_mut)
            && created
            && same_template
        {
            spec.remove("f:template");
        }
        drift::has_more(&fields, desired)
    })
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
        let created = |fields: Value, template: &str| {
            let entry = json!({
                "manager": marks::MANAGER, "operation": "Update", "apiVersion": "apps/v1", "fieldsType": "FieldsV1",
                "fieldsV1": {"f:spec": fields},
            });
            let object = json!({
                "metadata": {"name": "web", "managedFields": [entry]}, "spec": {
                    "replicas": 2, "paused": true,
                    "template": {"metadata": {"labels": {marks::TEMPLATE: template}}, "spec": {"dnsPolicy": "ClusterFirst"}},
                },
            });
            serde_json::from_value::<DynamicObject>(object).unwrap()
        };
        let desired = json!({
            "metadata": {"name": "web"}, "spec": {"template": {"metadata": {"labels": {marks::TEMPLATE: "t1"}}}},
        });
        let desired: DynamicObject = serde_json::from_value(desired).unwrap();
        let managers = Managers::allowing(&[]);
        let filled = json!({"f:replicas": {}, "f:template": {"f:spec": {"f:dnsPolicy": {}}}});
        assert!(stands(&managers, &desired, &created(filled.clone(), "t1")));
        assert!(!stands(&managers, &desired, &created(filled, "t2")));
        assert!(!stands(&managers, &desired, &created(json!({"f:replicas": {}, "f:paused": {}}), "t1")));
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
