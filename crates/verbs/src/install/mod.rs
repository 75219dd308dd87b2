//! `outboard install`: everything outboard needs in a cluster, as values, as YAML and as done.
//!
//! Running it again upgrades. It takes over nothing that does not carry outboard's mark.

mod admission;
mod apply;
mod bindings;
mod deployment;
mod error;
mod logs;
mod merged;
mod needed;
mod prometheus;
mod rights;
pub(crate) mod roles;
mod server;
#[cfg(test)]
mod tests;
mod wait;
mod yaml;

use std::collections::BTreeMap;

use api::marks;
use serde_json::{Value, json};

pub use admission::RELEASE;
pub use apply::{Applied, Outcome, Report, apply};
pub use environments::{Settings, Webhook};
pub use error::{Error, Taken};
pub use logs::Logs;
pub use needed::Lack;
pub use prometheus::monitoring;
pub use server::Server;
pub use wait::wait;
pub use yaml::to_yaml;

use crate::operator::NAMESPACE;

/// Name of the operator's Deployment, ServiceAccount, Service and roles.
const OPERATOR: &str = crate::operator::DEPLOYMENT;

/// How outboard is installed.
#[derive(Clone, Debug)]
pub struct Options {
    /// What the operator is told; its own image too, with tag or, better, digest.
    pub settings: Settings,
    /// Which records of DNS the operator keeps.
    pub hostnames: ::hostnames::Settings,
    /// One leads; more take over faster when its node dies.
    pub replicas: u16,
    /// The IAM role that it may assume, on EKS.
    pub aws_role: Option<String>,
    /// Environment variables that it has besides.
    pub env: BTreeMap<String, String>,
    /// Secrets of its namespace whose keys are environment variables of it.
    pub env_from: Vec<String>,
    /// Whether logs are shipped, and where to.
    pub logs: Option<Logs>,
    /// Whether people sign in to a server, and how.
    pub server: Option<Server>,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            settings: Settings::default(),
            hostnames: ::hostnames::Settings::default(),
            replicas: 1,
            aws_role: None,
            env: BTreeMap::new(),
            env_from: Vec::new(),
            logs: None,
            server: None,
        }
    }
}

impl Options {
    /// What every installed object carries.
    fn labels(&self) -> BTreeMap<&'static str, &str> {
        BTreeMap::from([
            ("app.kubernetes.io/managed-by", "outboard"),
            ("app.kubernetes.io/name", "outboard"),
            ("app.kubernetes.io/version", env!("CARGO_PKG_VERSION")),
            (marks::INSTALL, self.settings.install.as_str()),
        ])
    }
}

/// The custom resource definitions, which have to be there before anything else.
pub fn definitions(options: &Options) -> Vec<Value> {
    let mut definitions = vec![];
    for definition in api::crds::all() {
        let mut value = json!(definition);
        value["metadata"]["labels"] = json!(options.labels());
        definitions.push(value);
    }
    definitions
}

/// Everything but the definitions, in the order in which to apply it.
pub fn workload(options: &Options) -> Vec<Value> {
    let mut objects = vec![json!({
        "apiVersion": "v1",
        "kind": "Namespace",
        "metadata": {"name": NAMESPACE},
    })];
    objects.extend(rights::of_operator(options.aws_role.as_deref()));
    if options.hostnames.issuer.is_some() {
        let hostnames = &options.hostnames;
        objects.extend(rights::of_certificates(&hostnames.gateway_namespace, &hostnames.gateway_name));
    }
    objects.extend(roles::objects());
    objects.extend(admission::objects());
    objects.extend(deployment::objects(options));
    objects.extend(logs::objects(options));
    objects.extend(server::objects(options));
    for object in &mut objects {
        let mut labels = json!(options.labels());
        if object["kind"] == "Namespace" {
            // Whoever reads the logs of a node has to see a folder of it.
            let level = if options.logs.is_some() { "privileged" } else { "restricted" };
            labels["pod-security.kubernetes.io/enforce"] = json!(level);
        }
        if let (Value::Object(labels), Value::Object(own)) =
            (&mut labels, object["metadata"]["labels"].take())
        {
            labels.extend(own);
        }
        object["metadata"]["labels"] = labels;
    }
    objects
}

/// Everything that `outboard install` makes, in the order in which it makes it.
pub fn manifests(options: &Options) -> Vec<Value> {
    [definitions(options), workload(options)].concat()
}
