//! Takes over what others did to an object: the desired object as it would have to be for what is there to be right.
//!
//! Only what Kubernetes recorded as somebody else's, and what is missing. Never status, bookkeeping, what the server
//! filled in by itself, our own marks, or replicas, which are nobody's field.

use kube::core::DynamicObject;
use serde_json::{Map, Value, json};

use crate::drift::{element, is_empty};
use crate::kinds::Kind;
use crate::ownership::Managers;

/// Annotations that tools and controllers keep for themselves.
const BOOKKEEPING: [&str; 2] =
    ["kubectl.kubernetes.io/last-applied-configuration", "deployment.kubernetes.io/"];

/// What the server fills in where nothing is said: to say it as well would say nothing.
const FILLED_IN: [(&str, &str); 16] = [
    ("apiVersion", r#""v1""#),
    ("creationTimestamp", "null"),
    ("defaultMode", "420"),
    ("dnsPolicy", r#""ClusterFirst""#),
    ("failureThreshold", "3"),
    ("internalTrafficPolicy", r#""Cluster""#),
    ("periodSeconds", "10"),
    ("protocol", r#""TCP""#),
    ("resources", "{}"),
    ("schedulerName", r#""default-scheduler""#),
    ("scheme", r#""HTTP""#),
    ("securityContext", "{}"),
    ("sessionAffinity", r#""None""#),
    ("successThreshold", "1"),
    ("terminationMessagePath", r#""/dev/termination-log""#),
    ("terminationMessagePolicy", r#""File""#),
];

/// What the server gives to one object of one cluster. Stored, it would be asked for again elsewhere.
const ASSIGNED: [&str; 6] =
    ["clusterIP", "clusterIPs", "healthCheckNodePort", "ipFamilies", "ipFamilyPolicy", "nodePort"];

/// By which field the elements of a list are told apart: the first that an element has.
const KEYS: [&str; 7] = ["containerPort", "port", "mountPath", "devicePath", "topologyKey", "ip", "name"];

/// `desired` with what others changed, added and removed on the live object.
pub fn kept(kind: Kind, desired: &Value, live: &DynamicObject, managers: &Managers) -> Value {
    let mut kept = desired.clone();
    let Ok(there) = serde_json::to_value(live) else { return kept };
    let foreign = live.metadata.managed_fields.iter().flatten().filter(|entry| managers.is_foreign(entry));
    for fields in foreign.filter_map(|entry| entry.fields_v1.as_ref()) {
        for (at, below) in fields.0.as_object().into_iter().flatten() {
            let Some(field) = at.strip_prefix("f:") else { continue };
            match field {
                "metadata" => {
                    for map in ["labels", "annotations"] {
                        take_field(
                            &mut kept["metadata"],
                            &there["metadata"],
                            map,
                            &below[format!("f:{map}")],
                        );
                    }
                }
                "status" | "apiVersion" | "kind" => {}
                _ => take_field(&mut kept, &there, field, below),
            }
        }
    }
    for map in ["labels", "annotations"] {
        let there = there["metadata"].get(map).cloned().unwrap_or_else(|| json!({}));
        if let Some(kept) = kept["metadata"].get_mut(map) {
            drop_missing(kept, &there, map);
        }
    }
    for (field, value) in kept.as_object_mut().into_iter().flatten() {
        if !matches!(field.as_str(), "metadata" | "status" | "apiVersion" | "kind")
            && let Some(there) = there.get(field)
        {
            drop_missing(value, there, field);
        }
    }
    tidy(&mut kept, desired);
    if kind.scales()
        && let Some(spec) = kept["spec"].as_object_mut()
    {
        spec.remove("replicas");
    }
    kept
}

/// Takes over one field of a map, as far as `set` names what lies in it.
fn take_field(kept: &mut Value, there: &Value, field: &str, set: &Value) {
    let Some(live) = there.get(field) else { return };
    let Some(names) = set.as_object().filter(|_| !set.is_null()) else { return };
    if !kept.is_object() {
        *kept = json!({});
    }
    let leaf = names.keys().all(|name| name == ".");
    if leaf {
        if kept.get(field) == Some(live)
            || kept.get(field).is_none() && goes_without_saying(field, live, there)
        {
            return;
        }
        kept[field] = live.clone();
        return;
    }
    if kept.get(field).is_none_or(Value::is_null) {
        kept[field] = if live.is_array() { json!([]) } else { json!({}) };
    }
    take(&mut kept[field], live, set, field);
}

/// Takes over everything that `set` names of a map or list.
fn take(kept: &mut Value, there: &Value, set: &Value, within: &str) {
    for (at, below) in set.as_object().into_iter().flatten() {
        if let Some(field) = at.strip_prefix("f:") {
            let bookkeeping = BOOKKEEPING.iter().any(|known| field.starts_with(known));
            if !(is_ours(within, field) || bookkeeping || ASSIGNED.contains(&field)) {
                take_field(kept, there, field, below);
            }
        } else if let Some(key) =
            at.strip_prefix("k:").and_then(|key| serde_json::from_str::<Value>(key).ok())
        {
            take_element(kept, there, &key, below);
        } else if let Some(value) =
            at.strip_prefix("v:").and_then(|text| serde_json::from_str::<Value>(text).ok())
            && let Some(list) = kept.as_array_mut()
            && !list.contains(&value)
        {
            list.push(value);
        }
    }
    follow_order(kept, there);
}

fn take_element(kept: &mut Value, there: &Value, key: &Value, set: &Value) {
    let (Some(live), Some(list)) = (element(Some(there), key), kept.as_array_mut()) else { return };
    let has = |element: &Value| {
        key.as_object().is_some_and(|key| key.iter().all(|(name, value)| element.get(name) == Some(value)))
    };
    let at = match list.iter().position(has) {
        Some(at) => at,
        None => {
            list.push(key.clone());
            list.len() - 1
        }
    };
    take(&mut list[at], live, set, "");
}

/// Elements in the order in which they stand: another order of containers would be another pod.
fn follow_order(kept: &mut Value, there: &Value) {
    let (Some(list), Some(live)) = (kept.as_array_mut(), there.as_array()) else { return };
    let place = |element: &Value| {
        let key = key_of(element);
        live.iter().position(|live| key.is_some() && key_of(live) == key).unwrap_or(usize::MAX)
    };
    list.sort_by_key(place);
}

/// What tells an element from its neighbours, as Kubernetes sees it.
fn key_of(element: &Value) -> Option<(&'static str, Value, Option<Value>)> {
    let key = KEYS.into_iter().find(|key| element.get(key).is_some())?;
    let ports = matches!(key, "containerPort" | "port");
    let protocol = ports.then(|| element.get("protocol").cloned().unwrap_or_else(|| json!("TCP")));
    Some((key, element[key].clone(), protocol))
}

/// Leaves out what is not there any more.
fn drop_missing(kept: &mut Value, there: &Value, within: &str) {
    match (kept, there) {
        (Value::Object(kept), Value::Object(there)) => {
            kept.retain(|field, value| match there.get(field) {
                Some(live) => {
                    drop_missing(value, live, field);
                    true
                }
                // The server leaves out what is empty; a mark of ours that is gone is put back.
                None => is_empty(value) || is_ours(within, field),
            });
        }
        (Value::Array(kept), Value::Array(there)) => {
            kept.retain_mut(|element| {
                let Some(key) = key_of(element) else { return true };
                match there.iter().find(|live| key_of(live).as_ref() == Some(&key)) {
                    Some(live) => {
                        drop_missing(element, live, "");
                        true
                    }
                    None => false,
                }
            });
        }
        _ => {}
    }
}

/// By its marks an object is known to be ours: they are never up to others.
fn is_ours(within: &str, field: &str) -> bool {
    matches!(within, "labels" | "annotations")
        && (field.starts_with(&format!("{}/", api::GROUP)) || field == "app.kubernetes.io/managed-by")
}

fn goes_without_saying(field: &str, value: &Value, beside: &Value) -> bool {
    if field == "imagePullPolicy" {
        let image = beside["image"].as_str().unwrap_or_default();
        let name = image.rsplit('/').next().unwrap_or_default();
        let moves = !image.contains('@') && (!name.contains(':') || name.ends_with(":latest"));
        return *value == if moves { "Always" } else { "IfNotPresent" };
    }
    let text = value.to_string();
    FILLED_IN.iter().any(|(known, default)| *known == field && *default == text)
}

/// Takes away containers of values that only stood ready to be filled.
fn tidy(kept: &mut Value, desired: &Value) {
    let Some(fields) = kept.as_object_mut() else { return };
    let none = Value::Object(Map::new());
    fields.retain(|field, value| {
        let wanted = desired.get(field);
        tidy(value, wanted.unwrap_or(&none));
        wanted.is_some() || !matches!(value, Value::Object(map) if map.is_empty())
    });
}

#[cfg(test)]
mod tests;
