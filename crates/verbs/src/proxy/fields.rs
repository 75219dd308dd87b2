//! Which fields of an object of ours a change reaches: by name, since no value is known to be no secret; what is not named is counted.
//! Pure.

use std::collections::HashSet;

use http::HeaderValue;
use serde_json::{Map, Value};

use super::Asked;

/// More fields are counted, and so are those that find no room.
const FIELDS: usize = 20;
const ROOM: usize = 800;
/// Where it is said that all may be different.
const ALL: &str = "all of it";
const UNREAD: &str = "fields that cannot be read from it";
/// What says which object is meant, and changes nothing.
const MEANT: &[&str] = &["name", "namespace", "uid", "resourceVersion"];

impl Asked {
    /// What of an object of ours is different afterwards. None: nothing is, or it is none of ours, or a new one.
    pub fn fields_in(&self, kind: Option<&HeaderValue>, body: &[u8]) -> Option<String> {
        if self.group != "outboard.dev" || self.subresource.is_some() {
            return None;
        }
        match self.verb {
            "update" => return Some(ALL.to_owned()),
            "patch" => {}
            _ => return None,
        }
        let kind = kind.and_then(|kind| kind.to_str().ok()).and_then(|kind| kind.split(';').next());
        let said = serde_json::from_slice::<Value>(body).ok();
        let fields = match kind.map(str::trim) {
            Some("application/merge-patch+json" | "application/apply-patch+yaml") => {
                said.as_ref().and_then(Value::as_object).map(merged)
            }
            Some("application/json-patch+json") => {
                said.as_ref().and_then(Value::as_array).and_then(|steps| stepped(steps))
            }
            _ => None,
        };
        fields.map_or_else(|| Some(UNREAD.to_owned()), told)
    }
}

/// Of a patch that is shaped like the object.
fn merged(object: &Map<String, Value>) -> Vec<String> {
    let mut fields = vec![];
    for (part, value) in object.iter().filter(|(part, _)| *part != "apiVersion" && *part != "kind") {
        let before = if part == "spec" { String::new() } else { format!("{part}.") };
        let Some(inside) = value.as_object() else {
            fields.push(part.clone());
            continue;
        };
        let meant = |field: &str| part == "metadata" && MEANT.contains(&field);
        for (field, value) in inside.iter().filter(|(field, _)| !meant(field)) {
            match value.as_object().filter(|inner| !inner.is_empty()) {
                Some(inner) => fields.extend(inner.keys().map(|key| format!("{before}{field}.{key}"))),
                None => fields.push(format!("{before}{field}")),
            }
        }
    }
    fields
}

/// Of a patch that is a list of steps. None: one of them is none.
fn stepped(steps: &[Value]) -> Option<Vec<String>> {
    let mut fields = vec![];
    for step in steps {
        let said = |key: &str| step.get(key).and_then(Value::as_str);
        let operation = said("op")?;
        if operation == "test" {
            continue;
        }
        fields.push(pointed(said("path")?));
        if operation == "move" {
            fields.push(pointed(said("from")?));
        }
    }
    Some(fields)
}

/// What a pointer leads to, as deep as other patches are told.
fn pointed(pointer: &str) -> String {
    let parts = pointer.split('/').skip(1).map(|part| part.replace("~1", "/").replace("~0", "~"));
    let parts: Vec<String> = parts.collect();
    match parts.as_slice() {
        [] => ALL.to_owned(),
        [spec, below @ ..] if spec == "spec" && !below.is_empty() => below[..below.len().min(2)].join("."),
        all => all[..all.len().min(3)].join("."),
    }
}

/// By name, but for those whose name could be read as something else: whoever sends it chose the names, too.
fn told(fields: Vec<String>) -> Option<String> {
    let mut seen = HashSet::new();
    let fields: Vec<String> = fields.into_iter().filter(|field| seen.insert(field.clone())).collect();
    let plain = |field: &&String| {
        let known = |c: char| c.is_ascii_graphic() && c != ',';
        *field == ALL || !field.is_empty() && field.chars().all(known)
    };
    let mut room = ROOM;
    let fits = |field: &&String| {
        let fits = field.len() <= room;
        room -= if fits { field.len() } else { 0 };
        fits
    };
    let named: Vec<&str> =
        fields.iter().filter(plain).filter(fits).take(FIELDS).map(String::as_str).collect();
    let more = match fields.len() - named.len() {
        0 => None,
        1 => Some("1 more field".to_owned()),
        more => Some(format!("{more} more fields")),
    };
    match (named.is_empty(), more) {
        (true, more) => more,
        (false, None) => Some(named.join(", ")),
        (false, Some(more)) => Some(format!("{} and {more}", named.join(", "))),
    }
}

#[cfg(test)]
mod tests {
    use http::Method;
    use serde_json::json;

    use super::*;

    const QA: &str = "/apis/outboard.dev/v1alpha1/namespaces/shop/environments/qa";

    fn fields(method: &Method, kind: &'static str, body: &str) -> Option<String> {
        let asked = Asked::read(method, QA, "").unwrap().unwrap();
        asked.fields_in(Some(&HeaderValue::from_static(kind)), body.as_bytes())
    }

    fn merge(body: &str) -> Option<String> {
        fields(&Method::PATCH, "application/merge-patch+json", body)
    }

    #[test]
    fn a_patch_of_ours_is_told_by_the_fields_that_it_changes_and_by_no_value() {
        let patch = r#"{"metadata": {"resourceVersion": "7"},
            "spec": {"versions": {"web": "2", "worker": null}, "overrides": {"web": {"env": {"KEY": "hunter2"}}}, "restores": 3}}"#;
        let wanted = "versions.web, versions.worker, overrides.web, restores";
        assert_eq!(merge(patch).as_deref(), Some(wanted));
        assert_eq!(fields(&Method::PATCH, "application/apply-patch+yaml", patch).as_deref(), Some(wanted));
        assert_eq!(merge("{}"), None);
        let pod = Asked::read(&Method::PATCH, "/api/v1/namespaces/shop/pods/web", "").unwrap().unwrap();
        let kind = HeaderValue::from_static("application/merge-patch+json");
        assert_eq!(pod.fields_in(Some(&kind), patch.as_bytes()), None);
    }

    #[test]
    fn what_is_changed_beside_the_spec_is_told_too() {
        let patch = r#"{"metadata": {"name": "qa", "uid": "1", "finalizers": [], "labels": {"a/b": "c"}}, "spec": null, "data": 7}"#;
        assert_eq!(merge(patch).as_deref(), Some("metadata.finalizers, metadata.labels.a/b, spec, data"));
    }

    #[test]
    fn steps_are_told_by_where_they_lead() {
        let steps = r#"[{"op": "test", "path": "/spec/class", "value": "qa"},
            {"op": "replace", "path": "/spec/versions/web", "value": "2"},
            {"op": "add", "path": "/spec/overrides/web/env/KEY", "value": "hunter2"},
            {"op": "move", "from": "/metadata/annotations/a~1b", "path": "/spec/owner"}]"#;
        assert_eq!(
            fields(&Method::PATCH, "application/json-patch+json", steps).as_deref(),
            Some("versions.web, overrides.web, owner, metadata.annotations.a/b")
        );
        let all = r#"[{"op": "replace", "path": "", "value": {}}]"#;
        assert_eq!(fields(&Method::PATCH, "application/json-patch+json", all).as_deref(), Some(ALL));
    }

    #[test]
    fn whoever_replaces_an_object_or_sends_what_cannot_be_read_has_changed_it_on_record() {
        assert_eq!(fields(&Method::PUT, "application/json", "{}").as_deref(), Some(ALL));
        for (kind, body) in [
            ("application/merge-patch+json", "nonsense"),
            ("application/merge-patch+json", "[]"),
            ("application/apply-patch+yaml", "spec: {class: gold}"),
            ("application/apply-patch+cbor", "{}"),
            ("application/json-patch+json", r#"[{"op": "add"}]"#),
        ] {
            assert_eq!(fields(&Method::PATCH, kind, body).as_deref(), Some(UNREAD), "{kind} {body}");
        }
    }

    #[test]
    fn what_is_not_told_by_name_is_counted() {
        let many = |name: &str| {
            let fields: Map<String, Value> =
                (0..500).map(|number| (format!("{name}-{number}"), 1.into())).collect();
            merge(&json!({"spec": fields}).to_string()).unwrap()
        };
        let told = many("field");
        assert!(told.ends_with("field-19 and 480 more fields") && told.len() < 400, "{told}");
        let told = many(&"long".repeat(30));
        assert!(told.ends_with(" and 494 more fields") && told.len() < 900, "{told}");
        // Names that would be read as something else, as nothing, or as another line.
        let odd = json!({"spec": {"class": "qa", "a and 2 more fields": 1, "b, c": 1, "d\n": 1, "": 1, "\u{200b}": 1}});
        assert_eq!(merge(&odd.to_string()).as_deref(), Some("class and 5 more fields"));
        assert_eq!(merge(r#"{"spec": {" ": 1}}"#).as_deref(), Some("1 more field"));
        assert_eq!(merge(r#"{"spec": {"class": 1, "all of it": 1}}"#).as_deref(), Some("class, all of it"));
    }
}
