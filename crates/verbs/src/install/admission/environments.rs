//! Who may write environments of protected classes, and whose an environment is.

use api::GROUP;
use api::project::DEFAULT_CLASS;

use super::{Policy, may, rule, text};

/// What the operator has found to be protected is changed and deleted by releasers. Needs no Project: it must be possible
/// to delete what has lost its project.
pub(super) fn policy() -> Policy {
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

/// Whether `spec.class` of a new object is protected in the project that is the parameter.
pub(super) fn new_is_protected() -> String {
    let class = "params.spec.classes[object.spec.class]";
    // A class that the project does not have any more may have been protected.
    format!(
        "(has(params.spec.classes) ? !(object.spec.class in params.spec.classes) || has({class}.protected) && {class}.protected : \
         object.spec.class != '{DEFAULT_CLASS}')"
    )
}

/// A new environment is judged by its project, since nothing has looked at it yet.
pub(super) fn of_new() -> Policy {
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
