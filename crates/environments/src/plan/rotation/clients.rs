//! Who may still have the old password of a service: pods that were started with what it was put into, before that held the new one.

use std::collections::{BTreeMap, BTreeSet};

use api::marks;
use api::revision::{SecretPiece, SecretRecipe, Source, credentials_name};
use k8s_openapi::api::core::v1::{Container, Pod};
use k8s_openapi::jiff::Timestamp;
use kube::ResourceExt;

/// A service, as recipes of an environment name it.
#[derive(Clone, Copy, Debug)]
pub enum From<'a> {
    /// The environment's own.
    Own(&'a str),
    Of {
        environment: &'a str,
        service: &'a str,
    },
}

/// By recipe, the keys that the password is in.
pub fn recipes<'a>(recipes: &'a [SecretRecipe], from: From<'_>) -> Vec<(&'a SecretRecipe, Vec<&'a str>)> {
    let has = |piece: &SecretPiece| match (piece, from) {
        (SecretPiece::FromSecret { secret, .. }, From::Own(service)) => *secret == credentials_name(service),
        (
            SecretPiece::FromSource { source: Source::Service { environment, service }, .. },
            From::Of { environment: theirs, service: wanted },
        ) => environment == theirs && service == wanted,
        _ => false,
    };
    let keys = |recipe: &'a SecretRecipe| -> Vec<&'a str> {
        recipe.keys.iter().filter(|(_, pieces)| pieces.iter().any(has)).map(|(key, _)| key.as_str()).collect()
    };
    recipes.iter().map(|recipe| (recipe, keys(recipe))).filter(|(_, keys)| !keys.is_empty()).collect()
}

/// Names of all Secrets that a pod is started with, or sees.
pub fn secrets(pod: &Pod) -> BTreeSet<&str> {
    let mut names = BTreeSet::new();
    let Some(spec) = &pod.spec else { return names };
    let all = spec.containers.iter().chain(spec.init_containers.iter().flatten());
    all.for_each(|container| of_container(container, &mut names));
    for container in spec.ephemeral_containers.iter().flatten() {
        let variables = container.env.iter().flatten().filter_map(|variable| variable.value_from.as_ref());
        names.extend(variables.filter_map(|from| Some(from.secret_key_ref.as_ref()?.name.as_str())));
        let whole = container.env_from.iter().flatten();
        names.extend(whole.filter_map(|from| Some(from.secret_ref.as_ref()?.name.as_str())));
    }
    for volume in spec.volumes.iter().flatten() {
        names.extend(volume.secret.as_ref().and_then(|secret| secret.secret_name.as_deref()));
        let sources = volume.projected.as_ref().and_then(|projected| projected.sources.as_ref());
        let sources = sources.into_iter().flatten();
        names.extend(sources.filter_map(|source| Some(source.secret.as_ref()?.name.as_str())));
    }
    names
}

fn of_container<'a>(container: &'a Container, names: &mut BTreeSet<&'a str>) {
    let variables = container.env.iter().flatten().filter_map(|variable| variable.value_from.as_ref());
    names.extend(variables.filter_map(|from| Some(from.secret_key_ref.as_ref()?.name.as_str())));
    let whole = container.env_from.iter().flatten();
    names.extend(whole.filter_map(|from| Some(from.secret_ref.as_ref()?.name.as_str())));
}

/// What is known of a Secret that a pod names.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Content {
    /// It holds the new one. Pods that were made from this moment on were started with it, and so was whatever has its mark.
    New { since: Timestamp, mark: Option<String> },
    /// It may hold the old one.
    Old,
    /// It never had either.
    Other,
}

/// Whether a pod may have been started with the old password. One that has ended has it no more.
pub fn is_late(pod: &Pod, content: &BTreeMap<String, Content>) -> bool {
    let phase = pod.status.as_ref().and_then(|status| status.phase.as_deref());
    if matches!(phase, Some("Succeeded" | "Failed")) {
        return false;
    }
    let made = pod.creation_timestamp().map(|time| time.0);
    let stamp = pod.annotations().get(marks::SECRETS).map(String::as_str).unwrap_or_default();
    let has = |mark: &str| stamp.split('-').any(|each| each == mark);
    secrets(pod).into_iter().any(|name| match content.get(name) {
        Some(Content::New { since, mark }) => {
            made.is_none_or(|made| made < *since) && !mark.as_deref().is_some_and(has)
        }
        Some(Content::Old) | None => true,
        Some(Content::Other) => false,
    })
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn pod(made: i64, spec: &Value, phase: &str) -> Pod {
        let made = Timestamp::from_second(made).unwrap().to_string();
        let metadata = json!({"name": "web-1", "creationTimestamp": made});
        serde_json::from_value(json!({"metadata": metadata, "spec": spec, "status": {"phase": phase}}))
            .unwrap()
    }

    fn container(field: &str, value: &Value) -> Value {
        json!({"containers": [{"name": "web", field: value}]})
    }

    #[test]
    fn every_way_in_which_a_pod_can_have_a_secret_is_seen() {
        let variable = json!([{"name": "URL", "valueFrom": {"secretKeyRef": {"name": "s", "key": "URL"}}}]);
        let whole = json!([{"secretRef": {"name": "s"}}]);
        let volume = |volume: Value| json!({"containers": [], "volumes": [volume]});
        let all = [
            container("env", &variable),
            container("envFrom", &whole),
            json!({"containers": [], "initContainers": [{"name": "a", "env": variable}]}),
            json!({"containers": [], "ephemeralContainers": [{"name": "a", "envFrom": whole}]}),
            volume(json!({"name": "v", "secret": {"secretName": "s"}})),
            volume(json!({"name": "v", "projected": {"sources": [{"secret": {"name": "s"}}]}})),
        ];
        for spec in all {
            assert_eq!(secrets(&pod(0, &spec, "Running")), BTreeSet::from(["s"]), "{spec}");
        }
        assert!(
            secrets(&pod(0, &container("env", &json!([{"name": "A", "value": "s"}])), "Running")).is_empty()
        );
    }

    #[test]
    fn a_pod_is_late_if_it_was_made_before_its_secret_held_the_new_one() {
        let spec = container("envFrom", &json!([{"secretRef": {"name": "web-env"}}]));
        let content = |content| BTreeMap::from([("web-env".to_owned(), content)]);
        let new = |mark: Option<&str>| {
            content(Content::New {
                since: Timestamp::from_second(10).unwrap(),
                mark: mark.map(str::to_owned),
            })
        };
        let since = new(None);
        assert!(is_late(&pod(9, &spec, "Running"), &since));
        assert!(is_late(&pod(9, &spec, "Pending"), &since));
        assert!(!is_late(&pod(9, &spec, "Succeeded"), &since));
        assert!(!is_late(&pod(10, &spec, "Running"), &since));
        assert!(is_late(&pod(99, &spec, "Running"), &content(Content::Old)));
        assert!(!is_late(&pod(1, &spec, "Running"), &content(Content::Other)));
        // Whatever is done to the Secret later: what was made with its mark has it.
        let mut stamped = pod(9, &spec, "Running");
        stamped.annotations_mut().insert(marks::SECRETS.to_owned(), "a1-b2".to_owned());
        assert!(!is_late(&stamped, &new(Some("b2"))));
        assert!(is_late(&stamped, &new(Some("b3"))));
        assert!(is_late(&stamped, &since));
        // What nobody looked at is no proof.
        assert!(is_late(&pod(99, &spec, "Running"), &BTreeMap::new()));
    }

    #[test]
    fn recipes_are_found_by_the_environment_that_runs_the_service() {
        let recipe = |name: &str, piece: Value| json!({"name": name, "part": "web", "keys": {"URL": [{"text": "x"}, piece], "A": [{"text": "y"}]}});
        let all: Vec<SecretRecipe> = serde_json::from_value(json!([
            recipe("own", json!({"fromSecret": {"secret": "db-credentials", "key": "password"}})),
            recipe("queue", json!({"fromSecret": {"secret": "queue-credentials", "key": "password"}})),
            recipe("shared", json!({"fromSource": {"source": {"service": {"environment": "data", "service": "db"}}, "key": "password"}})),
            recipe("other", json!({"fromSource": {"source": {"service": {"environment": "more", "service": "db"}}, "key": "password"}})),
        ]))
        .unwrap();
        let names = |from| -> Vec<(&str, Vec<&str>)> {
            recipes(&all, from).into_iter().map(|(recipe, keys)| (recipe.name.as_str(), keys)).collect()
        };
        assert_eq!(names(From::Own("db")), [("own", vec!["URL"])]);
        assert_eq!(names(From::Of { environment: "data", service: "db" }), [("shared", vec!["URL"])]);
    }
}
