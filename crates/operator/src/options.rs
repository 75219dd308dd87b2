//! What the operator is told when it starts; the CLI fills it from flags and the environment.

use std::net::{Ipv4Addr, SocketAddr};

use environments::Settings;

/// Settings of one operator process.
#[derive(Clone, Debug)]
pub struct Options {
    /// Name of this installation; it marks everything that is made.
    pub install: String,
    /// Namespace of the Lease, which is the operator's own.
    pub lease_namespace: String,
    /// Whether to elect a leader. Without it this process must be the only one.
    pub leader_elect: bool,
    /// Where health and metrics are served.
    pub listen: SocketAddr,
    /// Domain under which every environment's hosts lie.
    pub domain: String,
    /// `http` or `https`, as people type it.
    pub url_scheme: String,
    /// Port as people type it, where it is not the scheme's own.
    pub url_port: Option<u16>,
    /// The Gateway that routes attach to.
    pub gateway_namespace: String,
    pub gateway_name: String,
    /// How many environments are reconciled at once.
    pub concurrency: u16,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            install: "outboard".to_owned(),
            lease_namespace: "outboard-system".to_owned(),
            leader_elect: true,
            listen: SocketAddr::from((Ipv4Addr::UNSPECIFIED, 8081)),
            domain: "localhost".to_owned(),
            url_scheme: "http".to_owned(),
            url_port: None,
            gateway_namespace: "envoy-gateway-system".to_owned(),
            gateway_name: "outboard".to_owned(),
            concurrency: 16,
        }
    }
}

impl Options {
    /// What slice `environments` needs to know of it.
    pub(crate) fn environments(&self) -> Settings {
        Settings {
            install: self.install.clone(),
            domain: self.domain.clone(),
            url_scheme: self.url_scheme.clone(),
            url_port: self.url_port,
            gateway_namespace: self.gateway_namespace.clone(),
            gateway_name: self.gateway_name.clone(),
            concurrency: self.concurrency,
        }
    }
}
