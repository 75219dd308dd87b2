//! Who may touch what outboard itself goes by: its finalizers, and its labels on namespaces.

use api::GROUP;

use super::{Policy, may, rule};

/// A finalizer of outboard's stands for something that is still to be undone.
pub(super) fn finalizers() -> Policy {
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
pub(super) fn namespaces() -> Policy {
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
