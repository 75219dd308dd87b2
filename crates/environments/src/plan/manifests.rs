//! Objects that a project has in Kubernetes' own words: marked as ours, put into the environment's namespace, and from
//! there on like everything else.

use std::collections::BTreeMap;

use api::Role;
use api::project::ProjectSpec;
use api::revision::Part;
use apply::kinds::Kind;
use serde_json::{Value, json};

use super::render::{self, Place};
use crate::file::FileProblem;
use crate::file::yaml;

/// Kinds that may be written so: what components may need and wait for nothing themselves. None of them runs anything,
/// grants a right, or takes a host that may be another environment's.
pub const ALLOWED: [Kind; 6] = [
    Kind::ConfigMap,
    Kind::HorizontalPodAutoscaler,
    Kind::NetworkPolicy,
    Kind::PodDisruptionBudget,
    Kind::Service,
    Kind::ServiceAccount,
];

/// Every file that a pattern stands for, with its objects or what is wrong with it.
pub fn files<'a>(
    spec: &'a ProjectSpec,
    pattern: &'a str,
) -> impl Iterator<Item = (&'a str, Result<Vec<Value>, FileProblem>)> {
    let named = move |name: &str| match pattern.split_once('*') {
        None => name == pattern,
        Some((before, after)) => {
            let middle = name.strip_prefix(before).and_then(|rest| rest.strip_suffix(after));
            middle.is_some_and(|middle| !middle.contains('/'))
        }
    };
    let found = spec.contents.iter().filter(move |(name, _)| named(name));
    found.map(|(name, text)| (name.as_str(), yaml::documents(text)))
}

/// The kind of an object, if it is one that may be written so.
pub fn kind(object: &Value) -> Option<Kind> {
    let api_version = |kind: Kind| kind.resource().api_version;
    ALLOWED
        .into_iter()
        .find(|kind| object["kind"] == kind.name() && object["apiVersion"] == api_version(*kind).as_str())
}

/// One part for all objects of a name.
pub fn parts(place: &Place<'_>) -> Vec<Part> {
    let mut by_name: BTreeMap<String, Vec<Value>> = BTreeMap::new();
    let spec = place.spec();
    for (_, objects) in spec.manifests.iter().flat_map(|pattern| files(spec, pattern)) {
        // `validate` has seen that they can be read.
        for object in objects.unwrap_or_default() {
            let name = object["metadata"]["name"].as_str().unwrap_or_default().to_owned();
            by_name.entry(name).or_default().push(object);
        }
    }
    by_name.into_iter().map(|(name, objects)| part(place, &name, objects)).collect()
}

fn part(place: &Place<'_>, name: &str, objects: Vec<Value>) -> Part {
    let raw = objects.iter().filter_map(|object| object["kind"].as_str().map(str::to_owned)).collect();
    let objects = objects
        .into_iter()
        .map(|mut object| {
            object["metadata"]["namespace"] = json!(place.namespace);
            label(place, name, &mut object["metadata"]["labels"]);
            object
        })
        .collect();
    Part { raw, ..render::part(name, Role::Manifest, objects) }
}

/// Its own labels stay: selectors need them.
fn label(place: &Place<'_>, name: &str, labels: &mut Value) {
    for (key, value) in place.labels(name) {
        // What it is called is its own affair.
        if key != "app.kubernetes.io/name" {
            labels[key] = json!(value);
        }
    }
}
