//! The kinds that an installation is made of: a fixed table, so no discovery round trips.

use kube::api::{Api, ApiResource};
use kube::core::{DynamicObject, GroupVersionKind};
use kube::{Client, ResourceExt};

/// Group, version, kind and plural of everything that is installed.
const KINDS: &[(&str, &str, &str, &str)] = &[
    ("", "v1", "Namespace", "namespaces"),
    ("", "v1", "Service", "services"),
    ("", "v1", "ServiceAccount", "serviceaccounts"),
    ("admissionregistration.k8s.io", "v1", "ValidatingAdmissionPolicy", "validatingadmissionpolicies"),
    (
        "admissionregistration.k8s.io",
        "v1",
        "ValidatingAdmissionPolicyBinding",
        "validatingadmissionpolicybindings",
    ),
    ("apiextensions.k8s.io", "v1", "CustomResourceDefinition", "customresourcedefinitions"),
    ("apps", "v1", "DaemonSet", "daemonsets"),
    ("apps", "v1", "Deployment", "deployments"),
    ("gateway.networking.k8s.io", "v1", "HTTPRoute", "httproutes"),
    ("networking.k8s.io", "v1", "NetworkPolicy", "networkpolicies"),
    ("rbac.authorization.k8s.io", "v1", "ClusterRole", "clusterroles"),
    ("rbac.authorization.k8s.io", "v1", "ClusterRoleBinding", "clusterrolebindings"),
    ("rbac.authorization.k8s.io", "v1", "Role", "roles"),
    ("rbac.authorization.k8s.io", "v1", "RoleBinding", "rolebindings"),
];

/// Where objects of this object's kind and namespace are reached; `None` for a kind not in the table.
pub(super) fn api_of(client: &Client, object: &DynamicObject) -> Option<Api<DynamicObject>> {
    let wanted = object.types.as_ref()?.kind.as_str();
    let (group, version, kind, plural) = KINDS.iter().find(|(_, _, kind, _)| *kind == wanted)?;
    let resource = ApiResource::from_gvk_with_plural(&GroupVersionKind::gvk(group, version, kind), plural);
    Some(match object.namespace() {
        Some(namespace) => Api::namespaced_with(client.clone(), &namespace, &resource),
        None => Api::all_with(client.clone(), &resource),
    })
}
