//! The root module that is written around the one a file names: backend, provider, inputs, the one output.

use serde_json::{Map, Value, json};

use super::addons::{Addon, chosen};
use super::names::Identity;
use super::spec::{ClusterFile, Pool, Topology};
use super::validate::{PODS, SERVICES};

/// The tag by which everything of a cluster is found again.
pub const TAG: &str = "outboard.dev/cluster";
/// The module's name in the root: addresses of all resources begin with it.
pub const MODULE: &str = "cluster";
/// The one output that every module has.
pub const OUTPUT: &str = "outboard";
const PROVIDER: &str = "~> 6.0";

/// Where the state is kept.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Backend {
    pub bucket: String,
    pub region: String,
    /// For a server that is not AWS and knows no buckets as hostnames.
    pub path_style: bool,
}

/// `main.tf.json`. Without a backend the state is empty: nothing was ever made.
pub fn module(
    file: &ClusterFile,
    identity: &Identity,
    source: &str,
    declared: &[String],
    backend: Option<&Backend>,
) -> Value {
    let mut terraform = json!({
        "required_version": ">= 1.10",
        "required_providers": {"aws": {"source": "hashicorp/aws", "version": PROVIDER}},
    });
    if let Some(backend) = backend {
        let mut s3 = json!({
            "bucket": backend.bucket,
            "key": identity.state_key(),
            "region": backend.region,
            "encrypt": true,
            "use_lockfile": true,
        });
        if backend.path_style {
            s3["use_path_style"] = true.into();
        }
        terraform["backend"] = json!({"s3": s3});
    }
    let mut tags = json!({TAG: identity.id, "outboard.dev/name": identity.name});
    for (key, value) in &file.spec.tags {
        tags[key] = value.as_str().into();
    }
    let mut inputs = inputs(file, identity, declared);
    inputs.insert("source".to_owned(), source.into());
    json!({
        "//": "Written by outboard: changes are lost.",
        "terraform": terraform,
        "provider": {"aws": [{
            "region": file.spec.region,
            "allowed_account_ids": [identity.account],
            "default_tags": [{"tags": tags}],
        }]},
        "module": {MODULE: inputs},
        "output": {OUTPUT: {"value": format!("${{module.{MODULE}.{OUTPUT}}}")}},
    })
}

fn inputs(file: &ClusterFile, identity: &Identity, declared: &[String]) -> Map<String, Value> {
    let spec = &file.spec;
    let mut inputs = Map::new();
    let mut set = |key: &str, value: Value| inputs.insert(key.to_owned(), literal(value));
    if spec.topology == Topology::Own {
        for (key, value) in [("name", &identity.name), ("id", &identity.id), ("region", &spec.region)] {
            if declared.iter().any(|variable| variable == key) {
                set(key, value.as_str().into());
            }
        }
        for (key, value) in &spec.inputs {
            set(key, value.clone());
        }
        return inputs;
    }
    set("name", identity.name.as_str().into());
    set("id", identity.id.as_str().into());
    set("region", spec.region.as_str().into());
    set("kubernetes_version", json!(spec.kubernetes));
    if !spec.tags.is_empty() {
        set("tags", json!(spec.tags));
    }
    if let Some(boundary) = &spec.permissions_boundary {
        set("permissions_boundary", boundary.as_str().into());
    }
    if let Some(key) = &spec.kms_key {
        set("kms_key_arn", key.as_str().into());
    }
    let network = spec.network.as_ref();
    let mut addresses = json!({
        "cidr": network.map(|network| &network.cidr),
        "zones": network.map(|network| &network.zones),
        "nat": network.map(|network| network.nat.word()),
        "service_cidr": network.and_then(|network| network.services.as_deref()).unwrap_or(SERVICES),
    });
    let access = spec.api.clone().unwrap_or_default();
    let mut api = json!({"public": access.public, "allow": access.allow});
    let kubeadm = spec.topology == Topology::Kubeadm;
    if kubeadm {
        addresses["pod_cidr"] = network.and_then(|network| network.pods.as_deref()).unwrap_or(PODS).into();
        let host = access.host.unwrap_or_else(|| format!("api.{}.outboard.internal", identity.name));
        // The host alone: a zone of what is above it would hide everything else there from the nodes.
        api["zone_name"] = host.as_str().into();
        api["host"] = host.into();
        api["zone_id"] = json!(access.zone_id);
        set("image", json!(spec.image));
        set("bucket", json!({"name": identity.bucket, "prefix": identity.prefix()}));
        if let Some(control) = &spec.control_plane {
            let fields = json!({
                "nodes": control.nodes, "instance": control.instance, "volume_gib": control.volume_gib});
            set("control_plane", fields);
        }
    } else {
        set("admins", json!(spec.admins));
        let wants = |addon| chosen(file).iter().any(|one| one.addon == addon);
        set("volumes", wants(Addon::EbsCsi).into());
        set("autoscaler", wants(Addon::ClusterAutoscaler).into());
    }
    set("network", addresses);
    set("api", api);
    let workers: Map<String, Value> =
        spec.workers.iter().map(|(name, pool)| (name.clone(), workers(pool, kubeadm))).collect();
    set("workers", Value::Object(workers));
    inputs
}

fn workers(pool: &Pool, kubeadm: bool) -> Value {
    let mut fields = json!({
        "instances": pool.instances,
        "min": pool.min,
        "max": pool.max,
        "volume_gib": pool.volume_gib,
        "spot": pool.spot,
        "labels": pool.labels,
        "taints": pool.taints,
    });
    if kubeadm {
        fields["on_demand"] = pool.on_demand.into();
    }
    fields
}

/// Terraform reads `${` and `%{` in JSON as templates; what people wrote is no template.
fn literal(value: Value) -> Value {
    match value {
        Value::String(text) => Value::String(text.replace("${", "$${").replace("%{", "%%{")),
        Value::Array(items) => Value::Array(items.into_iter().map(literal).collect()),
        Value::Object(fields) => {
            Value::Object(fields.into_iter().map(|(key, value)| (key, literal(value))).collect())
        }
        other => other,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plan::tests::{identity, kubeadm};

    #[test]
    fn the_root_of_a_kubeadm_cluster_is_whole() {
        let file: ClusterFile = serde_json::from_value(kubeadm()).unwrap();
        let backend =
            Backend { bucket: "outboard-123".into(), region: "eu-west-1".into(), path_style: false };
        insta::assert_json_snapshot!(module(&file, &identity(), "./modules/kubeadm", &[], Some(&backend)));
    }

    #[test]
    fn eks_is_told_which_add_ons_act_in_aws() {
        let of = |addons: Value| {
            let mut value = kubeadm();
            value["spec"]["topology"] = json!("eks");
            value["spec"]["addons"] = addons;
            let file: ClusterFile = serde_json::from_value(value).unwrap();
            let root = module(&file, &identity(), "./modules/eks", &[], None);
            let input = |key: &str| root["module"]["cluster"][key].as_bool().unwrap();
            (input("volumes"), input("autoscaler"))
        };
        assert_eq!(of(json!({})), (true, true));
        assert_eq!(of(json!({"without": ["cluster-autoscaler"]})), (true, false));
        assert_eq!(of(json!("none")), (false, false));
    }

    #[test]
    fn what_people_write_is_no_template() {
        let value = literal(json!({"a": ["${file(\"/etc/passwd\")}", "%{ if true }"]}));
        assert_eq!(value, json!({"a": ["$${file(\"/etc/passwd\")}", "%%{ if true }"]}));
    }

    #[test]
    fn a_module_of_ones_own_gets_what_it_declares_and_what_it_is_given() {
        let mut value = kubeadm();
        value["spec"] = json!({
            "region": "eu-west-1", "topology": "own", "module": "./mine", "inputs": {"size": 3}});
        let file: ClusterFile = serde_json::from_value(value).unwrap();
        let root = module(&file, &identity(), "./modules/own", &["region".to_owned()], None);
        assert_eq!(
            root["module"]["cluster"],
            json!({"region": "eu-west-1", "size": 3, "source": "./modules/own"})
        );
        assert_eq!(root["terraform"].get("backend"), None);
    }
}
