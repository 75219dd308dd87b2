//! What add-ons are made of: outboard's own manifests, filled in for one cluster.

use serde_json::{Map, Value, json};
use sha2::{Digest, Sha256};

use super::images::mirrored;
use super::versions::Versions;
use super::{Addon, By, Chosen, chosen};
use crate::plan::names::Identity;
use crate::plan::spec::{AddonsSpec, ClusterFile, Topology};
use crate::plan::validate::PODS;

const CNI: &str = include_str!("manifests/cni.yaml");
const CLOUD_CONTROLLER: &str = include_str!("manifests/cloud-controller-manager.yaml");
const EBS_CSI: &str = include_str!("manifests/ebs-csi.yaml");
const STORAGE_CLASS: &str = include_str!("manifests/storage-class.yaml");
const METRICS_SERVER: &str = include_str!("manifests/metrics-server.yaml");
const GATEWAY: &str = include_str!("manifests/gateway.yaml");
const CERT_MANAGER: &str = include_str!("manifests/cert-manager.yaml");
const AUTOSCALER: &str = include_str!("manifests/cluster-autoscaler.yaml");

/// The manifest that cannot be made, and why.
pub type Wrong = String;

/// An image that has to be somewhere, and where it comes from.
#[derive(Clone, Debug, Eq, PartialEq, serde::Serialize)]
pub struct Image {
    pub addon: Addon,
    pub from: String,
    pub image: String,
}

/// What is put in place of `${…}`.
struct Values(Map<String, Value>);

pub fn registry(file: &ClusterFile) -> Option<&str> {
    match &file.spec.addons {
        Some(AddonsSpec::Some(said)) => said.registry.as_deref(),
        _ => None,
    }
}

/// Every image of one add-on that outboard brings, by name. Those of outboard itself are its installation's.
fn images(file: &ClusterFile, addon: Addon, versions: &Versions) -> Result<Vec<(String, String)>, Wrong> {
    let found = versions.of(addon).images(file.spec.kubernetes.as_deref()).map_err(|known| {
        let version = file.spec.kubernetes.as_deref().unwrap_or("of an unknown version");
        format!("{} is known for Kubernetes {}, not {version}", addon.word(), known.join(", "))
    })?;
    Ok(found.into_iter().collect())
}

/// Every image of what is chosen, as it is called and as it is asked for.
pub fn all_images(file: &ClusterFile, chosen: &[Chosen]) -> Result<Vec<Image>, Wrong> {
    let versions = Versions::table();
    let mut all = Vec::new();
    for one in chosen.iter().filter(|one| one.by == By::Outboard) {
        for (_, from) in images(file, one.addon, &versions)? {
            let image = mirrored(&from, registry(file));
            all.push(Image { addon: one.addon, from, image });
        }
    }
    Ok(all)
}

/// The objects of one add-on that are outboard's own, in the order in which they are written.
pub fn objects(file: &ClusterFile, identity: &Identity, one: Chosen) -> Result<Vec<Value>, Wrong> {
    let texts: &[&str] = match (one.addon, one.by) {
        (Addon::Cni, By::Outboard) => &[CNI],
        (Addon::CloudControllerManager, By::Outboard) => &[CLOUD_CONTROLLER],
        (Addon::EbsCsi, By::Outboard) => &[EBS_CSI, STORAGE_CLASS],
        (Addon::EbsCsi, By::EksAndOutboard) => &[STORAGE_CLASS],
        (Addon::MetricsServer, _) => &[METRICS_SERVER],
        (Addon::Gateway, _) => &[GATEWAY],
        (Addon::CertManager, _) => &[CERT_MANAGER],
        (Addon::ClusterAutoscaler, _) => &[AUTOSCALER],
        _ => &[],
    };
    let values = values(file, identity, one)?;
    let mut all = Vec::new();
    for text in texts {
        let read: Vec<Value> = serde_saphyr::from_multiple(text).map_err(|error| error.to_string())?;
        for object in read {
            let mut object = values.fill(object)?;
            object["metadata"]["labels"][api::marks::ADDON] = one.addon.word().into();
            object["metadata"]["labels"]["app.kubernetes.io/managed-by"] = "outboard".into();
            if object["kind"] == "Job" {
                // A Job does not change: one that is otherwise is another one.
                let digest = Sha256::digest(object.to_string());
                let short: String = digest.iter().take(4).map(|byte| format!("{byte:02x}")).collect();
                let name = object["metadata"]["name"].as_str().unwrap_or_default();
                object["metadata"]["name"] = format!("{name}-{short}").into();
            }
            all.push(object);
        }
    }
    Ok(all)
}

fn values(file: &ClusterFile, identity: &Identity, one: Chosen) -> Result<Values, Wrong> {
    let spec = &file.spec;
    let kubeadm = spec.topology == Topology::Kubeadm;
    let gateway = match &spec.addons {
        Some(AddonsSpec::Some(said)) => said.gateway.as_ref(),
        _ => None,
    };
    let has_gateway = chosen(file).iter().any(|one| one.addon == Addon::Gateway);
    let public = gateway.is_some_and(|said| said.public);
    let nodes = spec.control_plane.as_ref().map_or(1, |control| control.nodes);
    let selector = if kubeadm { json!({"node-role.kubernetes.io/control-plane": ""}) } else { json!({}) };
    let taint = json!({"key": "node-role.kubernetes.io/control-plane", "effect": "NoSchedule"});
    let mut values = json!({
        "cluster": identity.id,
        "region": spec.region,
        "pods": spec.network.as_ref().and_then(|network| network.pods.as_deref()).unwrap_or(PODS),
        "kmsKey": spec.kms_key,
        // Two on one node would want the same ports of it.
        "controllers": nodes.min(2),
        "onControlPlane": kubeadm,
        "controlPlaneSelector": selector,
        "controlPlaneTolerations": if kubeadm { json!([taint]) } else { json!([]) },
        "gatewayInternal": if public { Value::Null } else { "true".into() },
        "gatewayAllow": if public { json!(gateway.map(|said| &said.allow)) } else { Value::Null },
        // Challenges by HTTP go through the gateway that is here.
        "gatewayApi": has_gateway.then_some("--enable-gateway-api"),
        // Kubelets of EKS have certificates of the cluster's authority; others sign their own.
        "kubeletTls": if spec.topology == Topology::Eks { Value::Null } else { "--kubelet-insecure-tls".into() },
    });
    if one.by == By::Outboard {
        for (name, from) in images(file, one.addon, &Versions::table())? {
            let image = mirrored(&from, registry(file));
            values[format!("image.{name}")] = image.into();
        }
    }
    let Value::Object(values) = values else { return Err("no values".to_owned()) };
    Ok(Values(values))
}

impl Values {
    /// What is filled in is never read as YAML: a text stays a text. What stands alone and has no value is left out.
    fn fill(&self, value: Value) -> Result<Value, Wrong> {
        Ok(match value {
            Value::String(text) => self.text(&text)?,
            Value::Array(items) => {
                let filled: Result<Vec<Value>, Wrong> =
                    items.into_iter().map(|item| self.fill(item)).collect();
                filled?.into_iter().filter(|item| !item.is_null()).collect()
            }
            Value::Object(fields) => {
                let mut filled = Map::new();
                for (key, value) in fields {
                    let value = self.fill(value)?;
                    if !value.is_null() {
                        filled.insert(key, value);
                    }
                }
                Value::Object(filled)
            }
            other => other,
        })
    }

    fn text(&self, text: &str) -> Result<Value, Wrong> {
        let of = |name: &str| self.0.get(name).ok_or_else(|| format!("nothing is known of `{name}`"));
        if let Some(name) = text.strip_prefix("${").and_then(|rest| rest.strip_suffix('}'))
            && !name.contains('}')
        {
            return of(name).cloned();
        }
        let mut filled = String::new();
        let mut rest = text;
        while let Some((before, after)) = rest.split_once("${") {
            let (name, behind) = after.split_once('}').ok_or_else(|| format!("`{text}` has no end"))?;
            let value = of(name)?;
            filled.push_str(before);
            filled.push_str(value.as_str().map_or_else(|| value.to_string(), str::to_owned).as_str());
            rest = behind;
        }
        filled.push_str(rest);
        Ok(Value::String(filled))
    }
}
