//! The kinds of which things that are installed in a whole cluster are made: a fixed table, so no discovery round trips and no
//! surprises.

use kube::api::{Api, ApiResource};
use kube::core::{DynamicObject, GroupVersionKind, TypeMeta};
use kube::{Client, ResourceExt};

/// Group, version, kind and plural.
const KINDS: &[(&str, &str, &str, &str)] = &[
    ("", "v1", "ConfigMap", "configmaps"),
    ("", "v1", "Namespace", "namespaces"),
    ("", "v1", "Service", "services"),
    ("", "v1", "ServiceAccount", "serviceaccounts"),
    ("admissionregistration.k8s.io", "v1", "MutatingWebhookConfiguration", "mutatingwebhookconfigurations"),
    ("admissionregistration.k8s.io", "v1", "ValidatingAdmissionPolicy", "validatingadmissionpolicies"),
    (
        "admissionregistration.k8s.io",
        "v1",
        "ValidatingAdmissionPolicyBinding",
        "validatingadmissionpolicybindings",
    ),
    (
        "admissionregistration.k8s.io",
        "v1",
        "ValidatingWebhookConfiguration",
        "validatingwebhookconfigurations",
    ),
    ("apiextensions.k8s.io", "v1", "CustomResourceDefinition", "customresourcedefinitions"),
    ("apiregistration.k8s.io", "v1", "APIService", "apiservices"),
    ("apps", "v1", "DaemonSet", "daemonsets"),
    ("apps", "v1", "Deployment", "deployments"),
    ("batch", "v1", "Job", "jobs"),
    ("gateway.envoyproxy.io", "v1alpha1", "EnvoyProxy", "envoyproxies"),
    ("gateway.networking.k8s.io", "v1", "Gateway", "gateways"),
    ("gateway.networking.k8s.io", "v1", "GatewayClass", "gatewayclasses"),
    ("gateway.networking.k8s.io", "v1", "HTTPRoute", "httproutes"),
    ("networking.k8s.io", "v1", "NetworkPolicy", "networkpolicies"),
    ("policy", "v1", "PodDisruptionBudget", "poddisruptionbudgets"),
    ("rbac.authorization.k8s.io", "v1", "ClusterRole", "clusterroles"),
    ("rbac.authorization.k8s.io", "v1", "ClusterRoleBinding", "clusterrolebindings"),
    ("rbac.authorization.k8s.io", "v1", "Role", "roles"),
    ("rbac.authorization.k8s.io", "v1", "RoleBinding", "rolebindings"),
    ("storage.k8s.io", "v1", "CSIDriver", "csidrivers"),
    ("storage.k8s.io", "v1", "StorageClass", "storageclasses"),
];

/// With these goes whatever lies in them: nobody prunes them.
const KEPT: [&str; 2] = ["Namespace", "CustomResourceDefinition"];

fn resource(kind: &str) -> Option<ApiResource> {
    let (group, version, kind, plural) = KINDS.iter().find(|(_, _, known, _)| *known == kind)?;
    Some(ApiResource::from_gvk_with_plural(&GroupVersionKind::gvk(group, version, kind), plural))
}

/// Where objects of this object's kind and namespace are reached; `None` for a kind not in the table.
pub fn api_of(client: &Client, object: &DynamicObject) -> Option<Api<DynamicObject>> {
    let types = object.types.as_ref()?;
    let resource = resource(&types.kind).filter(|resource| resource.api_version == types.api_version)?;
    Some(match object.namespace() {
        Some(namespace) => Api::namespaced_with(client.clone(), &namespace, &resource),
        None => Api::all_with(client.clone(), &resource),
    })
}

/// Every kind that is pruned, and where all of it is listed.
pub(crate) fn pruned(client: &Client) -> impl Iterator<Item = (TypeMeta, Api<DynamicObject>)> {
    let kinds = KINDS.iter().map(|(_, _, kind, _)| *kind).filter(|kind| !KEPT.contains(kind));
    kinds.filter_map(|kind| {
        let resource = resource(kind)?;
        let types = TypeMeta { api_version: resource.api_version.clone(), kind: kind.to_owned() };
        Some((types, Api::all_with(client.clone(), &resource)))
    })
}
