//! What the slice is told about the cluster it runs in.

use crate::plan::{Limits, Policy};

/// Settings of one installation. Without a zone no records are kept.
#[derive(Clone, Debug, PartialEq)]
pub struct Settings {
    /// Name of this installation, and of this cluster among all that share a zone: both stand in records of ownership.
    pub install: String,
    pub cluster: String,
    /// Domain under which every environment's hosts lie. Where a zone holds it, it has one wildcard record.
    pub domain: String,
    /// Hosted zones, by their ids.
    pub zones: Vec<String>,
    pub policy: Policy,
    /// Percent of the hosts of a zone that one pass may change or delete.
    pub at_once: usize,
    /// The Gateway that hosts lead to.
    pub gateway_namespace: String,
    pub gateway_name: String,
    /// Hosts are reached by https: what certificates they show is looked at.
    pub https: bool,
    /// The ClusterIssuer of cert-manager that certificates are asked of. Without it they are others' affair.
    pub issuer: Option<String>,
    /// The operator's own namespace, in which the journal lies.
    pub home: String,
}

impl Settings {
    pub fn limits(&self) -> Limits {
        Limits { share: self.at_once, ..Limits::default() }
    }
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            install: "outboard".to_owned(),
            cluster: "outboard".to_owned(),
            domain: "localhost".to_owned(),
            zones: vec![],
            policy: Policy::Sync,
            at_once: Limits::default().share,
            gateway_namespace: "envoy-gateway-system".to_owned(),
            gateway_name: "outboard".to_owned(),
            https: false,
            issuer: None,
            home: "outboard-system".to_owned(),
        }
    }
}
