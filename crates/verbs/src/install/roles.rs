//! The roles of people, as ClusterRoles that add up: each is what others, labelled so, let it do.
//!
//! None is bound here: `access` of a project says who has them, or an administrator binds them.

use api::project::{INSIDE, INSIDE_VIEWER};
use serde_json::{Map, Value, json};

use super::rights::{RBAC, READ, Rule, role, rule};
use crate::access::Need;

/// Before the name of a role, on ClusterRoles that are added to it.
const ADDS_TO: &str = "rbac.outboard.dev/aggregate-to-";

/// What is written, beside `get`, `list` and `watch`.
const WRITE: &[&str] = &["create", "update", "patch", "delete"];

/// Looking, in the control namespace.
const VIEWER: &[Rule] = &[
    rule(
        "outboard.dev",
        &["projects", "environments", "plans", "versionqueries", "datacopies", "hostnames"],
        READ,
    ),
    // What can be chosen, compared and rolled back to.
    rule("apps", &["controllerrevisions"], READ),
    // `outboard logs`, and looking closer at a verdict, for whom the role is bound in a namespace of environments.
    rule("", &["pods", "pods/log", "events"], READ),
];

/// Environments and copies of data. What is protected Kubernetes asks for besides, by its policies.
const QA: &[Rule] = &[
    rule("outboard.dev", &["environments", "plans", "datacopies"], WRITE),
    // Which versions a registry has. The operator reads it with credentials that people have not, for whoever may have it plan.
    rule("outboard.dev", &["versionqueries"], &["create", "delete"]),
    // Who ran what with `outboard env run`.
    rule("", &["events"], &["create", "patch"]),
];

/// The project itself and its hosts.
const DEVELOPER: &[Rule] = &[rule("outboard.dev", &["projects", "hostnames"], WRITE)];

/// The right to change and destroy what is protected, and to bring data into it or out unmasked. A verb of outboard's own:
/// Kubernetes asks for it when such an object is written.
const RELEASER: &[Rule] = &[rule("outboard.dev", &["environments"], &["release"])];

/// Giving environments to others, setting limits, and saying who may do what: nobody else can give a role away.
const ADMIN: &[Rule] = &[
    rule("outboard.dev", &["environments"], &["assign"]),
    rule("outboard.dev", &["projects"], &["administer"]),
    BIND,
];

/// These roles, and no others.
pub(super) const BIND: Rule = Rule {
    group: "rbac.authorization.k8s.io",
    resources: &["clusterroles"],
    names: &[
        "outboard-viewer",
        "outboard-qa",
        "outboard-developer",
        "outboard-releaser",
        "outboard-admin",
        INSIDE_VIEWER,
        INSIDE,
    ],
    verbs: &["bind"],
};

/// Looking at what runs. No Secrets.
const IN_VIEWER: &[Rule] = &[
    rule("", &["pods", "pods/log", "events", "services", "configmaps", "persistentvolumeclaims"], READ),
    rule("", &["resourcequotas", "limitranges", "serviceaccounts"], READ),
    rule("apps", &["deployments", "statefulsets", "replicasets"], READ),
    rule("batch", &["jobs", "cronjobs"], READ),
    rule("autoscaling", &["horizontalpodautoscalers"], READ),
    rule("policy", &["poddisruptionbudgets"], READ),
    rule("networking.k8s.io", &["networkpolicies"], READ),
    rule("gateway.networking.k8s.io", &["httproutes"], READ),
];

/// `exec`, `forward`, `debug` and `env run`. Whoever is inside of a component reads its secrets.
const IN: &[Rule] = &[
    rule("", &["pods/exec", "pods/attach", "pods/portforward"], &["create", "get"]),
    rule("", &["pods/ephemeralcontainers"], &["patch", "update"]),
    rule("", &["pods"], &["create", "delete"]),
];

/// A role: its name, its own rules, and the roles that have them as well.
struct Person {
    name: &'static str,
    own: &'static [Rule],
    above: &'static [&'static str],
}

const PEOPLE: &[Person] = &[
    Person { name: "viewer", own: VIEWER, above: &["qa", "developer"] },
    Person { name: "qa", own: QA, above: &["developer"] },
    Person { name: "developer", own: DEVELOPER, above: &[] },
    Person { name: "releaser", own: RELEASER, above: &[] },
    Person { name: "admin", own: ADMIN, above: &[] },
    Person { name: "inside-viewer", own: IN_VIEWER, above: &["inside"] },
    Person { name: "inside", own: IN, above: &[] },
];

/// First what is added, then the roles: they are never less than they were.
pub(super) fn objects() -> Vec<Value> {
    let own = PEOPLE.iter().map(|person| {
        let mut object = role("ClusterRole", &format!("outboard-rules-{}", person.name), person.own);
        let to = std::iter::once(&person.name).chain(person.above);
        let labels: Map<String, Value> = to.map(|to| (format!("{ADDS_TO}{to}"), json!("true"))).collect();
        object["metadata"]["labels"] = Value::Object(labels);
        object
    });
    let roles = PEOPLE.iter().map(|person| {
        json!({
            "apiVersion": RBAC,
            "kind": "ClusterRole",
            "metadata": {"name": format!("outboard-{}", person.name)},
            // Whose rules a controller of Kubernetes keeps.
            "aggregationRule": {"clusterRoleSelectors": [
                {"matchLabels": {format!("{ADDS_TO}{}", person.name): "true"}},
            ]},
        })
    });
    own.chain(roles).collect()
}

/// The rules that a ClusterRole of people has once all are added up.
fn rules_of(cluster_role: &str) -> impl Iterator<Item = &'static Rule> {
    let name = cluster_role.strip_prefix("outboard-").unwrap_or(cluster_role).to_owned();
    let has = move |person: &&Person| person.name == name || person.above.contains(&name.as_str());
    PEOPLE.iter().filter(has).flat_map(|person| person.own)
}

/// Whether a ClusterRole of people has a right.
pub(crate) fn allows(cluster_role: &str, need: &Need) -> bool {
    rules_of(cluster_role).any(|rule| {
        rule.group == need.group
            && rule.resources.contains(&need.resource)
            && rule.verbs.contains(&need.verb)
            && (rule.names.is_empty() || need.name.is_some_and(|name| rule.names.contains(&name)))
    })
}

#[cfg(test)]
mod tests {
    use api::project::PersonRole;

    use super::*;

    #[test]
    fn every_role_that_access_gives_is_there_and_may_be_bound() {
        let names: Vec<String> = PEOPLE.iter().map(|person| format!("outboard-{}", person.name)).collect();
        let given = PersonRole::ALL.into_iter().flat_map(|role| {
            role.cluster_roles().iter().chain(role.inside(false)).copied().collect::<Vec<_>>()
        });
        for role in given {
            assert!(names.iter().any(|name| name == role), "{role}");
            assert!(BIND.names.contains(&role), "{role}");
        }
        assert_eq!(BIND.names.len(), names.len());
    }

    #[test]
    fn no_role_reads_secrets_writes_what_the_operator_says_or_has_every_right() {
        for person in PEOPLE {
            for rule in person.own {
                let text = rule.value().to_string();
                for never in ["\"secrets\"", "\"*\"", "escalate", "impersonate", "/status", "/finalizers"] {
                    assert!(!text.contains(never), "{}: {never} in {text}", person.name);
                }
                let writes = rule.verbs.iter().any(|verb| !READ.contains(verb));
                assert!(
                    !(writes && rule.resources.contains(&"controllerrevisions")),
                    "{}: {text}",
                    person.name
                );
            }
        }
        assert!(rules_of(INSIDE_VIEWER).all(|rule| rule.verbs == READ), "into what is protected nobody gets");
    }

    #[test]
    fn a_role_has_what_the_ones_below_have() {
        let has = |role: &str, resource: &str, verb: &str| {
            rules_of(role).any(|rule| rule.resources.contains(&resource) && rule.verbs.contains(&verb))
        };
        assert!(
            has("outboard-developer", "environments", "create")
                && has("outboard-developer", "projects", "patch")
        );
        assert!(has("outboard-qa", "environments", "delete") && !has("outboard-qa", "projects", "patch"));
        assert!(
            has("outboard-viewer", "environments", "get")
                && !has("outboard-viewer", "environments", "create")
        );
        assert!(!has("outboard-developer", "environments", "release"));
        assert!(has(INSIDE, "pods/exec", "create") && has(INSIDE, "pods/log", "get"));
    }
}
