//! Who may write hosts that lead to protected environments.

use api::GROUP;

use super::{Policy, may, rule};

/// Why somebody may not write a host of what is protected.
const HOST: &str = "this host leads to a protected environment: a releaser of the project changes that";

/// A new host is judged by its environment, since nothing has looked at it yet.
pub(super) fn of_new() -> Policy {
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
pub(super) fn policy() -> Policy {
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
