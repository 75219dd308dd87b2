//! What Kubernetes itself asks before something is stored: RBAC knows who may write an object, not what it says.
//!
//! Policies ask for verbs of outboard's own, which roles of people have and whoever may do everything has, too:
//! `release` (environments of protected classes), `assign` (environments of others), `administer` (a project's limits), `force`
//! (marks and finalizers). None asks the operator, nor Kubernetes' own controllers: what has to end must be able to end.

mod copies;
mod environments;
mod hostnames;
mod marks;
mod projects;
mod versions;

use api::GROUP;
use serde_json::{Value, json};

use super::OPERATOR;
use crate::operator::NAMESPACE;

pub use self::environments::RELEASE;

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
        copies::policy(),
        environments::policy(),
        environments::of_new(),
        hostnames::of_new(),
        versions::policy(),
        hostnames::policy(),
        projects::policy(),
        projects::class_names(),
        marks::finalizers(),
        marks::namespaces(),
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
