//! Makes revisions of different environments comparable: what holds an environment's own name is replaced by a
//! word for it, and what is a hash of such things by a word as well.

use api::marks;
use api::revision::{EnvironmentRevision, Part, SecretPiece};
use serde_json::Value;

use super::isolation;

/// The revision of `environment` without its name.
pub fn nameless(revision: &EnvironmentRevision, environment: &str) -> EnvironmentRevision {
    let mut revision = revision.clone();
    let namespace = format!("{}-{environment}", revision.project);
    let mut own = vec![(namespace, "<namespace>".to_owned())];
    own.extend(revision.urls.iter().map(|(host, url)| (url.clone(), format!("<url.{host}>"))));
    let hosts =
        revision.parts.iter().filter_map(|part| Some((part.probe.as_ref()?.host.clone(), part.name.clone())));
    own.extend(hosts.map(|(host, part)| (host, format!("<host of {part}>"))));
    own.extend(revision.urls.iter().map(|(host, url)| (bare(url).to_owned(), format!("<host of {host}>"))));
    // The longest first: a URL holds its host.
    own.sort_by_key(|(text, _)| std::cmp::Reverse(text.len()));
    let mut secrets = Vec::new();
    for recipe in &mut revision.secrets {
        if recipe.name.starts_with(&format!("{}-env-", recipe.part)) {
            let name = format!("{}-env", recipe.part);
            secrets.push((std::mem::replace(&mut recipe.name, name.clone()), name));
        }
    }
    own.extend(secrets);
    for piece in revision.secrets.iter_mut().flat_map(|recipe| recipe.keys.values_mut().flatten()) {
        if let SecretPiece::Text(text) = piece {
            *text = replaced(text, &own);
        }
    }
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

/// The hostname in a URL.
fn bare(url: &str) -> &str {
    let rest = url.split_once("://").map_or(url, |(_, rest)| rest);
    rest.split([':', '/']).next().unwrap_or(rest)
}

fn replaced(text: &str, own: &[(String, String)]) -> String {
    own.iter().fold(text.to_owned(), |text, (mine, word)| text.replace(mine.as_str(), word))
}

fn replace(value: &mut Value, own: &[(String, String)], environment: &str) {
    match value {
        Value::String(text) => *text = replaced(text, own),
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
            // Who takes a service from it, is of its class.
            if fields.remove(&isolation::takes_from(environment)).is_some() {
                let label = isolation::takes_from("<environment>");
                fields.insert(label, Value::String("<class>".to_owned()));
            }
            fields.values_mut().for_each(|field| replace(field, own, environment));
        }
        _ => {}
    }
}
