//! What copies of data may say, and who may end or remove them.

use api::GROUP;

use super::{Policy, may, rule};

/// Who brings data into an environment of a protected class, or out of one unmasked, has to say so in the copy, and the
/// operator carries out no other. So that is all that has to be guarded.
pub(super) fn policy() -> Policy {
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
