//! `outboard operator`: what `outboard install` starts in the cluster.

use std::net::SocketAddr;

use clap::Args;
use verbs::install::{Settings, Webhook};

use crate::error::{Failure, Result};
use crate::settings::{DnsArgs, SettingsArgs};

/// Run the operator; one per cluster, started by `outboard install`
#[derive(Args, Debug)]
pub struct OperatorArgs {
    #[command(flatten)]
    pub settings: SettingsArgs,
    #[command(flatten)]
    pub dns: DnsArgs,
    /// Image that it runs from, for what it puts beside components and for copies of data
    #[arg(long, env = "OUTBOARD_IMAGE", value_name = "IMAGE", default_value_t = Settings::default().image)]
    pub image: String,
    /// Namespace of the Lease by which one of several operators leads
    #[arg(long, env = "OUTBOARD_LEASE_NAMESPACE", default_value = verbs::operator::NAMESPACE)]
    pub lease_namespace: String,
    /// Lead without asking; there must be no other operator
    #[arg(long, env = "OUTBOARD_NO_LEADER_ELECTION")]
    pub no_leader_election: bool,
    /// Where health and metrics are served
    #[arg(long, env = "OUTBOARD_LISTEN", default_value = "0.0.0.0:8081")]
    pub listen: SocketAddr,
}

/// Addresses of webhooks are passwords, and what is a flag stands in the Deployment: these are read from the environment alone.
const WEBHOOK_URL: &str = "OUTBOARD_WEBHOOK_URL";
const WEBHOOK_KEY: &str = "OUTBOARD_WEBHOOK_KEY";

fn webhook() -> Option<Result<Webhook, String>> {
    let read = |name| Some(std::env::var_os(name)?.to_string_lossy().into_owned());
    let url = read(WEBHOOK_URL).filter(|url| !url.trim().is_empty())?;
    Some(Webhook::read(&url, read(WEBHOOK_KEY).as_deref()))
}

pub fn run(args: OperatorArgs) -> Result<()> {
    let hostnames =
        verbs::hostname::Settings { home: args.lease_namespace.clone(), ..args.dns.settings(&args.settings) };
    let options = operator::Options {
        hostnames,
        settings: Settings { image: args.image, webhook: webhook(), ..args.settings.settings() },
        lease_namespace: args.lease_namespace,
        leader_elect: !args.no_leader_election,
        listen: args.listen,
    };
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .map_err(|error| Failure::Start(error.to_string()))?;
    Ok(runtime.block_on(operator::run(options))?)
}
