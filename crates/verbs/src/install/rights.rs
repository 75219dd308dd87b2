//! What outboard's own processes may do, one reason a rule. The roles of people are in `roles`.
//!
//! The operator may read and write what environments and copies are made of and nothing else: no `*`, no `escalate` or
//! `impersonate`, Secrets neither listed nor deleted; and of roles it may `bind` those of people alone. It gets into containers,
//! since it decides what runs in them anyway.

use serde_json::{Value, json};

use super::{OPERATOR, roles};
use crate::operator::{LEASE, NAMESPACE};

/// By this EKS gives the pods of an account a role.
const ROLE: &str = "eks.amazonaws.com/role-arn";
pub(super) const RBAC: &str = "rbac.authorization.k8s.io/v1";

/// What a slice does with objects that it makes.
const OWN: &[&str] = &["get", "list", "watch", "create", "patch", "delete"];
pub(super) const READ: &[&str] = &["get", "list", "watch"];

/// One rule of a role.
pub(super) struct Rule {
    pub(super) group: &'static str,
    pub(super) resources: &'static [&'static str],
    /// Only these objects; none: all of them.
    pub(super) names: &'static [&'static str],
    pub(super) verbs: &'static [&'static str],
}

pub(super) const fn rule(
    group: &'static str,
    resources: &'static [&'static str],
    verbs: &'static [&'static str],
) -> Rule {
    Rule { group, resources, names: &[], verbs }
}

/// The operator's rights in the whole cluster: environments may lie in any namespace.
const CLUSTER: &[Rule] = &[
    // What people ask for. `update` and `patch` are for finalizers; it never creates or deletes them.
    rule("outboard.dev", &["projects", "environments"], &["get", "list", "watch", "update", "patch"]),
    // What a change would do; left behind by an interrupted command it is swept.
    rule("outboard.dev", &["plans"], &["get", "list", "watch", "delete"]),
    // Which versions a registry has: the same.
    rule("outboard.dev", &["versionqueries"], &["get", "list", "watch", "delete"]),
    // What it answers: conditions, parts, URLs, verdicts.
    rule(
        "outboard.dev",
        &[
            "projects/status",
            "environments/status",
            "plans/status",
            "versionqueries/status",
            "datacopies/status",
            "hostnames/status",
        ],
        &["get", "update", "patch"],
    ),
    // Copies of data: `create` is for backups that are due, `update` and `patch` are for finalizers, `delete` ends their
    // retention.
    rule("outboard.dev", &["datacopies"], &["get", "list", "watch", "create", "update", "patch", "delete"]),
    // Named hosts: `update` and `patch` are for finalizers, `delete` for those of an environment that is destroyed.
    rule("outboard.dev", &["hostnames"], &["get", "list", "watch", "update", "patch", "delete"]),
    // The account of a copy's pods may write its own report, and people get the roles that a project's `access` says.
    // Kubernetes lets nobody bind more than they have themselves, or these roles, and judges every change of a binding so.
    rule("rbac.authorization.k8s.io", &["rolebindings"], OWN),
    roles::BIND,
    // Owner references to a Project, where the cluster checks that the writer may block its deletion.
    rule("outboard.dev", &["projects/finalizers", "environments/finalizers"], &["update"]),
    // Revisions of projects and environments, and what was kept of destroyed ones; `update` records completed jobs, `delete`
    // ends their retention.
    rule("apps", &["controllerrevisions"], &["get", "list", "watch", "create", "update", "patch", "delete"]),
    // Whether the definitions are there, and whether one is being deleted: then it lets go of everything.
    Rule {
        group: "apiextensions.k8s.io",
        resources: &["customresourcedefinitions"],
        names: &[
            "projects.outboard.dev",
            "environments.outboard.dev",
            "plans.outboard.dev",
            "hostclaims.outboard.dev",
            "hostnames.outboard.dev",
            "datacopies.outboard.dev",
            "versionqueries.outboard.dev",
        ],
        verbs: &["get"],
    },
    // An environment's namespace is claimed by creating it, and is what a teardown ends with.
    rule("", &["namespaces"], OWN),
    // So are hostnames; they are given back at the end of a teardown.
    rule("outboard.dev", &["hostclaims"], &["get", "list", "watch", "create", "delete"]),
    // What components and backing services are made of.
    rule("", &["services", "configmaps", "serviceaccounts"], OWN),
    rule("apps", &["deployments", "statefulsets"], OWN),
    rule("batch", &["jobs", "cronjobs"], OWN),
    // What projects have in Kubernetes' own words, besides these.
    rule("networking.k8s.io", &["networkpolicies"], OWN),
    rule("gateway.networking.k8s.io", &["httproutes"], OWN),
    // Replicas are written through `/scale` only, so an autoscaler and outboard never fight.
    rule("apps", &["deployments/scale", "statefulsets/scale"], &["get", "update", "patch"]),
    // Those of components that scale with their load; others' are watched: what they scale is no drift.
    rule("autoscaling", &["horizontalpodautoscalers"], OWN),
    rule("policy", &["poddisruptionbudgets"], OWN),
    // Generated passwords and what is composed of them. By name only: it can't list what others keep.
    // They go with their namespace, so `delete` is not needed.
    rule("", &["secrets"], &["get", "create", "patch"]),
    // Where routes attach, and at which address a route is asked whether it answers.
    rule("gateway.networking.k8s.io", &["gateways"], &["get"]),
    // Verdicts: what a pod waits for or died of, and its last lines.
    rule("", &["pods"], READ),
    rule("", &["pods/log"], &["get"]),
    // A server is told in its own pod that it takes another password. Older clusters ask for `get`, newer ones for `create`.
    rule("", &["pods/exec"], &["get", "create"]),
    rule("", &["events"], &["list"]),
    // … whether its node reports, and whether the nodes are there on which its data lies.
    rule("", &["nodes"], &["get", "list"]),
    // What a class lets its environments use, and what is left of a namespace's quotas, for the plan of a change.
    rule("", &["resourcequotas", "limitranges"], OWN),
    // Drift, told where people look for it.
    rule("events.k8s.io", &["events"], &["create", "patch"]),
    // Which volumes an environment has: to say what a teardown takes with it, and to see a lost password. `create` is for a
    // volume that was kept and is given back.
    rule("", &["persistentvolumeclaims"], &["get", "list", "create"]),
    // `patch` keeps a volume, gives it back, and gives it up: then its provisioner deletes it. It never deletes one itself.
    rule("", &["persistentvolumes"], &["get", "list", "patch"]),
];

/// The operator's rights in its own namespace.
const HOME: &[Rule] = &[
    // `create` knows no names; the Lease is the only one here.
    rule("coordination.k8s.io", &["leases"], &["create"]),
    Rule {
        group: "coordination.k8s.io",
        resources: &["leases"],
        names: &[LEASE],
        verbs: &["get", "watch", "update"],
    },
];

/// Lets every user's `outboard` say that the operator is absent or of another version.
const PRESENCE: &[Rule] = &[
    Rule { group: "coordination.k8s.io", resources: &["leases"], names: &[LEASE], verbs: &["get"] },
    Rule { group: "apps", resources: &["deployments"], names: &[OPERATOR], verbs: &["get"] },
];

/// What a copy's pods may do in their own namespace: tell how far they have come, and read the limits that they keep.
const COPY: &[Rule] = &[rule("", &["configmaps"], &["get", "patch"])];

/// The operator's account, its roles and their bindings.
pub(super) fn of_operator(aws_role: Option<&str>) -> Vec<Value> {
    let account = json!([{"kind": "ServiceAccount", "name": OPERATOR, "namespace": NAMESPACE}]);
    let everyone =
        json!([{"apiGroup": "rbac.authorization.k8s.io", "kind": "Group", "name": "system:authenticated"}]);
    vec![
        service_account(OPERATOR, aws_role),
        role("ClusterRole", OPERATOR, CLUSTER),
        binding("ClusterRole", OPERATOR, &account),
        role("Role", OPERATOR, HOME),
        binding("Role", OPERATOR, &account),
        role("ClusterRole", "outboard-copy", COPY),
        role("Role", "outboard-presence", PRESENCE),
        binding("Role", "outboard-presence", &everyone),
    ]
}

/// For certificates of hosts: listeners of the Gateway, and what is asked of cert-manager. Their Secrets it never sees.
pub(super) fn of_certificates(gateway_namespace: &str, gateway: &str) -> Vec<Value> {
    let name = "outboard-certificates";
    let account = json!([{"kind": "ServiceAccount", "name": OPERATOR, "namespace": NAMESPACE}]);
    let certificates =
        rule("cert-manager.io", &["certificates"], &["get", "list", "create", "patch", "delete"]);
    let mut listeners = rule("gateway.networking.k8s.io", &["gateways"], &["get", "patch"]).value();
    listeners["resourceNames"] = json!([gateway]);
    let mut role = role("Role", name, &[certificates]);
    if let Some(rules) = role["rules"].as_array_mut() {
        rules.push(listeners);
    }
    let mut objects = vec![role, binding("Role", name, &account)];
    for object in &mut objects {
        object["metadata"]["namespace"] = json!(gateway_namespace);
    }
    objects
}

/// Whose containers' logs lie on a node: names and labels of pods, and nothing else.
const LOGS: &[Rule] = &[rule("", &["pods"], &["list", "watch"])];

/// The account of what ships logs, and its one right.
pub(super) fn of_logs(name: &str, aws_role: Option<&str>) -> Vec<Value> {
    let account = json!([{"kind": "ServiceAccount", "name": name, "namespace": NAMESPACE}]);
    vec![
        service_account(name, aws_role),
        role("ClusterRole", name, LOGS),
        binding("ClusterRole", name, &account),
    ]
}

/// What the server may by itself: act as others, whom RBAC can only name to the letter or not at all, so the server itself
/// sees to it that they begin with `oidc:` (`crate::acting`), and nothing else runs as it. Of accounts of Kubernetes' own
/// (`serviceaccounts`) it may act as none.
const SERVER: &[Rule] = &[
    rule("", &["users"], &["impersonate"]),
    // What is watched once for all who look on, and shown to those who may see it.
    rule("outboard.dev", &["projects", "environments", "datacopies"], &["list", "watch"]),
];

/// … in its own namespace: who changed what is kept there, by names that a policy sees to.
const SERVER_HOME: &[Rule] = &[rule("", &["configmaps"], &["list", "create", "patch", "delete"])];

/// The account of the server and its rights. `groups`: those of people that count; none: all, Kubernetes' own included.
pub(super) fn of_server(name: &str, groups: &[String], aws_role: Option<&str>) -> Vec<Value> {
    let account = json!([{"kind": "ServiceAccount", "name": name, "namespace": NAMESPACE}]);
    let mut in_groups = rule("", &["groups"], &["impersonate"]).value();
    if !groups.is_empty() {
        in_groups["resourceNames"] = groups.iter().map(|group| format!("{}{group}", crate::PREFIX)).collect();
    }
    let mut own = role("ClusterRole", name, SERVER);
    if let Some(rules) = own["rules"].as_array_mut() {
        rules.insert(1, in_groups);
    }
    vec![
        service_account(name, aws_role),
        own,
        binding("ClusterRole", name, &account),
        role("Role", name, SERVER_HOME),
        binding("Role", name, &account),
    ]
}

fn service_account(name: &str, aws_role: Option<&str>) -> Value {
    let mut account = json!({
        "apiVersion": "v1",
        "kind": "ServiceAccount",
        "metadata": {"name": name, "namespace": NAMESPACE},
        // Only the pods that are its own ask for a token.
        "automountServiceAccountToken": false,
    });
    if let Some(role) = aws_role {
        account["metadata"]["annotations"] = json!({ROLE: role});
    }
    account
}

fn metadata(kind: &str, name: &str) -> Value {
    if kind.starts_with("Cluster") {
        json!({"name": name})
    } else {
        json!({"name": name, "namespace": NAMESPACE})
    }
}

pub(super) fn role(kind: &str, name: &str, rules: &[Rule]) -> Value {
    let rules: Vec<Value> = rules.iter().map(Rule::value).collect();
    json!({"apiVersion": RBAC, "kind": kind, "metadata": metadata(kind, name), "rules": rules})
}

fn binding(role: &str, name: &str, subjects: &Value) -> Value {
    let kind = format!("{role}Binding");
    json!({
        "apiVersion": RBAC,
        "kind": kind,
        "metadata": metadata(&kind, name),
        "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": role, "name": name},
        "subjects": subjects,
    })
}

impl Rule {
    pub(super) fn value(&self) -> Value {
        let mut rule = json!({"apiGroups": [self.group], "resources": self.resources, "verbs": self.verbs});
        if !self.names.is_empty() {
            rule["resourceNames"] = json!(self.names);
        }
        rule
    }
}
