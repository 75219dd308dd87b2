//! Makes revisions of different environments comparable: what holds an environment's own name is replaced by a
//! word for it, and what is a hash of such things by a word as well.

use api::marks;
use api::revision::{EnvironmentRevision, Part};
use serde_json::Value;

/// The revision of `environment` without its name.
pub fn nameless(revision: &EnvironmentRevision, environment: &str) -> EnvironmentRevision {
    let mut revision = revision.clone();
    let namespace = format!("{}-{environment}", revision.project);
    let mut own = vec![(namespace, "<namespace>".to_owned())];
    own.extend(revision.urls.iter().map(|(host, url)| (url.clone(), format!("<url.{host}>"))));
    let hosts =
        revision.parts.iter().filter_map(|part| Some((part.probe.as_ref()?.host.clone(), part.name.clone())));
    own.extend(hosts.map(|(host, part)| (host, format!("<host of {part}>"))));
    // The longest first: a URL holds its host.
    own.sort_by_key(|(text, _)| std::cmp::Reverse(text.len()));
    let mut secrets = Vec::new();
    for recipe in &mut revision.secrets {
        if !recipe.is_generated() {
            let name = format!("{}-env", recipe.part);
            secrets.push((std::mem::replace(&mut recipe.name, name.clone()), name));
        }
    }
    own.extend(secrets);
    for part in &mut revision.parts {
        let role = part.role;
        let Part { name, objects, .. } = part;
        for object in objects {
            if role.completes() {
                object["metadata"]["name"] = Value::String(name.clone());
            }
            replace(object, &own, environment);
        }
    }
    revision
}

fn replace(value: &mut Value, own: &[(String, String)], environment: &str) {
    match value {
        Value::String(text) => {
            for (mine, word) in own {
                if text.contains(mine.as_str()) {
                    *text = text.replace(mine.as_str(), word);
                }
            }
        }
        Value::Array(elements) => {
            let named = |element: &Value| element["name"] == "OUTBOARD_ENVIRONMENT";
            if let Some(element) = elements.iter_mut().find(|element| named(element)) {
                element["value"] = Value::String("<environment>".to_owned());
            }
            elements.iter_mut().for_each(|element| replace(element, own, environment));
        }
        Value::Object(fields) => {
            fields.remove(marks::TEMPLATE);
            fields.remove(marks::RESTARTED);
            if fields.get(marks::ENVIRONMENT).is_some_and(|name| name == environment) {
                fields.insert(marks::ENVIRONMENT.to_owned(), Value::String("<environment>".to_owned()));
            }
            fields.values_mut().for_each(|field| replace(field, own, environment));
        }
        _ => {}
    }
}
