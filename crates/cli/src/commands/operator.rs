//! `outboard operator`: what `outboard install` starts in the cluster.

use std::net::SocketAddr;

use clap::Args;

use crate::error::{Failure, Result};

/// Run the operator; one per cluster, started by `outboard install`
#[derive(Args, Debug)]
pub struct OperatorArgs {
    /// Name of this installation; it marks everything that is made
    #[arg(long, env = "OUTBOARD_INSTALL", default_value = "outboard")]
    pub install: String,
    /// Namespace of the Lease by which one of several operators leads
    #[arg(long, env = "OUTBOARD_LEASE_NAMESPACE", default_value = verbs::operator::NAMESPACE)]
    pub lease_namespace: String,
    /// Lead without asking; there must be no other operator
    #[arg(long, env = "OUTBOARD_NO_LEADER_ELECTION")]
    pub no_leader_election: bool,
    /// Where health and metrics are served
    #[arg(long, env = "OUTBOARD_LISTEN", default_value = "0.0.0.0:8081")]
    pub listen: SocketAddr,
    /// Domain under which every environment's hosts lie
    #[arg(long, env = "OUTBOARD_DOMAIN", default_value = "localhost")]
    pub domain: String,
    /// Scheme of the URLs that people are shown
    #[arg(long, env = "OUTBOARD_URL_SCHEME", default_value = "http", value_parser = ["http", "https"])]
    pub url_scheme: String,
    /// Port of the URLs that people are shown, where it is not the scheme's own
    #[arg(long, env = "OUTBOARD_URL_PORT")]
    pub url_port: Option<u16>,
    /// The Gateway that routes attach to
    #[arg(long, env = "OUTBOARD_GATEWAY", value_name = "NAMESPACE/NAME", default_value = "envoy-gateway-system/outboard", value_parser = gateway)]
    pub gateway: (String, String),
    /// How many environments are reconciled at once
    #[arg(long, env = "OUTBOARD_CONCURRENCY", default_value_t = 16, value_parser = clap::value_parser!(u16).range(1..=256))]
    pub concurrency: u16,
}

/// `namespace/name`.
pub fn gateway(text: &str) -> Result<(String, String), String> {
    match text.split_once('/') {
        Some((namespace, name)) if !namespace.is_empty() && !name.is_empty() && !name.contains('/') => {
            Ok((namespace.to_owned(), name.to_owned()))
        }
        _ => Err("write NAMESPACE/NAME".to_owned()),
    }
}

pub fn run(args: OperatorArgs) -> Result<()> {
    let (gateway_namespace, gateway_name) = args.gateway;
    let options = operator::Options {
        install: args.install,
        lease_namespace: args.lease_namespace,
        leader_elect: !args.no_leader_election,
        listen: args.listen,
        domain: args.domain,
        url_scheme: args.url_scheme,
        url_port: args.url_port,
        gateway_namespace,
        gateway_name,
        concurrency: args.concurrency,
    };
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .map_err(|error| Failure::Start(error.to_string()))?;
    Ok(runtime.block_on(operator::run(options))?)
}
