//! What can be wrong with objects in Kubernetes' own words. What only Kubernetes can judge is left to it.

use std::collections::BTreeSet;

use api::Problem;
use api::project::ProjectSpec;
use serde_json::Value;

use super::{directories, suggest};
use crate::plan::isolation;
use crate::plan::limits;
use crate::plan::manifests::{self, ALLOWED};

pub fn check(spec: &ProjectSpec, problems: &mut Vec<Problem>) {
    let mut seen = BTreeSet::new();
    for (index, pattern) in spec.manifests.iter().enumerate() {
        let at = format!("/spec/manifests/{index}");
        if let Some(problem) = directories::outside(pattern) {
            problems.push(Problem::new(at, problem));
            continue;
        }
        if manifests::files(spec, pattern).next().is_none() {
            problems.push(
                Problem::new(&at, format!("`{pattern}` has not been read"))
                    .hint("`outboard project apply` reads it; an object made by hand needs `contents`"),
            );
        }
        for (file, objects) in manifests::files(spec, pattern) {
            match objects {
                Err(problem) => {
                    let place = format!("{file}:{}:{}", problem.line, problem.column);
                    problems.push(Problem::new(&at, format!("{place}: {}", problem.message)));
                }
                Ok(objects) => {
                    for object in &objects {
                        problems.extend(wrong(spec, object, &mut seen).map(|(message, hint)| {
                            Problem::new(&at, format!("{file}: {message}")).hint(hint)
                        }));
                    }
                }
            }
        }
    }
}

/// What is wrong with one object, and what to do.
fn wrong(
    spec: &ProjectSpec,
    object: &Value,
    seen: &mut BTreeSet<(String, String)>,
) -> Option<(String, String)> {
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let (kind, name) = (text(&object["kind"]), text(&object["metadata"]["name"]));
    if kind.is_empty() || name.is_empty() {
        let message = "an object needs `apiVersion`, `kind` and `metadata.name`".to_owned();
        let hint = "Helm charts and kustomizations are rendered before they are named here";
        return Some((message, hint.to_owned()));
    }
    let what = format!("{kind} {name}");
    if name.starts_with(isolation::NAME) || name.starts_with(limits::NAME) {
        return Some((
            format!("{what} is called as outboard's own policies are"),
            "give it another name".to_owned(),
        ));
    }
    if manifests::kind(object).is_none() {
        let known = ALLOWED.map(apply::kinds::Kind::name);
        let hint = match kind.as_str() {
            "Secret" => "its values would lie in the project: name it in `secrets`".to_owned(),
            "Deployment" | "StatefulSet" | "CronJob" | "Job" | "Pod" => {
                "what runs is a component: what has no key of its own goes into `pod` and `container`"
                    .to_owned()
            }
            "HTTPRoute" | "Ingress" => {
                "hosts are given out by `routes`, so that no two environments meet".to_owned()
            }
            _ if known.contains(&kind.as_str()) => {
                format!(
                    "write it in the version that outboard writes, not in {}",
                    text(&object["apiVersion"])
                )
            }
            _ => suggest(&kind, known),
        };
        return Some((format!("{what} is of a kind that may not be written so"), hint));
    }
    if let Some(problem) = misshapen(object) {
        return Some((format!("{what}: {problem}"), "write only what the object is to be".to_owned()));
    }
    if !object["metadata"]["namespace"].is_null() {
        let message = format!("{what} names a namespace");
        return Some((message, "leave it out: each environment has one of its own".to_owned()));
    }
    if spec.components.contains_key(&name) || spec.services.contains_key(&name) {
        let message = format!("{what} has the name of a component or service");
        return Some((message, "give it another name: those have objects of that name already".to_owned()));
    }
    if spec.routes.iter().any(|route| route.host == name && kind == "HTTPRoute") {
        return Some((format!("{what} has the name of a route"), "give it another name".to_owned()));
    }
    let first = seen.insert((kind, name));
    (!first).then(|| (format!("{what} is there twice"), "remove one of them".to_owned()))
}

/// What of an object would be in outboard's way, or in others'.
fn misshapen(object: &Value) -> Option<String> {
    let texts = |value: &Value| {
        value.is_null() || value.as_object().is_some_and(|map| map.values().all(Value::is_string))
    };
    let metadata = &object["metadata"];
    let known = ["name", "namespace", "labels", "annotations"];
    if let Some(key) = metadata.as_object()?.keys().find(|key| !known.contains(&key.as_str())) {
        return Some(format!("`metadata.{key}` is Kubernetes' own"));
    }
    if !texts(&metadata["labels"]) || !texts(&metadata["annotations"]) {
        return Some("labels and annotations are maps of texts".to_owned());
    }
    let ours = |map: &Value| {
        map.as_object().is_some_and(|map| map.keys().any(|key| key.starts_with("outboard.dev/")))
    };
    if ours(&metadata["labels"]) || ours(&metadata["annotations"]) {
        return Some("names that begin with `outboard.dev/` are outboard's own".to_owned());
    }
    if !object["spec"]["externalIPs"].is_null() {
        return Some("`externalIPs` would take the traffic of addresses that are others'".to_owned());
    }
    None
}
