//! The way out: the objects of a revision, as somebody without outboard would have written them.

use api::Role;
use api::marks;
use api::revision::{EnvironmentRevision, Part, SecretPiece, SecretRecipe};
use serde_json::{Map, Value, json};

use super::{isolation, limits, logs};

/// Every label of ours begins so.
const OURS: &str = "outboard.dev/";
/// What selects pods when our own label is gone; it has the same value.
const NAME: &str = "app.kubernetes.io/name";
/// Nobody runs jobs after services any more: they try until those are there.
const TRIES: u32 = 10;

/// The plain objects of one part.
#[derive(Clone, Debug, PartialEq)]
pub struct Exported {
    /// The part's name; routes are one for all.
    pub name: String,
    pub role: Role,
    pub objects: Vec<Value>,
}

/// A route's gateway, which the other cluster may not have.
#[derive(Clone, Debug, PartialEq)]
pub struct Gateway {
    pub route: String,
    pub parents: Value,
}

/// All parts in their order, and the gateways that their routes named.
pub fn parts(revision: &EnvironmentRevision) -> (Vec<Exported>, Vec<Gateway>) {
    let (mut exported, mut gateways) = (Vec::<Exported>::new(), Vec::new());
    // Whom it lets in is said in outboard's own labels, which are left out: elsewhere it is open. What it may use is for
    // whoever runs the other cluster to say.
    for part in revision.parts.iter().filter(|part| !isolation::is(part) && !limits::is(part)) {
        let mut objects: Vec<Value> = part.objects.iter().map(|object| plain(object, part)).collect();
        for object in objects.iter_mut().filter(|object| object["kind"] == "HTTPRoute") {
            let parents = object["spec"].as_object_mut().and_then(|spec| spec.shift_remove("parentRefs"));
            let route = object["metadata"]["name"].as_str().unwrap_or_default().to_owned();
            gateways.extend(parents.map(|parents| Gateway { route, parents }));
        }
        match exported.last_mut().filter(|last| last.role == Role::Route && part.role == Role::Route) {
            Some(routes) => routes.objects.append(&mut objects),
            None if part.role == Role::Route => {
                exported.push(Exported { name: "routes".to_owned(), role: part.role, objects });
            }
            None => exported.push(Exported { name: part.name.clone(), role: part.role, objects }),
        }
    }
    (exported, gateways)
}

/// An object without what only outboard understands.
fn plain(object: &Value, part: &Part) -> Value {
    let mut object = object.clone();
    let scaled = part.objects.iter().any(|other| other["kind"] == "HorizontalPodAutoscaler");
    if let Some(metadata) = object.get_mut("metadata").and_then(Value::as_object_mut) {
        metadata.shift_remove("namespace");
    }
    unmark(&mut object);
    logs::without_sidecar(&mut object);
    let kind = object["kind"].as_str().unwrap_or_default().to_owned();
    match (kind.as_str(), part.replicas) {
        // With an autoscaler a number would undo what it does, each time somebody applies it.
        ("Deployment" | "StatefulSet", Some(replicas)) if !scaled => {
            if let Some(spec) = object["spec"].as_object_mut() {
                let rest = std::mem::take(spec);
                spec.insert("replicas".to_owned(), json!(replicas));
                spec.extend(rest);
            }
        }
        ("Job", _) => object["spec"]["backoffLimit"] = json!(TRIES),
        _ => {}
    }
    object
}

/// Takes our labels out wherever they stand; what selected by our part selects by its name.
fn unmark(value: &mut Value) {
    match value {
        Value::Object(map) => {
            if let Some(part) = map.get(marks::PART).cloned() {
                map.entry(NAME).or_insert(part);
            }
            map.retain(|key, value| {
                !(key.starts_with(OURS) || key == "app.kubernetes.io/managed-by" && value == "outboard")
            });
            map.values_mut().for_each(unmark);
        }
        Value::Array(items) => items.iter_mut().for_each(unmark),
        _ => {}
    }
}

/// The Secrets that pods name, with words where a value is drawn for each environment.
pub fn secret_templates(revision: &EnvironmentRevision) -> Vec<Value> {
    revision.secrets.iter().map(|recipe| secret(&recipe.name, &template(recipe, &revision.secrets))).collect()
}

fn template(recipe: &SecretRecipe, all: &[SecretRecipe]) -> Map<String, Value> {
    let values = recipe.keys.iter().map(|(key, pieces)| {
        let words: String = pieces.iter().map(|piece| word(piece, &recipe.name, key, all)).collect();
        (key.clone(), json!(words))
    });
    values.collect()
}

fn word(piece: &SecretPiece, recipe: &str, key: &str, all: &[SecretRecipe]) -> String {
    match piece {
        SecretPiece::Text(text) => text.clone(),
        SecretPiece::FromSecret { secret, key } => {
            let part = all.iter().find(|other| other.name == *secret).map_or(secret, |other| &other.part);
            format!("<{key} of {part}>")
        }
        // Drawn, or kept by others.
        _ => {
            let part = all.iter().find(|other| other.name == recipe).map_or(recipe, |other| &other.part);
            format!("<{key} of {part}>")
        }
    }
}

fn secret(name: &str, values: &Map<String, Value>) -> Value {
    json!({
        "apiVersion": "v1",
        "kind": "Secret",
        "metadata": {"name": name},
        "type": "Opaque",
        "stringData": values,
    })
}
