//! `import namespace`: the objects of a namespace, read as the person who asks. Values of Secrets are dropped at once.

use environments::import::Source;
use k8s_openapi::api::core::v1::Namespace;
use kube::Api;
use kube::api::{ApiResource, DynamicObject, GroupVersionKind, ListParams};
use serde_json::{Value, json};
use std::path::{Path, PathBuf};

use super::{Destination, Written, broken, write};
use crate::file::NAME;
use crate::{Cluster, Error, Result};

/// What is read: group, version, kind, its plural.
const KINDS: [(&str, &str, &str, &str); 15] = [
    ("apps", "v1", "Deployment", "deployments"),
    ("apps", "v1", "StatefulSet", "statefulsets"),
    ("apps", "v1", "DaemonSet", "daemonsets"),
    ("batch", "v1", "Job", "jobs"),
    ("batch", "v1", "CronJob", "cronjobs"),
    ("", "v1", "Pod", "pods"),
    ("", "v1", "Service", "services"),
    ("", "v1", "ConfigMap", "configmaps"),
    ("", "v1", "Secret", "secrets"),
    ("", "v1", "PersistentVolumeClaim", "persistentvolumeclaims"),
    ("", "v1", "ServiceAccount", "serviceaccounts"),
    ("autoscaling", "v2", "HorizontalPodAutoscaler", "horizontalpodautoscalers"),
    ("networking.k8s.io", "v1", "Ingress", "ingresses"),
    ("networking.k8s.io", "v1", "NetworkPolicy", "networkpolicies"),
    ("gateway.networking.k8s.io", "v1", "HTTPRoute", "httproutes"),
];

pub async fn namespace(
    cluster: &Cluster,
    namespace: &str,
    destination: Option<Destination>,
    force: bool,
) -> Result<Written> {
    let mut sources = Vec::new();
    for (group, version, kind, plural) in KINDS {
        let gvk = GroupVersionKind::gvk(group, version, kind);
        let resource = ApiResource::from_gvk_with_plural(&gvk, plural);
        let api = Api::<DynamicObject>::namespaced_with(cluster.client.clone(), namespace, &resource);
        let list = match api.list(&ListParams::default()).await {
            Ok(list) => list,
            // A cluster without Gateway API has no routes of it; who may not read Secrets names them by themselves.
            Err(kube::Error::Api(status)) if status.code == 404 => continue,
            Err(kube::Error::Api(status)) if status.code == 403 && kind == "Secret" => continue,
            Err(error) => return Err(cluster.explain(error)),
        };
        for object in list {
            let mut value = serde_json::to_value(&object).unwrap_or_default();
            value["kind"] = json!(kind);
            tidy(&mut value);
            let name = value.pointer("/metadata/name").and_then(Value::as_str).unwrap_or_default();
            let name = format!("{}/{name}", kind.to_ascii_lowercase());
            let text = serde_saphyr::to_string(&value).unwrap_or_default();
            sources.push(Source { name, text });
        }
    }
    if sources.is_empty() {
        return Err(nothing(cluster, namespace).await);
    }
    let imported = environments::import::manifests(&sources, namespace)
        .map_err(|(index, problems)| broken(&sources[index].name, &sources[index].text, problems))?;
    let beside = Destination::File { path: PathBuf::from(NAME), force };
    write(imported, Path::new(""), &destination.unwrap_or(beside))
}

async fn nothing(cluster: &Cluster, namespace: &str) -> Error {
    match Api::<Namespace>::all(cluster.client.clone()).get_opt(namespace).await {
        Ok(None) => Error::NotFound {
            kind: "namespace",
            name: namespace.to_owned(),
            place: format!("the cluster at {}", cluster.server),
            known: vec![],
            nearest: None,
        },
        _ => Error::NothingToRead {
            what: "workload",
            directory: format!("namespace `{namespace}`"),
            names: KINDS[..5].iter().map(|(_, _, kind, _)| *kind).collect(),
        },
    }
}

/// Without what the cluster added, and without what is secret.
fn tidy(value: &mut Value) {
    if let Some(object) = value.as_object_mut() {
        object.remove("status");
    }
    if let Some(metadata) = value.get_mut("metadata").and_then(Value::as_object_mut) {
        metadata.retain(|key, _| {
            matches!(key.as_str(), "name" | "namespace" | "labels" | "annotations" | "ownerReferences")
        });
        if let Some(annotations) = metadata.get_mut("annotations").and_then(Value::as_object_mut) {
            annotations.retain(|key, _| {
                !key.starts_with("kubectl.kubernetes.io/") && !key.starts_with("deployment.kubernetes.io/")
            });
        }
    }
    if value.get("kind").and_then(Value::as_str) == Some("Secret") {
        for key in ["data", "stringData"] {
            for held in
                value.get_mut(key).and_then(Value::as_object_mut).into_iter().flat_map(|map| map.values_mut())
            {
                *held = json!("");
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_value_of_a_secret_is_kept() {
        let mut secret = json!({"kind": "Secret", "metadata": {"name": "a", "uid": "1", "managedFields": []}, "data": {"k": "c2VjcmV0"}});
        tidy(&mut secret);
        assert_eq!(secret, json!({"kind": "Secret", "metadata": {"name": "a"}, "data": {"k": ""}}));
    }
}
