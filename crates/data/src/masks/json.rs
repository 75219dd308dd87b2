//! Masks within a JSON document: what a path leads to is replaced, everything else keeps its place. What is no JSON is
//! not let through.

use std::collections::BTreeMap;

use api::MaskSpec;
use api::mask::{Step, path};
use serde_json::Value;

type Write<'a> = &'a dyn Fn(&MaskSpec, &[u8], &mut Vec<u8>) -> bool;

pub fn mask(document: &[u8], paths: &BTreeMap<String, MaskSpec>, out: &mut Vec<u8>, write: Write<'_>) {
    let Ok(mut value) = serde_json::from_slice::<Value>(document) else {
        out.extend_from_slice(b"null");
        return;
    };
    for (text, kind) in paths {
        walk(&mut value, &path(text).unwrap_or_default(), kind, write);
    }
    out.extend_from_slice(value.to_string().as_bytes());
}

fn walk(value: &mut Value, steps: &[Step<'_>], kind: &MaskSpec, write: Write<'_>) {
    match (steps.split_first(), value) {
        (None, value) => replace(value, kind, write),
        (Some((Step::Key(key), rest)), Value::Object(object)) => {
            if let Some(inner) = object.get_mut(*key) {
                walk(inner, rest, kind, write);
            }
        }
        (Some((Step::Each, rest)), Value::Array(items)) => {
            items.iter_mut().for_each(|item| walk(item, rest, kind, write));
        }
        (Some((Step::Each, rest)), Value::Object(object)) => {
            object.values_mut().for_each(|item| walk(item, rest, kind, write));
        }
        _ => {}
    }
}

/// A list or an object is masked in all that it holds.
fn replace(value: &mut Value, kind: &MaskSpec, write: Write<'_>) {
    let text = match value {
        Value::Null => return,
        Value::Array(items) => return items.iter_mut().for_each(|item| replace(item, kind, write)),
        Value::Object(object) => return object.values_mut().for_each(|item| replace(item, kind, write)),
        Value::String(text) => std::mem::take(text),
        Value::Bool(_) | Value::Number(_) => value.to_string(),
    };
    let mut masked = vec![];
    if !write(kind, text.as_bytes(), &mut masked) {
        *value = Value::Null;
        return;
    }
    let masked = String::from_utf8_lossy(&masked).into_owned();
    // What was a number stays one, if its mask is.
    let number = value.is_number().then(|| serde_json::from_str::<Value>(&masked).ok()).flatten();
    *value = number.filter(Value::is_number).unwrap_or(Value::String(masked));
}

#[cfg(test)]
mod tests {
    use super::*;

    fn masked(document: &str, path: &str) -> String {
        let paths = [(path.to_owned(), MaskSpec::Hash)].into();
        let mut out = vec![];
        mask(document.as_bytes(), &paths, &mut out, &|_, text, out| {
            out.extend(text.iter().rev());
            true
        });
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn only_what_a_path_leads_to_changes() {
        let document = r#"{"b":{"mail":"abc","n":12},"a":[{"x":"de"},{"x":null},3]}"#;
        assert_eq!(masked(document, "$.b.mail"), document.replace("abc", "cba"));
        assert_eq!(masked(document, "$.a[*].x"), document.replace("de", "ed"));
        assert_eq!(masked(document, "$.b"), document.replace("abc", "cba").replace("12", "21"));
        assert_eq!(masked(document, "$.nowhere.at"), document);
    }

    #[test]
    fn what_is_no_json_does_not_get_through() {
        assert_eq!(masked("ann@example.org", "$.a"), "null");
    }
}
