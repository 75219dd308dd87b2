//! What differs between two revisions, object by object and field by field: the body of every plan.
//!
//! Revisions hold no secret values, so neither can their difference.

use std::collections::{BTreeMap, BTreeSet};

use api::overrides::listed;
use api::plan::{Action, FieldChange, ObjectChange};
use api::revision::{EnvironmentRevision, Part, SecretPiece, SecretRecipe, Source};
use api::{Role, marks};
use serde_json::Value;

use super::{keep, limits, overrides, plain, volumes};

mod effect;

use effect::effect;

/// The namespace of an environment, which is no object of its revisions.
pub const NAMESPACE: &str = "Namespace";
/// A value longer than this is cut: a plan is read by people.
const LENGTH: usize = 160;

/// Every object that `to` makes, changes or removes, in the order in which that happens.
pub fn between(from: Option<&EnvironmentRevision>, to: &EnvironmentRevision) -> Vec<ObjectChange> {
    let old_parts = from.map(|revision| revision.parts.as_slice()).unwrap_or_default();
    let old: BTreeMap<(&str, &str), (&Part, &Value)> = objects(old_parts).collect();
    let new: BTreeMap<(&str, &str), (&Part, &Value)> = objects(&to.parts).collect();
    let mut changes: Vec<ObjectChange> = standard(from, to).into_iter().collect();
    changes.extend(secrets(from, to));
    let removed = |part: &Part| -> Vec<ObjectChange> {
        let gone = part.objects.iter().map(identity).filter(|id| !new.contains_key(id));
        // The record of a job that ran is no loss.
        gone.filter(|id| id.0 != "Job")
            .map(|id| {
                let effect = effect(Action::Delete, part.role, id, &[]).to_owned();
                change(part, id, Action::Delete, effect, vec![])
            })
            .collect()
    };
    // Limits go first, everything else last.
    let (limiting, others): (Vec<&Part>, Vec<&Part>) = old_parts.iter().partition(|part| limits::is(part));
    changes.extend(limiting.into_iter().flat_map(removed));
    for part in &to.parts {
        for object in &part.objects {
            let id = identity(object);
            let before = old.get(&id);
            let mut fields = Vec::new();
            if let Some((earlier, before)) = before {
                fields = differences(before, object);
                if earlier.replicas != part.replicas && has_replicas(object) {
                    let count = |part: &Part| part.replicas.map(|count| count.to_string());
                    fields.push(FieldChange {
                        path: "spec.replicas".into(),
                        from: count(earlier),
                        to: count(part),
                    });
                }
                if fields.is_empty() {
                    continue;
                }
            }
            let action = if before.is_some() { Action::Change } else { Action::Create };
            let effect = effect(action, part.role, id, &fields).to_owned();
            changes.push(change(part, id, action, effect, fields));
        }
    }
    changes.extend(others.into_iter().rev().flat_map(removed));
    changes
}

/// The standard by which pods are judged is a label of the namespace, which is no object of a revision.
fn standard(from: Option<&EnvironmentRevision>, to: &EnvironmentRevision) -> Option<ObjectChange> {
    let from = from.filter(|from| from.pod_security != to.pod_security)?;
    let field = FieldChange {
        path: format!("metadata.labels.{}", marks::POD_SECURITY),
        from: Some(from.pod_security.as_str().to_owned()),
        to: Some(to.pod_security.as_str().to_owned()),
    };
    Some(ObjectChange {
        part: limits::NAME.to_owned(),
        role: Role::Manifest,
        object: NAMESPACE.to_owned(),
        action: Action::Change,
        effect: if to.pod_security > from.pod_security {
            "pods are judged so once all of the change is ready"
        } else {
            "pods that are made from then on are judged so"
        }
        .to_owned(),
        fields: vec![field],
    })
}

/// Every field in which two objects differ.
pub fn differences(from: &Value, to: &Value) -> Vec<FieldChange> {
    let mut found = Vec::new();
    compare(String::new(), Some(from), Some(to), &mut found);
    found
}

/// What else there is to say before the change.
pub fn notes(from: Option<&EnvironmentRevision>, to: &EnvironmentRevision) -> Vec<String> {
    let mut notes: Vec<String> = by_hand(from, to).collect();
    notes.extend(volumes::note(from.and_then(|from| from.keep_volumes), to.keep_volumes));
    let Some(from) = from else { return notes };
    if from.project_revision != to.project_revision {
        notes.push(format!("project revision {} becomes {}", from.project_revision, to.project_revision));
    }
    if from.renderer != to.renderer && to.restores.is_none() {
        notes.push(format!(
            "outboard {} made the present revision, {} makes this one: what it renders otherwise is listed",
            from.renderer, to.renderer
        ));
    }
    for part in to.parts.iter().filter(|part| !part.raw.is_empty()) {
        let before = from.parts.iter().find(|before| before.name == part.name && before.role == part.role);
        if before.is_none_or(|before| before.objects != part.objects) {
            notes.push(format!(
                "{} {} says {} in Kubernetes' own words: outboard does not know what that does",
                part.role.as_str(),
                part.name,
                part.raw.join(", ")
            ));
        }
    }
    if let Some(number) = to.restores {
        notes.push(format!(
            "everything is as revision {number} had it but the data: what jobs and components have written since stays, and no job runs again"
        ));
    }
    let changes = between(Some(from), to);
    notes.extend(keep::given_up(from, to, &changes));
    notes.extend(keep::remarks(from, to));
    notes
}

/// What differs from the project by hand, what does so no more, and what of it should not stand there.
fn by_hand<'a>(
    from: Option<&'a EnvironmentRevision>,
    to: &'a EnvironmentRevision,
) -> impl Iterator<Item = String> + 'a {
    let now = listed(&to.overrides);
    let gone = from.map(|from| listed(&from.overrides)).unwrap_or_default();
    let gone: Vec<String> = gone
        .into_iter()
        .map(|(setting, _)| setting)
        .filter(|setting| now.iter().all(|(other, _)| other != setting))
        .collect();
    let gone = (!gone.is_empty())
        .then(|| format!("as the project says again, no more by hand: {}", gone.join(", ")));
    let secrets = to.overrides.iter().flat_map(|(component, change)| {
        let secret = change.env.iter().filter(|(name, value)| plain::looks_secret(name, value));
        secret.map(move |(name, _)| {
            format!(
                "{component}.env.{name} looks like a secret, and whoever may read the environment reads it"
            )
        })
    });
    overrides::note(&to.overrides).into_iter().chain(gone).chain(secrets)
}

fn objects(parts: &[Part]) -> impl Iterator<Item = ((&str, &str), (&Part, &Value))> {
    parts.iter().flat_map(|part| part.objects.iter().map(move |object| (identity(object), (part, object))))
}

fn identity(object: &Value) -> (&str, &str) {
    (object["kind"].as_str().unwrap_or_default(), object["metadata"]["name"].as_str().unwrap_or_default())
}

fn has_replicas(object: &Value) -> bool {
    matches!(identity(object).0, "Deployment" | "StatefulSet")
}

fn change(
    part: &Part,
    (kind, name): (&str, &str),
    action: Action,
    effect: String,
    fields: Vec<FieldChange>,
) -> ObjectChange {
    ObjectChange {
        part: part.name.clone(),
        role: part.role,
        object: format!("{kind} {name}"),
        action,
        effect,
        fields,
    }
}

/// Secrets that `to` makes or puts together otherwise, by what they are made of. What is drawn is never drawn again.
fn secrets(from: Option<&EnvironmentRevision>, to: &EnvironmentRevision) -> Vec<ObjectChange> {
    let known: BTreeMap<&str, &SecretRecipe> = from
        .into_iter()
        .flat_map(|revision| &revision.secrets)
        .map(|recipe| (recipe.name.as_str(), recipe))
        .collect();
    let changed = to.secrets.iter().filter_map(|recipe| {
        let before = known.get(recipe.name.as_str());
        let differs = before.is_none_or(|before| before.keys != recipe.keys && !recipe.is_generated());
        differs.then_some((recipe, before.copied()))
    });
    changed.map(|(recipe, before)| secret(to, recipe, before)).collect()
}

fn secret(to: &EnvironmentRevision, recipe: &SecretRecipe, before: Option<&SecretRecipe>) -> ObjectChange {
    let role =
        to.parts.iter().find(|part| part.name == recipe.part).map_or(Role::Component, |part| part.role);
    let empty = BTreeMap::new();
    let old = before.map_or(&empty, |before| &before.keys);
    let keys: BTreeSet<&String> = old.keys().chain(recipe.keys.keys()).collect();
    let fields = keys
        .into_iter()
        .filter(|key| old.get(*key) != recipe.keys.get(*key))
        .map(|key| FieldChange {
            path: format!("data.{key}"),
            from: old.get(key).map(|pieces| masked(pieces)),
            to: recipe.keys.get(key).map(|pieces| masked(pieces)),
        })
        .collect();
    ObjectChange {
        part: recipe.part.clone(),
        role,
        object: format!("Secret {}", recipe.name),
        action: if before.is_some() { Action::Change } else { Action::Create },
        effect: if before.is_some() { "" } else { made(recipe) }.to_owned(),
        fields,
    }
}

fn made(recipe: &SecretRecipe) -> &'static str {
    if recipe.is_generated() { "a new password is drawn" } else { "" }
}

fn masked(pieces: &[SecretPiece]) -> String {
    pieces
        .iter()
        .map(|piece| match piece {
            SecretPiece::Text(text) => text.clone(),
            SecretPiece::Generated | SecretPiece::FromSecret { .. } => "•••".to_owned(),
            SecretPiece::FromSource { source: Source::Kubernetes(secret), key } => {
                format!("•••(Secret {secret}, key {key})")
            }
            SecretPiece::FromSource { source: Source::SecretsManager(place), key } => {
                format!("•••(secret {} of Secrets Manager, key {key})", place.name)
            }
            SecretPiece::FromSource { source: Source::Ssm(place), key } => {
                format!("•••({} of Parameter Store, key {key})", place.name)
            }
            SecretPiece::FromSource { source: Source::Service { environment, service }, key } => {
                format!("•••({key} of {service} in {environment})")
            }
        })
        .collect()
}

fn compare(path: String, from: Option<&Value>, to: Option<&Value>, found: &mut Vec<FieldChange>) {
    if from == to || path.ends_with(marks::TEMPLATE) {
        // The mark is a hash of the template: it differs whenever anything else does.
        return;
    }
    match (from, to) {
        (Some(Value::Object(a)), Some(Value::Object(b))) => {
            let keys: BTreeSet<&String> = a.keys().chain(b.keys()).collect();
            for key in keys {
                let at = if path.is_empty() { key.clone() } else { format!("{path}.{key}") };
                compare(at, a.get(key), b.get(key), found);
            }
        }
        (Some(Value::Array(a)), Some(Value::Array(b))) => {
            let (a, b) = (named(a), named(b));
            let mut keys: Vec<&String> = a.iter().chain(&b).map(|(key, _)| key).collect();
            keys.sort();
            keys.dedup();
            for key in keys {
                let of = |side: &[(String, Value)]| {
                    side.iter().find(|(name, _)| name == key).map(|(_, value)| value.clone())
                };
                compare(format!("{path}[{key}]"), of(&a).as_ref(), of(&b).as_ref(), found);
            }
        }
        _ => {
            let (from, to) = (from.map(|value| told(&path, value)), to.map(|value| told(&path, value)));
            found.push(FieldChange { path, from, to });
        }
    }
}

/// A value as it is told: of a variable that looks like a secret only that it is there.
fn told(path: &str, value: &Value) -> String {
    let path = path.strip_suffix(".value").unwrap_or(path);
    let variable = path.strip_suffix(']').and_then(|path| path.rsplit_once(".env["));
    let variable = variable.filter(|_| value["valueFrom"].is_null());
    match variable {
        Some((_, name)) if plain::looks_secret(name, &text(value)) => plain::MASK.to_owned(),
        _ => text(value),
    }
}

/// Elements by their name, else by their place.
fn named(elements: &[Value]) -> Vec<(String, Value)> {
    let unique: BTreeSet<&str> = elements.iter().filter_map(|element| element["name"].as_str()).collect();
    let by_name = unique.len() == elements.len();
    elements
        .iter()
        .enumerate()
        .map(|(index, element)| {
            let name =
                element["name"].as_str().filter(|_| by_name).map_or_else(|| index.to_string(), str::to_owned);
            (name, element.clone())
        })
        .collect()
}

fn text(value: &Value) -> String {
    let full = match value {
        // `name: X, value: Y` says nothing that the path and Y do not.
        Value::Object(map) if map.len() == 2 && map.contains_key("name") && map.contains_key("value") => {
            return text(&map["value"]);
        }
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

    fn revision(image: &str, replicas: u32, env: &Value) -> EnvironmentRevision {
        serde_json::from_value(json!({
            "project": "shop", "projectRevision": "p-1", "class": "qa", "requested": {}, "versions": {},
            "renderer": "0", "urls": {},
            "secrets": [{"name": "web-env-1", "part": "web", "keys": {"URL": [
                {"text": "mysql://app:"}, {"fromSecret": {"secret": "db", "key": "password"}}, {"text": "@db"}]}}],
            "parts": [{"name": "web", "role": "component", "replicas": replicas, "objects": [{
                "kind": "Deployment", "metadata": {"name": "web"},
                "spec": {"template": {
                    "metadata": {"labels": {(marks::TEMPLATE): image}},
                    "spec": {"containers": [{"name": "web", "image": image, "env": env}]}}},
            }]}],
        }))
        .unwrap()
    }

    #[test]
    fn a_changed_image_names_its_field_and_says_that_pods_are_replaced() {
        let env = json!([{"name": "A", "value": "1"}]);
        let changes = between(
            Some(&revision("web:1", 1, &env)),
            &revision("web:2", 2, &json!([{"name": "B", "value": "2"}, {"name": "A", "value": "1"}])),
        );
        insta::assert_json_snapshot!(changes);
        assert_eq!(between(Some(&revision("web:1", 1, &env)), &revision("web:1", 1, &env)), []);
    }

    #[test]
    fn a_new_environment_shows_how_its_secrets_are_made_and_no_value() {
        let changes = between(None, &revision("web:1", 1, &json!([])));
        assert_eq!(changes[0].fields[0].to.as_deref(), Some("mysql://app:•••@db"));
        assert_eq!(changes[1].action, Action::Create);
    }

    #[test]
    fn a_secret_of_another_source_is_shown_by_its_places_and_without_a_value() {
        let of = |secret: &str| {
            let mut revision = revision("web:1", 1, &json!([]));
            revision.secrets = serde_json::from_value(json!([{"name": "web-env", "part": "web", "keys": {
                "KEY": [{"fromSource": {"source": {"kubernetes": secret}, "key": "stripe"}}], "SAME": [{"text": "x"}],
            }}]))
            .unwrap();
            revision
        };
        let changes = between(Some(&of("sandbox")), &of("live"));
        assert_eq!((changes[0].object.as_str(), changes[0].action), ("Secret web-env", Action::Change));
        let [field] = changes[0].fields.as_slice() else { panic!("{changes:?}") };
        assert_eq!(field.path, "data.KEY");
        assert_eq!(field.from.as_deref(), Some("•••(Secret sandbox, key stripe)"));
        assert_eq!(field.to.as_deref(), Some("•••(Secret live, key stripe)"));
    }

    #[test]
    fn what_is_no_longer_wanted_is_deleted_last() {
        let mut empty = revision("web:1", 1, &json!([]));
        empty.parts.clear();
        let changes = between(Some(&revision("web:1", 1, &json!([]))), &empty);
        assert_eq!((changes[0].action, changes[0].effect.as_str()), (Action::Delete, "its pods go"));
    }
}
