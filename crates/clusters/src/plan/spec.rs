//! The shape of a Cluster file, which is its schema, too.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use schemars::generate::SchemaSettings;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::addons::Addon;

/// A whole Cluster file.
#[derive(Clone, Debug, Deserialize, JsonSchema, PartialEq, Serialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct ClusterFile {
    pub api_version: String,
    pub kind: String,
    pub metadata: Metadata,
    pub spec: ClusterSpec,
}

#[derive(Clone, Debug, Deserialize, JsonSchema, PartialEq, Serialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct Metadata {
    /// The cluster's name.
    pub name: String,
}

#[derive(Clone, Debug, Deserialize, JsonSchema, PartialEq, Serialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct ClusterSpec {
    /// Region of AWS.
    pub region: String,
    /// Account that the cluster belongs to: twelve digits in quotes. With other credentials nothing is done.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub account: Option<String>,
    /// Who looks after the control plane: kubeadm, eks, or own (a module of one's own).
    pub topology: Topology,
    /// Version of Kubernetes: 1.34.2 for kubeadm, 1.34 for eks.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub kubernetes: Option<String>,
    /// AMI of every node (kubeadm).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub image: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub network: Option<Network>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub api: Option<ApiAccess>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub control_plane: Option<ControlPlane>,
    /// Pools of workers by name.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub workers: BTreeMap<String, Pool>,
    /// ARNs of the roles that administer the cluster (eks).
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub admins: Vec<String>,
    /// Folder of the module, beside this file (own).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub module: Option<String>,
    /// Variables of the module (own).
    #[serde(default, skip_serializing_if = "Map::is_empty")]
    pub inputs: Map<String, Value>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub state: Option<StatePlace>,
    /// Tags of everything that is made, but for objects in the bucket.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub tags: BTreeMap<String, String>,
    /// ARN of the policy that bounds every role.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub permissions_boundary: Option<String>,
    /// ARN of the key of volumes and parameters.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub kms_key: Option<String>,
    /// What is installed once the API answers: `none`, or what of it is left out (default: everything; own: nothing).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub addons: Option<AddonsSpec>,
    /// Whether `destroy` has the cluster's own Kubernetes delete environments, load balancers and volumes first (own; default:
    /// false).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub give_back: Option<bool>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub drift: Option<DriftRules>,
    /// File beside this one (JSON) with prices that hold in place of list prices.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub prices: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub terraform: Option<Terraform>,
}

#[derive(Clone, Copy, Debug, Deserialize, Eq, JsonSchema, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub enum Topology {
    Kubeadm,
    Eks,
    Own,
}

impl Topology {
    pub fn word(self) -> &'static str {
        match self {
            Self::Kubeadm => "kubeadm",
            Self::Eks => "eks",
            Self::Own => "own",
        }
    }
}

#[derive(Clone, Debug, Deserialize, JsonSchema, PartialEq, Serialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct Network {
    /// Addresses of the VPC: /16 to /21.
    pub cidr: String,
    /// Availability zones; their order decides their addresses.
    pub zones: Vec<String>,
    /// How nodes reach the internet: perZone, single or none.
    #[serde(default)]
    pub nat: Nat,
    /// Addresses of pods (kubeadm; default 10.244.0.0/16).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pods: Option<String>,
    /// Addresses of Services (default 10.96.0.0/16).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub services: Option<String>,
}

#[derive(Clone, Copy, Debug, Default, Deserialize, Eq, JsonSchema, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub enum Nat {
    #[default]
    PerZone,
    Single,
    None,
}

impl Nat {
    /// As the module knows it.
    pub fn word(self) -> &'static str {
        match self {
            Self::PerZone => "per-zone",
            Self::Single => "single",
            Self::None => "none",
        }
    }
}

#[derive(Clone, Debug, Default, Deserialize, JsonSchema, PartialEq, Serialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct ApiAccess {
    /// Whether it has a public address (default: false).
    #[serde(default)]
    pub public: bool,
    /// CIDRs that may reach it besides its nodes; what else lies in its network is one of them, too.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub allow: Vec<String>,
    /// Its only name (kubeadm; default `api.NAME.outboard.internal`).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub host: Option<String>,
    /// Hosted zone of Route 53 that `host` is in; without it a private one is made.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub zone_id: Option<String>,
}

#[derive(Clone, Debug, Deserialize, JsonSchema, PartialEq, Serialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct ControlPlane {
    /// 1, 3 or 5, each in a zone of its own (default: 3).
    #[serde(default = "three")]
    pub nodes: u32,
    /// Instance type.
    pub instance: String,
    /// Size of each node's volume in GiB (default: 50).
    #[serde(default = "fifty")]
    pub volume_gib: u32,
}

#[derive(Clone, Debug, Deserialize, JsonSchema, PartialEq, Serialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct Pool {
    /// Instance types, the preferred one first.
    pub instances: Vec<String>,
    /// Least number of nodes.
    pub min: u32,
    /// Greatest number of nodes.
    pub max: u32,
    /// Size of each node's volume in GiB (default: 50).
    #[serde(default = "fifty")]
    pub volume_gib: u32,
    /// Whether nodes are spot instances (default: false).
    #[serde(default)]
    pub spot: bool,
    /// How many nodes of a spot pool are on demand all the same (kubeadm; default: 0).
    #[serde(default)]
    pub on_demand: u32,
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub labels: BTreeMap<String, String>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub taints: Vec<Taint>,
}

#[derive(Clone, Debug, Deserialize, JsonSchema, PartialEq, Serialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct Taint {
    pub key: String,
    #[serde(default)]
    pub value: String,
    pub effect: Effect,
}

#[derive(Clone, Copy, Debug, Deserialize, Eq, JsonSchema, PartialEq, Serialize)]
pub enum Effect {
    NoSchedule,
    PreferNoSchedule,
    NoExecute,
}

#[derive(Clone, Debug, Deserialize, JsonSchema, PartialEq, Serialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct StatePlace {
    /// Bucket of states (default `outboard-ACCOUNT-REGION`); made if it is not there.
    pub bucket: String,
}

#[derive(Clone, Debug, Deserialize, JsonSchema, PartialEq, Serialize)]
#[serde(untagged)]
pub enum AddonsSpec {
    None(Nothing),
    Some(SomeAddons),
}

#[derive(Clone, Copy, Debug, Deserialize, Eq, JsonSchema, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub enum Nothing {
    None,
}

#[derive(Clone, Debug, Default, Deserialize, JsonSchema, PartialEq, Serialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct SomeAddons {
    /// Those that somebody else looks after.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub without: Vec<Addon>,
    /// These and no others; topology own has none but those.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub only: Vec<Addon>,
    /// Registry that holds all images, in place of their own hosts: registry.example.org/mirror.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub registry: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub gateway: Option<GatewaySettings>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub outboard: Option<OutboardSettings>,
}

/// Who reaches the Gateway.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema, PartialEq, Serialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct GatewaySettings {
    /// Whether its load balancer has a public address (default: false, reached from its network alone).
    #[serde(default)]
    pub public: bool,
    /// CIDRs that reach a public one; 0.0.0.0/0 is everybody.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub allow: Vec<String>,
}

/// How outboard itself is installed; more can be said to `outboard install`.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema, PartialEq, Serialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct OutboardSettings {
    /// Its image (default: the one of this version).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub image: Option<String>,
    /// Domain of environments' hosts (default: localhost).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub domain: Option<String>,
    /// Delivery stream of Firehose to which a DaemonSet ships logs of environments; without one none are shipped.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub log_stream: Option<String>,
}

#[derive(Clone, Debug, Default, Deserialize, JsonSchema, PartialEq, Serialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct DriftRules {
    /// What may differ.
    pub ignore: Vec<Ignored>,
}

#[derive(Clone, Debug, Deserialize, JsonSchema, PartialEq, Serialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct Ignored {
    /// Address of a resource; `*` stands for anything.
    pub address: String,
    /// Attributes of it; without any: all.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub attributes: Vec<String>,
}

#[derive(Clone, Debug, Default, Deserialize, JsonSchema, PartialEq, Serialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct Terraform {
    /// File beside this one (`*.tf.json`) that Terraform lays over what outboard writes: roles to assume, endpoints, proxies.
    #[serde(rename = "override")]
    pub overlay: String,
}

fn three() -> u32 {
    3
}

fn fifty() -> u32 {
    50
}

/// What a file is checked with first: unknown keys are errors.
pub fn json_schema() -> Value {
    let settings = SchemaSettings::draft2020_12().with(|settings| {
        settings.inline_subschemas = true;
        settings.meta_schema = None;
    });
    let mut schema = settings.into_generator().into_root_schema_for::<ClusterFile>().to_value();
    schema["properties"]["apiVersion"] = serde_json::json!({"const": api::API_VERSION});
    schema["properties"]["kind"] = serde_json::json!({"const": "Cluster"});
    schema
}
