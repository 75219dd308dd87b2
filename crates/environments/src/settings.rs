//! What the operator is told about the cluster it runs in.

use std::collections::BTreeMap;
use std::time::Duration;

use crate::webhook::Webhook;

/// Settings of one installation, the same for every environment.
#[derive(Clone, Debug, PartialEq)]
pub struct Settings {
    /// Name of this installation; it marks everything that is made.
    pub install: String,
    /// outboard's own image, for what runs beside components.
    pub image: String,
    /// The operator's own namespace, where teams have no rights.
    pub home: String,
    /// Domain under which every environment's hosts lie.
    pub domain: String,
    /// `http` or `https`, as people type it.
    pub url_scheme: String,
    /// Port as people type it, where it is not the scheme's own.
    pub url_port: Option<u16>,
    /// The Gateway that routes attach to.
    pub gateway_namespace: String,
    pub gateway_name: String,
    /// How long the revisions of a destroyed environment are kept.
    pub retention: Duration,
    /// How many environments are reconciled at once.
    pub concurrency: u16,
    /// By registry, the URL where it is reached if that is not `https://` and its name: a mirror, or one without TLS.
    pub registries: BTreeMap<String, String>,
    /// Labels that every rendered object carries besides outboard's own: who pays for it, say.
    pub labels: BTreeMap<String, String>,
    /// Field managers that may add to rendered objects: a service mesh's, say. What they add is no drift.
    pub managers: Vec<String>,
    /// Where verdicts are announced, or why they cannot be.
    pub webhook: Option<Result<Webhook, String>>,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            install: "outboard".to_owned(),
            image: concat!("outboard/outboard:", env!("CARGO_PKG_VERSION")).to_owned(),
            home: "outboard-system".to_owned(),
            domain: "localhost".to_owned(),
            url_scheme: "http".to_owned(),
            url_port: None,
            gateway_namespace: "envoy-gateway-system".to_owned(),
            gateway_name: "outboard".to_owned(),
            retention: Duration::from_secs(7 * 24 * 3600),
            concurrency: 16,
            registries: BTreeMap::new(),
            labels: BTreeMap::new(),
            managers: Vec::new(),
            webhook: None,
        }
    }
}
