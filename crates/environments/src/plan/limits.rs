//! What an environment may use: the ResourceQuota and the LimitRange of its class, as the first part of its revision.

use api::Role;
use api::project::{ContainerBounds, Quota, Resources};
use api::revision::{EnvironmentRevision, Part};
use k8s_openapi::api::core::v1::{ResourceQuota, ResourceQuotaStatus};
use serde_json::{Map, Value, json};

use super::render::{self, Place};

/// The part's name, and that of its objects.
pub const NAME: &str = "outboard-limits";

/// What its class sets; none where it sets nothing.
pub fn part(place: &Place<'_>) -> Option<Part> {
    let quota = place.class.quota.as_ref().map(|quota| object(place, "ResourceQuota", &hard(quota)));
    let bounds = place.class.containers.as_ref().map(|bounds| object(place, "LimitRange", &range(bounds)));
    let objects: Vec<Value> = quota.into_iter().chain(bounds).collect();
    (!objects.is_empty()).then(|| render::part(NAME, Role::Manifest, objects))
}

/// Whether a part is what limits its environment.
pub fn is(part: &Part) -> bool {
    part.name == NAME && part.role == Role::Manifest
}

fn object(place: &Place<'_>, kind: &str, spec: &Value) -> Value {
    json!({
        "apiVersion": "v1",
        "kind": kind,
        "metadata": {"name": NAME, "namespace": place.namespace, "labels": place.labels(NAME)},
        "spec": spec,
    })
}

/// By what containers ask for: each of outboard's says it, limits not all of them have.
fn hard(quota: &Quota) -> Value {
    let pods = quota.pods.map(|pods| pods.to_string());
    let said = [
        ("requests.cpu", &quota.cpu),
        ("requests.memory", &quota.memory),
        ("requests.storage", &quota.storage),
        ("pods", &pods),
    ];
    let hard: Map<String, Value> = said
        .into_iter()
        .filter_map(|(resource, amount)| Some((resource.to_owned(), json!(amount.as_ref()?))))
        .collect();
    json!({"hard": hard})
}

fn range(bounds: &ContainerBounds) -> Value {
    let mut limit = json!({"type": "Container"});
    let said = [("defaultRequest", &bounds.requests), ("default", &bounds.limits), ("max", &bounds.max)];
    for (key, resources) in said {
        if let Some(resources) = resources {
            limit[key] = amounts(resources);
        }
    }
    json!({"limits": [limit]})
}

fn amounts(resources: &Resources) -> Value {
    let said = [("cpu", &resources.cpu), ("memory", &resources.memory)];
    let amounts: Map<String, Value> = said
        .into_iter()
        .filter_map(|(resource, amount)| Some((resource.to_owned(), json!(amount.as_ref()?))))
        .collect();
    Value::Object(amounts)
}

/// What the LimitRange of a revision says of each container, in Kubernetes' words.
pub fn bounds(revision: &EnvironmentRevision) -> Option<&Value> {
    own(revision, "LimitRange")?.pointer("/spec/limits/0")
}

/// What the ResourceQuota of a revision limits.
pub fn hard_of(revision: &EnvironmentRevision) -> Option<&Value> {
    own(revision, "ResourceQuota")?.pointer("/spec/hard")
}

fn own<'a>(revision: &'a EnvironmentRevision, kind: &str) -> Option<&'a Value> {
    let mut objects = revision.parts.iter().filter(|part| is(part)).flat_map(|part| &part.objects);
    objects.find(|object| object["kind"] == kind)
}

/// The quotas of a namespace as they will be once the revision is there: its own in place of that of the one before.
pub fn quotas_with(live: &[ResourceQuota], to: &EnvironmentRevision) -> Vec<ResourceQuota> {
    let is_own = |quota: &ResourceQuota| quota.metadata.name.as_deref() == Some(NAME);
    let used = live.iter().find(|quota| is_own(quota)).and_then(|quota| quota.status.clone()?.used);
    let wanted = own(to, "ResourceQuota").and_then(|object| {
        let mut quota: ResourceQuota = serde_json::from_value(object.clone()).ok()?;
        let hard = quota.spec.as_ref()?.hard.clone();
        quota.status = Some(ResourceQuotaStatus { hard, used });
        Some(quota)
    });
    live.iter().filter(|quota| !is_own(quota)).cloned().chain(wanted).collect()
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use api::{EnvironmentSpec, ProjectRevision};

    use super::*;
    use crate::Settings;
    use crate::plan::diagnose::refused;
    use crate::plan::{changes, quota, validate};

    fn revision(class: &Value) -> EnvironmentRevision {
        let spec = json!({
            "components": {"web": {"image": "r/web", "version": "1", "resources": {"memory": "1Gi"}, "scale": {"min": 3}}},
            "classes": {"qa": class},
        });
        let project = ProjectRevision { project: "shop".into(), spec: serde_json::from_value(spec).unwrap() };
        let wanted = EnvironmentSpec {
            project: "shop".into(),
            project_revision: project.name(),
            class: "qa".into(),
            ..EnvironmentSpec::default()
        };
        let validated = validate::environment("qa-1", &wanted, &project).expect("it is right");
        render::revision(&validated, &Settings::default(), &BTreeMap::new(), "shop", false)
    }

    #[test]
    fn a_class_renders_its_quota_and_the_bounds_of_its_containers_before_anything_else() {
        let class = json!({
            "network": "open",
            "quota": {"cpu": "4", "memory": "8Gi", "storage": "20Gi", "pods": 30},
            "containers": {
                "requests": {"cpu": "50m", "memory": "64Mi"}, "limits": {"memory": "512Mi"}, "max": {"cpu": "2", "memory": "2Gi"},
            },
        });
        let parts = revision(&class).parts;
        insta::assert_yaml_snapshot!(parts[0]);
        assert!(is(&parts[0]));
    }

    #[test]
    fn a_class_that_says_nothing_has_neither() {
        assert!(revision(&json!({})).parts.iter().all(|part| !is(part)));
        let only = revision(&json!({"quota": {"pods": 5}}));
        let kinds: Vec<&Value> = only
            .parts
            .iter()
            .filter(|part| is(part))
            .flat_map(|part| &part.objects)
            .map(|object| &object["kind"])
            .collect();
        assert_eq!(kinds, ["ResourceQuota"]);
    }

    #[test]
    fn a_refusal_by_a_quota_that_was_is_no_verdict() {
        let is_outdated = |why: &str, class: &Value| refused::is_outdated(why, &revision(class));
        let why = |quota: &str| {
            format!(
                "pods \"web-1\" is forbidden: exceeded quota: {quota}, requested: pods=1,requests.memory=1Gi, \
                 used: pods=2,requests.memory=2Gi, limited: pods=2,requests.memory=2Gi"
            )
        };
        let same = json!({"quota": {"pods": 2, "memory": "2048Mi", "cpu": "4"}});
        assert!(!is_outdated(&why(NAME), &same));
        assert!(is_outdated(&why(NAME), &json!({"quota": {"pods": 3, "memory": "2Gi"}})));
        assert!(is_outdated(&why(NAME), &json!({"quota": {"pods": 2}})));
        assert!(is_outdated(&why(NAME), &json!({})));
        assert!(!is_outdated(&why("team"), &json!({})), "another's is another's business");
        let unsaid =
            format!("pods \"web-1\" is forbidden: failed quota: {NAME}: must specify requests.cpu for: web");
        assert!(!is_outdated(&unsaid, &same) && is_outdated(&unsaid, &json!({})));
        assert!(!is_outdated("violates PodSecurity", &json!({})));
    }

    #[test]
    fn a_plan_shows_a_changed_quota_and_what_the_change_means_for_it() {
        let (before, after) =
            (revision(&json!({"quota": {"memory": "8Gi"}})), revision(&json!({"quota": {"memory": "2Gi"}})));
        let changes = changes::between(Some(&before), &after);
        assert_eq!(changes.len(), 1, "{changes:#?}");
        assert_eq!(changes[0].object, format!("ResourceQuota {NAME}"));
        assert_eq!(changes[0].fields[0].path, "spec.hard.requests.memory");
        // The namespace has 2 GiB; so far 8 GiB were allowed, and a quota of somebody else stays.
        let live: Vec<ResourceQuota> = serde_json::from_value(json!([
            {"metadata": {"name": NAME}, "status": {"hard": {"requests.memory": "8Gi"}, "used": {"requests.memory": "1Gi"}}},
            {"metadata": {"name": "team"}, "status": {"hard": {"pods": "50"}, "used": {"pods": "3"}}},
        ]))
        .unwrap();
        let quotas = quotas_with(&live, &after);
        let effects = quota::effects(&quotas, None, &after);
        let told: Vec<(&str, &str, &str)> = effects
            .iter()
            .map(|effect| (effect.quota.as_str(), effect.hard.as_str(), effect.used.as_str()))
            .collect();
        assert_eq!(told, [("team", "50", "3"), (NAME, "2Gi", "1024Mi")]);
        assert_eq!(effects[1].exceeds, api::plan::Exceeds::Afterwards);
        assert!(quotas_with(&[], &revision(&json!({}))).is_empty());
    }
}
