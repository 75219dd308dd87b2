//! Whether the containers of a revision keep within the bounds that its class sets for each: judged before anything is
//! made, with the key of `outboard.yaml`. Kubernetes takes a Deployment that does not, and refuses its pods one by one.

use api::revision::{EnvironmentRevision, Part};
use api::{Cause, Role, Verdict, marks};
use serde_json::Value;

use super::limits;
use super::quantity::thousandths;

/// The verdict on a revision with containers that its own LimitRange does not let be: all of them at once.
pub fn verdict(environment: &str, revision: &EnvironmentRevision) -> Option<Verdict> {
    let bounds = limits::bounds(revision)?;
    let class = &revision.class;
    let mut found = Vec::new();
    for part in &revision.parts {
        let Some(template) = part.pod_template() else { continue };
        for (list, container) in containers(&template["spec"]) {
            for resource in ["cpu", "memory"] {
                if let Some(excess) = excess(bounds, container, resource) {
                    found.push(told(class, part, list, container, resource, &excess));
                }
            }
        }
    }
    let mut found = found.into_iter();
    let message = found.next()?;
    Some(Verdict {
        cause: Cause::LimitRange,
        about: format!("environment {environment}"),
        message,
        evidence: found.collect(),
        fix: "ask for less, or let the class allow more; apply outboard.yaml and ask again".to_owned(),
        terminal: true,
        holds: false,
    })
}

/// What of a container is beyond which bound.
struct Excess<'a> {
    /// `requests` or `limits`.
    side: &'static str,
    amount: &'a str,
    /// As the class calls it.
    bound: &'static str,
    allowed: &'a str,
}

/// As Kubernetes reckons: a limit that is not said is that of the class, and nobody asks for more than their limit.
fn excess<'a>(bounds: &'a Value, container: &'a Value, resource: &str) -> Option<Excess<'a>> {
    let said = |side: &str| container["resources"][side][resource].as_str();
    let set = |bound: &str| bounds[bound][resource].as_str();
    let is_more = |amount: &str, allowed: &str| {
        thousandths(amount).zip(thousandths(allowed)).is_some_and(|(a, b)| a > b)
    };
    let highest = set("max").map(|allowed| ("max", allowed));
    if let Some(limit) = said("limits") {
        let (bound, allowed) = highest.filter(|(_, allowed)| is_more(limit, allowed))?;
        return Some(Excess { side: "limits", amount: limit, bound, allowed });
    }
    let asked = said("requests")?;
    let given = set("default").map(|allowed| ("limits", allowed)).or(highest);
    let (bound, allowed) = given.filter(|(_, allowed)| is_more(asked, allowed))?;
    Some(Excess { side: "requests", amount: asked, bound, allowed })
}

fn told(
    class: &str,
    part: &Part,
    list: &str,
    container: &Value,
    resource: &str,
    excess: &Excess<'_>,
) -> String {
    let Excess { side, amount, bound, allowed } = excess;
    let unit = match (resource, *allowed) {
        ("cpu", "1") => "core",
        ("cpu", _) => "cores",
        _ => "of memory",
    };
    let given =
        if *bound == "limits" { "gives a container that says no limit" } else { "lets a container have" };
    let does = if *side == "limits" { "may use" } else { "asks for" };
    format!(
        "class {class} {given} {allowed} {unit} (classes.{class}.containers.{bound}.{resource}), and {} {} {does} {amount} ({})",
        part.role.as_str(),
        part.name,
        key(part, list, container, side, resource)
    )
}

/// Where in `outboard.yaml` it is said, or could be said otherwise.
fn key(part: &Part, list: &str, container: &Value, side: &str, resource: &str) -> String {
    let (name, called) = (&part.name, container["name"].as_str().unwrap_or_default());
    if part.role == Role::Service {
        return format!("services.{name}.resources.{resource}");
    }
    if called == marks::LOGS_CONTAINER {
        return format!("components.{name}.logs");
    }
    if called != name {
        return format!("components.{name}.pod.{list}[{called}].resources.{side}.{resource}");
    }
    // `resources` sets no limit of cores.
    match (side, resource) {
        ("limits", "cpu") => format!("components.{name}.container.resources.limits.cpu"),
        _ => format!("components.{name}.resources.{resource}"),
    }
}

fn containers(pod: &Value) -> impl Iterator<Item = (&'static str, &Value)> {
    ["containers", "initContainers"]
        .into_iter()
        .flat_map(|list| pod[list].as_array().into_iter().flatten().map(move |container| (list, container)))
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use api::{EnvironmentSpec, ProjectRevision};
    use serde_json::json;

    use super::*;
    use crate::Settings;
    use crate::plan::{render, validate};

    fn judged(components: &Value, services: &Value, containers: &Value) -> Option<Verdict> {
        let spec = json!({"components": components, "services": services, "classes": {"qa": {"containers": containers}}});
        let project = ProjectRevision { project: "shop".into(), spec: serde_json::from_value(spec).unwrap() };
        let wanted =
            EnvironmentSpec { project: "shop".into(), class: "qa".into(), ..EnvironmentSpec::default() };
        let validated = validate::environment("qa-1", &wanted, &project).expect("it is right");
        verdict("qa-1", &render::revision(&validated, &Settings::default(), &BTreeMap::new(), "shop", false))
    }

    fn web(more: &Value) -> Value {
        let mut web = json!({"image": "r/web", "version": "1"});
        for (key, value) in more.as_object().unwrap() {
            web[key] = value.clone();
        }
        json!({"web": web})
    }

    #[test]
    fn everything_beyond_the_bounds_of_a_class_is_told_at_once_with_both_keys() {
        let components = json!({
            "web": {"image": "r/web", "version": "1", "resources": {"cpu": "2", "memory": "1Gi"}, "logs": ["/var/log/web/a.log"]},
            "worker": {"image": "r/worker", "version": "1", "container": {"resources": {"limits": {"cpu": "4"}}},
                "pod": {"initContainers": [{"name": "first", "image": "r/first", "resources": {"requests": {"memory": "64Mi"}}}]}},
            "nightly": {"image": "r/web", "version": "1", "schedule": "@daily", "resources": {"memory": "33Mi"}},
        });
        let services = json!({"db": {"type": "mariadb", "resources": {"memory": "2Gi"}}});
        let containers =
            json!({"limits": {"cpu": "1", "memory": "32Mi"}, "max": {"cpu": "3", "memory": "32Mi"}});
        insta::assert_yaml_snapshot!(judged(&components, &services, &containers));
    }

    #[test]
    fn what_kubernetes_lets_be_is_not_refused() {
        let none = json!({});
        let allowed =
            |components: &Value, containers: &Value| judged(components, &none, containers).is_none();
        let asks = web(&json!({"resources": {"cpu": "1", "memory": "64Mi"}}));
        assert!(allowed(
            &asks,
            &json!({"limits": {"cpu": "1", "memory": "64Mi"}, "max": {"cpu": "1000m", "memory": "65536Ki"}})
        ));
        assert!(!allowed(&asks, &json!({"limits": {"cpu": "999m"}})));
        assert!(
            !allowed(&asks, &json!({"max": {"cpu": "0.5"}})),
            "the highest is the limit of one that has none"
        );
        // Memory that is said is its limit, too: the class has none to give.
        assert!(allowed(&asks, &json!({"limits": {"memory": "32Mi"}})));
        assert!(!allowed(&asks, &json!({"max": {"memory": "32Mi"}})));
        assert!(
            !allowed(&web(&none), &json!({"limits": {"memory": "32Mi"}})),
            "it asks for 64Mi without saying so"
        );
        assert!(allowed(
            &web(&json!({"resources": {"cpu": "8", "memory": "8Gi"}})),
            &json!({"requests": {"cpu": "1m"}})
        ));
    }
}
