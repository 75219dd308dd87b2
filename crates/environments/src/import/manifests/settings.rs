//! Environment variables of a container, from wherever they come.

use std::collections::BTreeMap;

use serde_json::Value;

use super::super::note::Kind;
use super::super::secret;
use super::object::{items, text};
use super::workload::{Workload, said};

pub fn read(workload: &mut Workload<'_>, container: &Value, at: &str) {
    for (from, at) in items(container.get("envFrom"), &format!("{at}/envFrom")) {
        let prefix = text(from, "prefix").unwrap_or_default().to_owned();
        if let Some(name) = from.pointer("/configMapRef/name").and_then(Value::as_str) {
            match workload.reader.find("ConfigMap", name) {
                Some(map) => {
                    for (key, value) in map.get("/data").and_then(Value::as_object).into_iter().flatten() {
                        set(workload, &format!("{prefix}{key}"), said(Some(value)).unwrap_or_default(), &at);
                    }
                    workload.note(
                        Kind::Changed,
                        &at,
                        format!("ConfigMap `{name}` is written into `env`"),
                        "",
                    );
                }
                None => workload.note(
                    Kind::Todo,
                    &at,
                    format!("ConfigMap `{name}` is not here"),
                    "write its values into `env`",
                ),
            }
        } else if let Some(name) = from.pointer("/secretRef/name").and_then(Value::as_str) {
            match workload.reader.find("Secret", name) {
                Some(object) => {
                    for key in keys(&object.value) {
                        set(workload, &format!("{prefix}{key}"), secret::mark(name, &key), &at);
                    }
                }
                None => {
                    let message = format!("every key of Secret `{name}` was a variable, and it is not here");
                    workload.note(Kind::Todo, &at, message, "name each of them in `env`");
                }
            }
        }
    }
    for (variable, at) in items(container.get("env"), &format!("{at}/env")) {
        let Some(name) = text(variable, "name") else { continue };
        let from = variable.get("valueFrom").filter(|from| !from.is_null());
        match from {
            Some(from) => reference(workload, name, from, &at),
            None => {
                let value = said(variable.get("value")).unwrap_or_default();
                let value = text(variable, "value").map_or(value, str::to_owned);
                set(workload, name, value, &at);
            }
        }
    }
    let known = workload.part.component.env.clone();
    for value in workload.part.component.env.values_mut() {
        *value = expand(value, &known);
    }
}

fn reference(workload: &mut Workload<'_>, name: &str, from: &Value, at: &str) {
    let key =
        |kind: &str| Some((from.get(kind)?.get("name")?.as_str()?, from.get(kind)?.get("key")?.as_str()?));
    if let Some((map, key)) = key("configMapKeyRef") {
        let found = workload.reader.find("ConfigMap", map);
        let value = found.and_then(|map| said(map.value.get("data")?.get(key)));
        match value {
            Some(value) => set(workload, name, value, at),
            None => workload.note(
                Kind::Todo,
                at,
                format!("`{name}` comes from `{key}` of ConfigMap `{map}`, which is not here"),
                "write its value",
            ),
        }
    } else if let Some((object, key)) = key("secretKeyRef") {
        set(workload, name, secret::mark(object, key), at);
    } else if let Some(field) = from.pointer("/fieldRef/fieldPath").and_then(Value::as_str) {
        let message = format!("`{name}` is `{field}` of the pod, which outboard has no word for");
        let instead = "`container: {env: [{name: …, valueFrom: {fieldRef: {fieldPath: …}}}]}` says it in Kubernetes' own words; \
                       OUTBOARD_ENVIRONMENT and OUTBOARD_COMPONENT are there anyway";
        workload.note(Kind::Left, at, message, instead);
    } else {
        workload.note(Kind::Left, at, format!("where `{name}` comes from has no counterpart"), "");
    }
}

fn set(workload: &mut Workload<'_>, name: &str, value: String, at: &str) {
    let valid = !name.is_empty()
        && !name.starts_with(|c: char| c.is_ascii_digit())
        && name.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | '.'));
    if valid {
        workload.part.component.env.insert(name.to_owned(), value);
    } else {
        workload.note(Kind::Left, at, format!("`{name}` cannot be the name of a variable"), "");
    }
}

/// The keys of a Secret; its values stay where they are.
pub fn keys(object: &Value) -> Vec<String> {
    let maps = ["data", "stringData"].iter().filter_map(|key| object.get(*key)?.as_object());
    let mut keys: Vec<String> = maps.flat_map(|map| map.keys().cloned()).collect();
    keys.sort();
    keys.dedup();
    keys
}

/// Words in which Kubernetes puts variables in the place of `$(NAME)`.
pub fn expanded(workload: &Workload<'_>, words: &[String]) -> Vec<String> {
    words.iter().map(|word| expand(word, &workload.part.component.env)).collect()
}

fn expand(value: &str, known: &BTreeMap<String, String>) -> String {
    let (mut written, mut rest) = (String::new(), value);
    while let Some(start) = rest.find("$(") {
        let before = &rest[..start];
        let after = &rest[start + 2..];
        if let Some(before) = before.strip_suffix('$') {
            written.push_str(&format!("{before}$("));
            rest = after;
            continue;
        }
        written.push_str(before);
        let found = after.find(')').and_then(|end| Some((end, known.get(&after[..end])?)));
        match found {
            Some((end, value)) => {
                written.push_str(value);
                rest = &after[end + 1..];
            }
            None => {
                written.push_str("$(");
                rest = after;
            }
        }
    }
    written + rest
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn variables_are_put_into_others_as_kubernetes_does() {
        let known = [("A", "one")].map(|(name, value)| (name.to_owned(), value.to_owned())).into();
        assert_eq!(expand("x$(A)y$(B)z$$(A)$(", &known), "xoney$(B)z$(A)$(");
    }
}
