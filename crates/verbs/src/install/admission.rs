//! What Kubernetes itself asks before something is stored: RBAC knows who may write an object, not what it says.
//!
//! Policies ask for verbs of outboard's own, which roles of people have and whoever may do everything has, too:
//! `release` (environments of protected classes), `assign` (environments of others), `administer` (a project's limits), `force`
//! (marks and finalizers). None asks the operator, nor Kubernetes' own controllers: what has to end must be able to end.

use api::GROUP;
use api::project::{DEFAULT_CLASS, PersonRole};
use serde_json::{Value, json};

use super::OPERATOR;
use crate::operator::NAMESPACE;

pub(super) const API: &str = "admissionregistration.k8s.io/v1";

/// One policy, which is bound to the whole cluster.
struct Policy {
    name: &'static str,
    rule: Value,
    /// Names for what several expressions need: name and expression.
    variables: Vec<(&'static str, String)>,
    /// Each expression has to hold, or it is refused with this message.
    validations: Vec<(String, String)>,
    /// By every object of this kind in the namespace.
    params: Option<&'static str>,
}

pub(super) fn objects() -> Vec<Value> {
    [
        copies(),
        environments(),
        new_environments(),
        new_hosts(),
        version_queries(),
        hosts(),
        projects(),
        class_names(),
        finalizers(),
        marks(),
    ]
    .iter()
    .flat_map(Policy::objects)
    .collect()
}

/// Whether whoever asks has a verb of outboard's own in the namespace of the object.
fn may(resource: &str, verb: &str) -> String {
    format!("authorizer.group('{GROUP}').resource('{resource}').namespace({HERE}).check('{verb}').allowed()")
}

/// The namespace of what is written or, on its way out, was there.
const HERE: &str = "(object != null ? object : oldObject).metadata.namespace";

/// `object.a.b` if it is there, else something that stands for nothing.
fn text(object: &str, path: &str) -> String {
    format!("(has({object}.{path}) ? {object}.{path} : '')")
}

/// Who brings data into an environment of a protected class, or out of one unmasked, has to say so in the copy, and the
/// operator carries out no other. So that is all that has to be guarded.
fn copies() -> Policy {
    Policy {
        name: "outboard-copies",
        rule: rule(GROUP, "v1alpha1", &["datacopies"], &["CREATE", "UPDATE", "DELETE"]),
        variables: vec![],
        validations: vec![
            (
                // While it runs, too: whoever ends it in the middle leaves half of the data.
                format!(
                    "!(object != null && object.spec.protected || oldObject != null && oldObject.spec.protected) || {}",
                    may("environments", "release")
                ),
                "a copy into an environment of a protected class, or unmasked out of one, takes the right to release environments: role outboard-releaser".to_owned(),
            ),
            (
                format!(
                    "!(object != null && oldObject != null && object.spec.forget && !oldObject.spec.forget && \
                     has(oldObject.status) && has(oldObject.status.backup) && oldObject.status.backup.protected) || {}",
                    may("environments", "release")
                ),
                "a backup of a protected environment is removed by a releaser of the project".to_owned(),
            ),
            (
                format!(
                    "request.operation != 'DELETE' || !has(oldObject.status) || !has(oldObject.status.backup) || \
                     !oldObject.status.backup.protected || {}",
                    may("environments", "release")
                ),
                "what is known of a backup of a protected environment is removed by a releaser of the project".to_owned(),
            ),
            (
                "request.operation != 'CREATE' || !object.spec.forget".to_owned(),
                "only a backup that is there is forgotten".to_owned(),
            ),
            (
                "request.operation != 'CREATE' || !has(object.spec.requestedBy) || object.spec.requestedBy == request.userInfo.username".to_owned(),
                "requestedBy is who creates the copy".to_owned(),
            ),
        ],
        params: None,
    }
}

/// What the operator has found to be protected is changed and deleted by releasers. Needs no Project: it must be possible
/// to delete what has lost its project.
fn environments() -> Policy {
    let protected = "has(oldObject.status) && has(oldObject.status.protection)";
    let (new, old) = (text("object", "spec.owner"), text("oldObject", "spec.owner"));
    Policy {
        name: "outboard-environments",
        rule: rule(GROUP, "v1alpha1", &["environments"], &["CREATE", "UPDATE", "DELETE"]),
        variables: vec![],
        validations: vec![
            (
                // Of a new one nobody has said anything yet: until then it is its owner's, and who may make a protected one may release.
                format!(
                    "request.operation == 'CREATE' || (!({protected}) && (has(oldObject.status) || {old} == request.userInfo.username)) || {}",
                    may("environments", "release")
                ),
                RELEASE.to_owned(),
            ),
            (
                format!(
                    "request.operation == 'DELETE' || {new} == (oldObject != null ? {old} : '') || \
                     request.operation == 'CREATE' && {new} == request.userInfo.username || {}",
                    may("environments", "assign")
                ),
                "an environment belongs to whoever creates it: only an admin of the project gives it to somebody else".to_owned(),
            ),
        ],
        params: None,
    }
}

/// Why somebody may not write what is protected.
pub const RELEASE: &str =
    "environments of this class are protected: a releaser of the project changes, creates and deletes them";

/// Why somebody may not write a host of what is protected.
const HOST: &str = "this host leads to a protected environment: a releaser of the project changes that";

/// A new host is judged by its environment, since nothing has looked at it yet.
fn new_hosts() -> Policy {
    Policy {
        name: "outboard-new-hostnames",
        rule: rule(GROUP, "v1alpha1", &["hostnames"], &["CREATE"]),
        variables: vec![],
        validations: vec![(
            format!(
                "params.metadata.name != object.spec.environment || !has(params.status) || !has(params.status.protection) || {}",
                may("environments", "release")
            ),
            HOST.to_owned(),
        )],
        params: Some("Environment"),
    }
}

/// Hosts of what the operator has found to be protected.
fn hosts() -> Policy {
    Policy {
        name: "outboard-hostnames",
        rule: rule(GROUP, "v1alpha1", &["hostnames"], &["UPDATE", "DELETE"]),
        variables: vec![],
        validations: vec![(
            format!(
                "!has(oldObject.status) || !has(oldObject.status.protected) || !oldObject.status.protected || {}",
                may("environments", "release")
            ),
            HOST.to_owned(),
        )],
        params: None,
    }
}

/// Whether `spec.class` of a new object is protected in the project that is the parameter.
fn new_is_protected() -> String {
    let class = "params.spec.classes[object.spec.class]";
    // A class that the project does not have any more may have been protected.
    format!(
        "(has(params.spec.classes) ? !(object.spec.class in params.spec.classes) || has({class}.protected) && {class}.protected : \
         object.spec.class != '{DEFAULT_CLASS}')"
    )
}

/// With the credentials of a protected class a registry is listed for those alone who release it.
fn version_queries() -> Policy {
    Policy {
        name: "outboard-version-queries",
        rule: rule(GROUP, "v1alpha1", &["versionqueries"], &["CREATE"]),
        variables: vec![],
        validations: vec![(
            format!(
                "params.metadata.name != object.spec.project || !{} || {}",
                new_is_protected(),
                may("environments", "release")
            ),
            "this class is protected: a releaser of the project asks its registry; name another class"
                .to_owned(),
        )],
        params: Some("Project"),
    }
}

/// A new environment is judged by its project, since nothing has looked at it yet.
fn new_environments() -> Policy {
    let protected = new_is_protected();
    let limited = "has(params.spec.limits) && has(params.spec.limits.environmentsPerOwner)";
    let others = "params.metadata.name != object.spec.project";
    Policy {
        name: "outboard-new-environments",
        rule: rule(GROUP, "v1alpha1", &["environments"], &["CREATE"]),
        variables: vec![],
        validations: vec![
            (format!("{others} || !{protected} || {}", may("environments", "release")), RELEASE.to_owned()),
            (
                format!(
                    "{others} || !({limited}) || ({protected}) || {} == request.userInfo.username || {}",
                    text("object", "spec.owner"),
                    may("environments", "assign")
                ),
                "this project counts environments by owner: `owner` is your own name, unless an admin of the project says otherwise"
                    .to_owned(),
            ),
        ],
        params: Some("Project"),
    }
}

/// A class that is protected stays as it is, and so do the masks of its data, unless a releaser changes them. Nobody gives away
/// a role that they could not bind themselves.
fn projects() -> Policy {
    let protected = "(has(oldObject.spec.classes[name].protected) && oldObject.spec.classes[name].protected)";
    let masks = |object: &str| format!("(has({object}.spec.masks) ? {object}.spec.masks : {{}})");
    let backups = |object: &str| format!("(has({object}.spec.backups) ? {object}.spec.backups : {{}})");
    let limits = |object: &str| format!("(has({object}.spec.limits) ? {object}.spec.limits : {{}})");
    let release = may("environments", "release");
    let changes = "request.operation != 'UPDATE'";
    let mut validations = vec![
        (
            format!(
                "!variables.guarded || request.operation == 'UPDATE' && oldObject.spec.classes.all(name, !{protected} || \
                 has(object.spec.classes) && name in object.spec.classes && object.spec.classes[name] == oldObject.spec.classes[name]) || {release}"
            ),
            "a protected class is changed, unprotected or removed, and its project deleted, by a releaser of the project".to_owned(),
        ),
        (
            format!("{changes} || !variables.guarded || {} == {} || {release}", masks("object"), masks("oldObject")),
            "masks protect the data of a protected class: a releaser of the project changes them".to_owned(),
        ),
        (
            format!("{changes} || !variables.guarded || {} == {} || {release}", backups("object"), backups("oldObject")),
            "data of a protected class is stored where `backups` says: a releaser of the project changes that".to_owned(),
        ),
        (
            format!(
                "request.operation == 'CREATE' || (object != null ? {} : {{}}) == {} || {}",
                limits("object"),
                limits("oldObject"),
                may("projects", "administer")
            ),
            "an admin of the project changes its limits, and deletes one that has them".to_owned(),
        ),
    ];
    // Kubernetes' garbage collector, which no policy asks, deletes what has lost its owner.
    let owners = |object: &str| {
        format!("(has({object}.metadata.ownerReferences) ? {object}.metadata.ownerReferences : [])")
    };
    validations.push((
        format!("{changes} || {} == {} || {release}", owners("object"), owners("oldObject")),
        "a project that belongs to something else goes with it: a releaser of the project says so".to_owned(),
    ));
    validations.extend(PersonRole::ALL.map(access));
    Policy {
        name: "outboard-projects",
        rule: rule(GROUP, "v1alpha1", &["projects"], &["CREATE", "UPDATE", "DELETE"]),
        variables: vec![(
            "guarded",
            format!(
                "oldObject != null && has(oldObject.spec.classes) && oldObject.spec.classes.exists(name, {protected})"
            ),
        )],
        validations,
        params: None,
    }
}

/// Secrets of a control namespace serve classes by name: where one project protects a class, a releaser says that another has it, too,
/// whichever comes first.
fn class_names() -> Policy {
    let protects = |class: &str| format!("(has({class}.protected) && {class}.protected)");
    Policy {
        name: "outboard-class-names",
        rule: rule(GROUP, "v1alpha1", &["projects"], &["CREATE", "UPDATE"]),
        variables: vec![],
        validations: vec![(
            format!(
                "params.metadata.name == object.metadata.name || !has(params.spec.classes) || !has(object.spec.classes) || \
                 object.spec.classes.all(name, !(name in params.spec.classes) || !({} || {}) || \
                 oldObject != null && has(oldObject.spec.classes) && name in oldObject.spec.classes && \
                 ({} || !{})) || {}",
                protects("params.spec.classes[name]"),
                protects("object.spec.classes[name]"),
                protects("oldObject.spec.classes[name]"),
                protects("object.spec.classes[name]"),
                may("environments", "release")
            ),
            "another project of this namespace has a class of that name, and both would be served by its secrets: a releaser of the project says so"
                .to_owned(),
        )],
        params: Some("Project"),
    }
}

/// Who has a role is changed by whoever could bind it. One question an expression: each costs a third of what Kubernetes
/// lets an expression cost.
fn access(role: PersonRole) -> (String, String) {
    let of = |object: &str| {
        let path = format!("{object}.spec.access.{}", role.as_str());
        format!("({object} != null && has({object}.spec.access) && has({path}) ? [{path}] : [])")
    };
    let binds = format!(
        "authorizer.group('rbac.authorization.k8s.io').resource('clusterroles').namespace({HERE}).name('{}').check('bind').allowed()",
        role.cluster_role()
    );
    (
        format!("request.operation == 'DELETE' || {} == {} || {binds}", of("object"), of("oldObject")),
        format!("an admin of the project says who is {} in it", role.as_str()),
    )
}

/// A finalizer of outboard's stands for something that is still to be undone.
fn finalizers() -> Policy {
    let kept = format!(
        "!has(oldObject.metadata.finalizers) || oldObject.metadata.finalizers.all(name, !name.startsWith('{GROUP}/') || \
         has(object.metadata.finalizers) && name in object.metadata.finalizers)"
    );
    Policy {
        name: "outboard-finalizers",
        rule: rule(GROUP, "v1alpha1", &["environments", "datacopies", "hostnames"], &["UPDATE"]),
        variables: vec![],
        validations: vec![(
            format!("{kept} || {}", may("environments", "force")),
            "what outboard has made for it would stay behind for ever: delete it, and wait until the operator is done"
                .to_owned(),
        )],
        params: None,
    }
}

/// Labels of outboard's on a namespace say whose it is, and who gets in.
fn marks() -> Policy {
    let ours = |object: &str| {
        format!(
            "{object} != null && has({object}.metadata.labels) && {object}.metadata.labels.exists(name, name.startsWith('{GROUP}/'))"
        )
    };
    let within = |these: &str, those: &str| {
        format!(
            "({these} == null || !has({these}.metadata.labels) || {these}.metadata.labels.all(name, !name.startsWith('{GROUP}/') || \
             {those} != null && has({those}.metadata.labels) && name in {those}.metadata.labels && \
             {those}.metadata.labels[name] == {these}.metadata.labels[name]))"
        )
    };
    Policy {
        name: "outboard-marks",
        rule: rule("", "v1", &["namespaces", "namespaces/status", "namespaces/finalize"], &["CREATE", "UPDATE"]),
        variables: vec![("marked", format!("({}) || ({})", ours("object"), ours("oldObject")))],
        validations: vec![(
            format!(
                "!variables.marked || {} && {} || authorizer.group('{GROUP}').resource('environments').check('force').allowed()",
                within("object", "oldObject"),
                within("oldObject", "object")
            ),
            "labels that begin with outboard.dev/ say whose a namespace is and who gets in: whoever runs the cluster writes them"
                .to_owned(),
        )],
        params: None,
    }
}

fn rule(group: &str, version: &str, resources: &[&str], operations: &[&str]) -> Value {
    json!({
        "apiGroups": [group],
        "apiVersions": [version],
        "operations": operations,
        "resources": resources,
    })
}

/// What ends and tidies up in Kubernetes, and writes nothing of its own.
const KUBERNETES: [&str; 5] = [
    "system:apiserver",
    "system:kube-controller-manager",
    "system:serviceaccount:kube-system:namespace-controller",
    "system:serviceaccount:kube-system:generic-garbage-collector",
    "system:serviceaccount:kube-system:storage-version-migrator-controller",
];

/// People, and programs of theirs: neither the operator nor Kubernetes' own controllers.
fn by_people() -> Value {
    let operator = format!("system:serviceaccount:{NAMESPACE}:{OPERATOR}");
    json!([
        {"name": "not-the-operator", "expression": format!("request.userInfo.username != '{operator}'")},
        {
            "name": "not-kubernetes",
            "expression": format!("!(request.userInfo.username in ['{}'])", KUBERNETES.join("', '")),
        },
    ])
}

impl Policy {
    /// The policy and its binding.
    fn objects(&self) -> [Value; 2] {
        let validations: Vec<Value> = self
            .validations
            .iter()
            .map(|(expression, message)| json!({"expression": expression, "reason": "Forbidden", "message": message}))
            .collect();
        let mut spec = json!({
            "failurePolicy": "Fail",
            "matchConstraints": {"resourceRules": [self.rule]},
            "matchConditions": by_people(),
            "validations": validations,
        });
        if !self.variables.is_empty() {
            let variables = self
                .variables
                .iter()
                .map(|(name, expression)| json!({"name": name, "expression": expression}));
            spec["variables"] = variables.collect();
        }
        let mut binding = json!({"policyName": self.name, "validationActions": ["Deny"]});
        if let Some(kind) = self.params {
            spec["paramKind"] = json!({"apiVersion": api::API_VERSION, "kind": kind});
            binding["paramRef"] = json!({"selector": {}, "parameterNotFoundAction": "Allow"});
        }
        let object = |kind: &str, spec: Value| json!({"apiVersion": API, "kind": kind, "metadata": {"name": self.name}, "spec": spec});
        [object("ValidatingAdmissionPolicy", spec), object("ValidatingAdmissionPolicyBinding", binding)]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_policy_stands_in_the_way_of_the_operator_nor_does_a_parameter() {
        for object in objects().iter().filter(|object| object["kind"] == "ValidatingAdmissionPolicy") {
            let spec = &object["spec"];
            let conditions = spec["matchConditions"].to_string();
            assert!(
                conditions.contains("'system:serviceaccount:outboard-system:outboard-operator'"),
                "{object}"
            );
            // Kubernetes looks for parameters before it asks for conditions. The operator makes neither environments nor hosts nor
            // questions, and of projects it writes the status alone.
            if !spec["paramKind"].is_null() {
                let rule = &spec["matchConstraints"]["resourceRules"][0];
                let made = rule["operations"] == json!(["CREATE"])
                    && [json!(["environments"]), json!(["hostnames"]), json!(["versionqueries"])]
                        .contains(&rule["resources"]);
                assert!(made || rule["resources"] == json!(["projects"]), "{rule}");
            }
        }
    }

    #[test]
    fn every_refusal_says_who_may_in_one_sentence() {
        for object in objects().iter().filter(|object| object["kind"] == "ValidatingAdmissionPolicy") {
            for validation in object["spec"]["validations"].as_array().unwrap() {
                let message = validation["message"].as_str().unwrap();
                assert!(message.len() < 200 && !message.ends_with('.'), "{message}");
                assert_eq!(validation["reason"], "Forbidden");
                let expression = validation["expression"].as_str().unwrap();
                assert!(expression.matches(".check(").count() <= 2, "too dear for Kubernetes: {expression}");
            }
        }
    }
}
