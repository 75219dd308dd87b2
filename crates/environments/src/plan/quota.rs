//! What a change does to the quotas of its namespace. Exceeding one is told and never refused here: what counts then is
//! what is in use at that moment.

use std::collections::BTreeMap;

use api::Role;
use api::plan::{Exceeds, QuotaEffect};
use api::revision::{EnvironmentRevision, Part};
use k8s_openapi::api::core::v1::ResourceQuota;
use kube::ResourceExt;
use serde_json::Value;

use super::pod;
use super::quantity::{thousandths, written};

/// By resource, as quotas name them, in thousandths.
type Needs = BTreeMap<String, i64>;

/// Every limit of `quotas` that the environment's objects count against.
pub fn effects(
    quotas: &[ResourceQuota],
    from: Option<&EnvironmentRevision>,
    to: &EnvironmentRevision,
) -> Vec<QuotaEffect> {
    let (before, after) = (from.map(lasting).unwrap_or_default(), lasting(to));
    let meanwhile = meanwhile(from, to);
    let mut effects = Vec::new();
    for quota in quotas.iter().filter(|quota| counts_ours(quota)) {
        let status = quota.status.clone().unwrap_or_default();
        let used = status.used.unwrap_or_default();
        for (resource, hard) in status.hard.unwrap_or_default() {
            let of = |needs: &Needs| needs.get(&resource).copied();
            let (Some(limit), true) = (thousandths(&hard.0), of(&before).or(of(&after)).is_some()) else {
                continue;
            };
            let now = used.get(&resource).and_then(|used| thousandths(&used.0)).unwrap_or(0);
            let adds = of(&after).unwrap_or(0) - of(&before).unwrap_or(0);
            let peak = of(&meanwhile).unwrap_or(0);
            let exceeds = if adds > 0 && now + adds > limit {
                Exceeds::Afterwards
            } else if peak > 0 && now + adds.max(0) + peak > limit {
                Exceeds::Meanwhile
            } else {
                Exceeds::Never
            };
            effects.push(QuotaEffect {
                quota: quota.name_any(),
                hard: hard.0,
                used: written(&resource, now),
                adds: written(&resource, adds),
                meanwhile: written(&resource, peak),
                exceeds,
                resource,
            });
        }
    }
    effects
}

/// Our pods ask for something and have no deadline: quotas that count only others say nothing about them.
fn counts_ours(quota: &ResourceQuota) -> bool {
    let spec = quota.spec.as_ref();
    let scopes = spec.and_then(|spec| spec.scopes.as_deref()).unwrap_or_default();
    scopes.iter().all(|scope| matches!(scope.as_str(), "NotBestEffort" | "NotTerminating"))
        && spec.is_none_or(|spec| spec.scope_selector.is_none())
}

/// What is there as long as the revision runs. A job is not.
fn lasting(revision: &EnvironmentRevision) -> Needs {
    let mut sum = Needs::new();
    for part in &revision.parts {
        for object in &part.objects {
            if let Some(resource) = counted(object["kind"].as_str().unwrap_or_default()) {
                add(&mut sum, &format!("count/{resource}"), 1000);
                if resource == "services" {
                    add(&mut sum, resource, 1000);
                }
            }
            if !part.role.completes() {
                pods(&mut sum, object, i64::from(part.replicas.unwrap_or(1)));
            }
        }
    }
    let secrets = i64::try_from(revision.secrets.len()).unwrap_or(i64::MAX).saturating_mul(1000);
    add(&mut sum, "secrets", secrets);
    add(&mut sum, "count/secrets", secrets);
    sum
}

/// What is there besides while the change is made: each job's pod by itself, then new pods beside old ones.
fn meanwhile(from: Option<&EnvironmentRevision>, to: &EnvironmentRevision) -> Needs {
    let had = |wanted: &Value| {
        let parts = from.map(|from| from.parts.as_slice()).unwrap_or_default();
        let same = |object: &&Value| {
            object["kind"] == wanted["kind"] && object["metadata"]["name"] == wanted["metadata"]["name"]
        };
        parts.iter().flat_map(|part| &part.objects).find(same)
    };
    let (mut peak, mut overlap) = (Needs::new(), Needs::new());
    for part in &to.parts {
        for object in &part.objects {
            match (part.role, had(object)) {
                (Role::Job | Role::After, None) => {
                    let mut job = Needs::new();
                    pods(&mut job, object, 1);
                    raise(&mut peak, job);
                }
                (Role::Component, Some(before))
                    if before["spec"]["template"] != object["spec"]["template"] =>
                {
                    pods(&mut overlap, object, surge(part, object));
                }
                _ => {}
            }
        }
    }
    raise(&mut peak, overlap);
    peak
}

fn raise(peak: &mut Needs, other: Needs) {
    for (resource, amount) in other {
        let known = peak.entry(resource).or_default();
        *known = amount.max(*known);
    }
}

/// How many new pods Kubernetes starts before old ones go.
fn surge(part: &Part, object: &Value) -> i64 {
    let replicas = i64::from(part.replicas.unwrap_or(1));
    let chosen = object.pointer("/spec/strategy/rollingUpdate/maxSurge");
    let percent = match chosen {
        Some(Value::Number(count)) => return count.as_i64().unwrap_or(1),
        Some(Value::String(text)) => text.strip_suffix('%').and_then(|number| number.parse().ok()),
        _ => None,
    };
    (replicas * percent.unwrap_or(25_i64) + 99) / 100
}

/// Adds so many pods of what `object` makes, with their volumes.
fn pods(sum: &mut Needs, object: &Value, count: i64) {
    let Some(spec) = object.pointer("/spec/template/spec") else { return };
    add(sum, "pods", count * 1000);
    add(sum, "count/pods", count * 1000);
    for container in pod::running(spec) {
        for (side, alias) in [("requests", true), ("limits", false)] {
            for (resource, quantity) in container["resources"][side].as_object().into_iter().flatten() {
                let amount = count * quantity.as_str().and_then(thousandths).unwrap_or(0);
                add(sum, &format!("{side}.{resource}"), amount);
                if alias {
                    add(sum, resource, amount);
                }
            }
        }
    }
    let claims = object.pointer("/spec/volumeClaimTemplates").and_then(Value::as_array);
    for claim in claims.into_iter().flatten() {
        let size = claim.pointer("/spec/resources/requests/storage").and_then(Value::as_str);
        add(sum, "requests.storage", count * size.and_then(thousandths).unwrap_or(0));
        add(sum, "persistentvolumeclaims", count * 1000);
    }
}

fn counted(kind: &str) -> Option<&'static str> {
    Some(match kind {
        "Deployment" => "deployments.apps",
        "StatefulSet" => "statefulsets.apps",
        "Service" => "services",
        "Job" => "jobs.batch",
        "HTTPRoute" => "httproutes.gateway.networking.k8s.io",
        _ => return None,
    })
}

fn add(sum: &mut Needs, resource: &str, amount: i64) {
    let known = sum.entry(resource.to_owned()).or_default();
    *known = known.saturating_add(amount);
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn revision(image: &str, replicas: u32) -> EnvironmentRevision {
        let pod = |image: &str| {
            json!({"spec": {"containers": [{"name": "web", "image": image, "resources": {
                "requests": {"cpu": "100m", "memory": "64Mi"}, "limits": {"memory": "64Mi"}}}]}})
        };
        serde_json::from_value(json!({
            "project": "shop", "projectRevision": "p-1", "class": "qa", "requested": {}, "versions": {},
            "renderer": "0", "urls": {}, "secrets": [],
            "parts": [
                {"name": "migrate", "role": "job", "objects": [
                    {"kind": "Job", "metadata": {"name": format!("migrate-{image}")}, "spec": {"template": pod(image)}}]},
                {"name": "web", "role": "component", "replicas": replicas, "objects": [
                    {"kind": "Deployment", "metadata": {"name": "web"}, "spec": {
                        "strategy": {"rollingUpdate": {"maxSurge": "50%"}}, "template": pod(image)}}]},
            ],
        }))
        .unwrap()
    }

    fn quota(hard: &Value, used: &Value) -> ResourceQuota {
        serde_json::from_value(json!({"metadata": {"name": "team"}, "status": {"hard": hard, "used": used}}))
            .unwrap()
    }

    fn found(hard: &Value, used: &Value, to: &EnvironmentRevision) -> Vec<QuotaEffect> {
        effects(&[quota(hard, used)], Some(&revision("web:1", 2)), to)
    }

    #[test]
    fn it_says_what_is_used_what_is_added_and_what_is_needed_meanwhile() {
        let (hard, used) =
            (json!({"requests.cpu": "1", "pods": "10"}), json!({"requests.cpu": "250m", "pods": "3"}));
        insta::assert_json_snapshot!(found(&hard, &used, &revision("web:2", 4)));
    }

    #[test]
    fn a_limit_is_exceeded_afterwards_or_only_meanwhile() {
        let exceeds = |hard: &str, to: &EnvironmentRevision| {
            found(&json!({"pods": hard}), &json!({"pods": "2"}), to)[0].exceeds
        };
        assert_eq!(exceeds("3", &revision("web:1", 4)), Exceeds::Afterwards);
        assert_eq!(exceeds("2", &revision("web:2", 2)), Exceeds::Meanwhile);
        assert_eq!(exceeds("3", &revision("web:2", 2)), Exceeds::Never);
        assert_eq!(exceeds("1", &revision("web:1", 1)), Exceeds::Never, "it gives back");
    }

    #[test]
    fn quotas_for_other_pods_and_for_what_we_have_none_of_say_nothing() {
        let mut other = quota(&json!({"pods": "1"}), &json!({"pods": "1"}));
        other.spec = serde_json::from_value(json!({"scopes": ["BestEffort"]})).unwrap();
        assert_eq!(effects(&[other], None, &revision("web:1", 2)), []);
        assert_eq!(found(&json!({"configmaps": "1"}), &json!({}), &revision("web:1", 2)), []);
    }
}
