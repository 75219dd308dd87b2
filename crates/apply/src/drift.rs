//! What others did to an object of ours: which fields, and by Kubernetes' own record of who wrote what, who.

use api::plan::FieldChange;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ManagedFieldsEntry;
use kube::core::DynamicObject;
use serde_json::Value;

use crate::kinds::Kind;
use crate::ownership::Managers;

/// What was found on one object.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Found {
    /// From what we wrote to what is there.
    pub fields: Vec<FieldChange>,
    /// Field managers, such as `kubectl-edit`.
    pub by: Vec<String>,
}

impl Found {
    pub fn is_empty(&self) -> bool {
        self.fields.is_empty()
    }
}

/// In what the live object differs from the desired one because of others.
pub fn found(kind: Kind, desired: &DynamicObject, live: &DynamicObject, managers: &Managers) -> Found {
    let (Ok(wanted), Ok(there)) = (serde_json::to_value(desired), serde_json::to_value(live)) else {
        return Found::default();
    };
    let mut found = Found::default();
    for entry in live.metadata.managed_fields.iter().flatten() {
        let allowed = managers.is_allowed(entry);
        if !allowed && !managers.is_foreign(entry) {
            continue;
        }
        let before = found.fields.len();
        if let Some(fields) = &entry.fields_v1 {
            let mut theirs = Vec::new();
            written(&fields.0, Some(&wanted), Some(&there), String::new(), &mut theirs);
            // Whoever may add fields may not change ours.
            found.fields.extend(theirs.into_iter().filter(|field| !allowed || field.from.is_some()));
        }
        drop_bookkeeping(kind, &mut found.fields);
        let manager = manager(entry);
        if found.fields.len() > before && !found.by.contains(&manager) {
            found.by.push(manager);
        }
    }
    // What somebody took away belongs to nobody any more: only its absence tells.
    missing(&wanted, &there, "", &mut found.fields);
    found.fields.sort_by(|a, b| a.path.cmp(&b.path));
    found.fields.dedup_by(|a, b| a.path == b.path);
    found
}

fn manager(entry: &ManagedFieldsEntry) -> String {
    entry.manager.clone().unwrap_or_else(|| "unknown".to_owned())
}

/// Replicas are compared by whoever scales, and a controller's annotations are its own.
fn drop_bookkeeping(kind: Kind, fields: &mut Vec<FieldChange>) {
    fields.retain(|field| {
        let replicas = kind.scales() && field.path == "spec.replicas";
        let annotation = field.path.starts_with("metadata.annotations.deployment.kubernetes.io/");
        !(replicas || annotation || field.path.starts_with("status"))
    });
}

/// The leaves of a field set whose live value is not the desired one.
fn written(
    set: &Value,
    wanted: Option<&Value>,
    there: Option<&Value>,
    path: String,
    found: &mut Vec<FieldChange>,
) {
    let children = set.as_object().into_iter().flatten().filter(|(key, _)| key.as_str() != ".");
    let mut leaf = true;
    for (key, below) in children {
        leaf = false;
        if let Some(name) = key.strip_prefix("f:") {
            let at = if path.is_empty() { name.to_owned() } else { format!("{path}.{name}") };
            written(
                below,
                wanted.and_then(|value| value.get(name)),
                there.and_then(|value| value.get(name)),
                at,
                found,
            );
        } else if let Some(key) =
            key.strip_prefix("k:").and_then(|key| serde_json::from_str::<Value>(key).ok())
        {
            let at = format!("{path}[{}]", label(&key));
            written(below, element(wanted, &key), element(there, &key), at, found);
        }
    }
    if leaf && !path.is_empty() && wanted != there {
        push(path, wanted, there, found);
    }
}

/// Whether a field set names a field that `value` does not have. Replicas are written through `/scale`.
pub fn has_more(set: &Value, value: &Value) -> bool {
    fn below(set: &Value, value: Option<&Value>, path: &str) -> bool {
        if matches!(path, "/spec/replicas" | "/status") {
            return false;
        }
        let Some(value) = value else { return true };
        set.as_object().into_iter().flatten().any(|(key, set)| {
            if let Some(name) = key.strip_prefix("f:") {
                below(set, value.get(name), &format!("{path}/{name}"))
            } else if let Some(key) = key.strip_prefix("k:").and_then(|key| serde_json::from_str(key).ok()) {
                below(set, element(Some(value), &key), &format!("{path}/-"))
            } else {
                false
            }
        })
    }
    below(set, Some(value), "")
}

/// Leaves of the desired object that are not there at all.
fn missing(wanted: &Value, there: &Value, path: &str, found: &mut Vec<FieldChange>) {
    match (wanted, there) {
        (Value::Object(wanted), Value::Object(there)) => {
            for (key, value) in wanted {
                let at = if path.is_empty() { key.clone() } else { format!("{path}.{key}") };
                match there.get(key) {
                    Some(live) => missing(value, live, &at, found),
                    // The server leaves out what is empty.
                    None if is_empty(value) => {}
                    None => push(at, Some(value), None, found),
                }
            }
        }
        (Value::Array(wanted), live @ Value::Array(_)) => {
            for value in wanted.iter().filter(|value| value["name"].is_string()) {
                let key = serde_json::json!({"name": value["name"]});
                let at = format!("{path}[{}]", label(&key));
                match element(Some(live), &key) {
                    Some(found_there) => missing(value, found_there, &at, found),
                    None => push(at, Some(value), None, found),
                }
            }
        }
        _ => {}
    }
}

pub(crate) fn is_empty(value: &Value) -> bool {
    match value {
        Value::Null => true,
        Value::String(text) => text.is_empty(),
        Value::Array(elements) => elements.is_empty(),
        Value::Object(fields) => fields.is_empty(),
        _ => false,
    }
}

/// The element of a list that has all values of `key`.
pub(crate) fn element<'a>(list: Option<&'a Value>, key: &Value) -> Option<&'a Value> {
    let key = key.as_object()?;
    list?.as_array()?.iter().find(|element| key.iter().all(|(name, value)| element.get(name) == Some(value)))
}

fn label(key: &Value) -> String {
    let values = key.as_object().into_iter().flatten().map(|(_, value)| match value {
        Value::String(text) => text.clone(),
        other => other.to_string(),
    });
    values.collect::<Vec<_>>().join(" ")
}

fn push(path: String, wanted: Option<&Value>, there: Option<&Value>, found: &mut Vec<FieldChange>) {
    if found.len() < KEPT {
        found.push(FieldChange { path, from: wanted.map(text), to: there.map(text) });
    }
}

/// More fields than a person reads, and what a status should hold.
const KEPT: usize = 20;
const LENGTH: usize = 120;

/// A value as people read it; a long one is cut.
pub(crate) fn text(value: &Value) -> String {
    let full = match value {
        Value::String(text) => text.clone(),
        other => other.to_string(),
    };
    match full.char_indices().nth(LENGTH) {
        Some((end, _)) => format!("{}…", &full[..end]),
        None => full,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn object(value: Value) -> DynamicObject {
        serde_json::from_value(value).unwrap()
    }

    fn deployment() -> Value {
        json!({
            "apiVersion": "apps/v1", "kind": "Deployment",
            "metadata": {"name": "web", "labels": {"a": "b"}},
            "spec": {"template": {"spec": {"containers": [{"name": "web", "image": "web:1"}]}}},
        })
    }

    fn edited(change: impl FnOnce(&mut Value), fields: &Value) -> Found {
        let mut live = deployment();
        change(&mut live);
        live["metadata"]["managedFields"] = json!([
            {"manager": "outboard-environments", "operation": "Apply", "fieldsV1": {"f:spec": {}}},
            {"manager": "kubectl-edit", "operation": "Update", "fieldsV1": fields},
        ]);
        found(Kind::Deployment, &object(deployment()), &object(live), &Managers::default())
    }

    #[test]
    fn a_changed_image_and_an_added_sidecar_are_told_with_their_editor() {
        let containers = json!({"f:spec": {"f:template": {"f:spec": {"f:containers": {
            "k:{\"name\":\"web\"}": {"f:image": {}},
            "k:{\"name\":\"spy\"}": {".": {}, "f:name": {}, "f:image": {}},
        }}}}});
        let found = edited(
            |live| {
                live["spec"]["template"]["spec"]["containers"] =
                    json!([{"name": "web", "image": "web:evil"}, {"name": "spy", "image": "spy:1"}]);
            },
            &containers,
        );
        assert_eq!(found.by, ["kubectl-edit"]);
        let paths: Vec<&str> = found.fields.iter().map(|field| field.path.as_str()).collect();
        assert_eq!(
            paths,
            [
                "spec.template.spec.containers[spy].image",
                "spec.template.spec.containers[spy].name",
                "spec.template.spec.containers[web].image"
            ]
        );
        assert_eq!(
            (found.fields[2].from.as_deref(), found.fields[2].to.as_deref()),
            (Some("web:1"), Some("web:evil"))
        );
    }

    #[test]
    fn a_removed_label_is_told_though_nobody_owns_its_absence() {
        let found = edited(|live| live["metadata"]["labels"] = json!({}), &json!({}));
        assert_eq!(
            found.fields,
            [FieldChange { path: "metadata.labels.a".into(), from: Some("b".into()), to: None }]
        );
        assert!(found.by.is_empty());
    }

    #[test]
    fn replicas_and_what_equals_our_own_word_are_no_drift() {
        let fields = json!({"f:spec": {"f:replicas": {}}, "f:metadata": {"f:labels": {"f:a": {}}}});
        assert!(edited(|live| live["spec"]["replicas"] = json!(5), &fields).is_empty());
    }

    #[test]
    fn an_allowed_manager_may_add_fields_and_not_change_ours() {
        let mut live = deployment();
        live["metadata"]["labels"] = json!({"a": "theirs", "mesh": "on"});
        live["metadata"]["managedFields"] = json!([
            {"manager": "mesh", "operation": "Update", "fieldsV1": {"f:metadata": {"f:labels": {"f:a": {}, "f:mesh": {}}}}},
        ]);
        let managers = Managers::allowing(&["mesh".to_owned()]);
        let found = found(Kind::Deployment, &object(deployment()), &object(live), &managers);
        let paths: Vec<&str> = found.fields.iter().map(|field| field.path.as_str()).collect();
        assert_eq!((paths, found.by), (vec!["metadata.labels.a"], vec!["mesh".to_owned()]));
    }
}
