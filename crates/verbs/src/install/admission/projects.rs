//! Who may change of a project what protects others: its protected classes, its limits, and who has a role in it.

use api::GROUP;
use api::project::PersonRole;

use super::{HERE, Policy, may, rule};

/// A class that is protected stays as it is, and so do the masks of its data, unless a releaser changes them. Nobody gives away
/// a role that they could not bind themselves.
pub(super) fn policy() -> Policy {
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
pub(super) fn class_names() -> Policy {
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
