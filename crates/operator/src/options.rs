//! What the operator is told when it starts; the CLI fills it from flags and the environment.

use std::net::{Ipv4Addr, SocketAddr};

use environments::Settings;

/// Settings of one operator process.
#[derive(Clone, Debug)]
pub struct Options {
    /// What it renders, and where.
    pub settings: Settings,
    /// Which records of DNS it keeps.
    pub hostnames: hostnames::Settings,
    /// Namespace of the Lease, which is the operator's own.
    pub lease_namespace: String,
    /// Whether to elect a leader. Without it this process must be the only one.
    pub leader_elect: bool,
    /// Where health and metrics are served.
    pub listen: SocketAddr,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            settings: Settings::default(),
            hostnames: hostnames::Settings::default(),
            lease_namespace: "outboard-system".to_owned(),
            leader_elect: true,
            listen: SocketAddr::from((Ipv4Addr::UNSPECIFIED, 8081)),
        }
    }
}
