//! Fingerprints: what of a live object outboard cares about, as one number.
//!
//! Remembering the fingerprint of our own last write lets a reconcile see drift, including fields that
//! somebody added, without a request when there is none.

use std::hash::{DefaultHasher, Hash, Hasher};

use kube::core::DynamicObject;
use serde_json::Value;

use crate::kinds::Kind;

/// Annotations that Kubernetes' own controllers keep on our objects.
const CONTROLLER_ANNOTATIONS: &str = "deployment.kubernetes.io/";

/// The fingerprint of everything but status, server bookkeeping and replicas.
pub fn of_live(kind: Kind, object: &DynamicObject) -> u64 {
    let mut hasher = DefaultHasher::new();
    object.metadata.labels.hash(&mut hasher);
    let annotations = object.metadata.annotations.iter().flatten();
    for pair in annotations.filter(|(key, _)| !key.starts_with(CONTROLLER_ANNOTATIONS)) {
        pair.hash(&mut hasher);
    }
    // A finalizer or owner that somebody added can hold up or trigger a deletion.
    object.metadata.finalizers.hash(&mut hasher);
    for owner in object.metadata.owner_references.iter().flatten() {
        owner.uid.hash(&mut hasher);
    }
    if let Value::Object(fields) = &object.data {
        for (key, value) in fields.iter().filter(|(key, _)| key.as_str() != "status") {
            key.hash(&mut hasher);
            if key == "spec" && kind.scales() {
                hash_without_replicas(value, &mut hasher);
            } else {
                value.hash(&mut hasher);
            }
        }
    }
    hasher.finish()
}

/// The fingerprint of a rendered object.
pub fn of_desired(object: &DynamicObject) -> u64 {
    let mut hasher = DefaultHasher::new();
    object.metadata.labels.hash(&mut hasher);
    object.metadata.annotations.hash(&mut hasher);
    object.data.hash(&mut hasher);
    hasher.finish()
}

fn hash_without_replicas(spec: &Value, hasher: &mut DefaultHasher) {
    if let Value::Object(fields) = spec {
        for (key, value) in fields.iter().filter(|(key, _)| key.as_str() != "replicas") {
            key.hash(hasher);
            value.hash(hasher);
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn deployment(value: Value) -> DynamicObject {
        serde_json::from_value(value).unwrap()
    }

    fn live() -> Value {
        json!({
            "apiVersion": "apps/v1", "kind": "Deployment",
            "metadata": {"name": "web", "resourceVersion": "1", "labels": {"a": "b"}},
            "spec": {"replicas": 2, "template": {"spec": {"containers": [{"name": "web", "image": "web:1"}]}}},
            "status": {"readyReplicas": 1},
        })
    }

    #[test]
    fn status_replicas_and_bookkeeping_do_not_count() {
        let mut changed = live();
        changed["status"]["readyReplicas"] = json!(2);
        changed["spec"]["replicas"] = json!(5);
        changed["metadata"]["resourceVersion"] = json!("9");
        changed["metadata"]["annotations"] = json!({"deployment.kubernetes.io/revision": "3"});
        assert_eq!(
            of_live(Kind::Deployment, &deployment(live())),
            of_live(Kind::Deployment, &deployment(changed))
        );
    }

    #[test]
    fn an_added_label_variable_or_finalizer_counts() {
        let base = of_live(Kind::Deployment, &deployment(live()));
        for (path, value) in [
            ("/metadata/labels", json!({"a": "b", "c": "d"})),
            ("/metadata", json!({"name": "web", "labels": {"a": "b"}, "finalizers": ["x/y"]})),
            (
                "/spec/template/spec/containers/0",
                json!({"name": "web", "image": "web:1", "env": [{"name": "X"}]}),
            ),
        ] {
            let mut changed = live();
            *changed.pointer_mut(path).unwrap() = value;
            assert_ne!(base, of_live(Kind::Deployment, &deployment(changed)), "{path}");
        }
    }
}
