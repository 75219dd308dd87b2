//! What Kubernetes itself asks before a copy of data is stored: RBAC knows who may create one, not what it says.

use serde_json::{Value, json};

/// Of the policy and of its binding.
const NAME: &str = "outboard-copies";

/// Who brings data into an environment of a protected class, or out of one unmasked, has to say so in the copy, and the
/// operator carries out no other. So that is all that has to be guarded.
const RELEASE: &str = "!object.spec.protected || authorizer.group('outboard.dev').resource('environments')\
.namespace(object.metadata.namespace).check('release').allowed()";

const REQUESTED: &str =
    "!has(object.spec.requestedBy) || object.spec.requestedBy == request.userInfo.username";

pub(super) fn objects() -> Vec<Value> {
    let api = "admissionregistration.k8s.io/v1";
    vec![
        json!({
            "apiVersion": api,
            "kind": "ValidatingAdmissionPolicy",
            "metadata": {"name": NAME},
            "spec": {
                "failurePolicy": "Fail",
                "matchConstraints": {"resourceRules": [{
                    "apiGroups": ["outboard.dev"],
                    "apiVersions": ["v1alpha1"],
                    "operations": ["CREATE"],
                    "resources": ["datacopies"],
                }]},
                "validations": [
                    {
                        "expression": RELEASE,
                        "reason": "Forbidden",
                        "message": "a copy into an environment of a protected class, or unmasked out of one, takes the right to release environments: role outboard-releaser",
                    },
                    {
                        "expression": REQUESTED,
                        "reason": "Forbidden",
                        "message": "requestedBy is who creates the copy",
                    },
                ],
            },
        }),
        json!({
            "apiVersion": api,
            "kind": "ValidatingAdmissionPolicyBinding",
            "metadata": {"name": NAME},
            "spec": {"policyName": NAME, "validationActions": ["Deny"]},
        }),
    ]
}
