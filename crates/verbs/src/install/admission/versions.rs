//! Who may ask a registry with the credentials of a protected class.

use api::GROUP;

use super::environments::new_is_protected;
use super::{Policy, may, rule};

/// With the credentials of a protected class a registry is listed for those alone who release it.
pub(super) fn policy() -> Policy {
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
