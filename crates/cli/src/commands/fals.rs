//! `outboard fals`: ships log files; what the old fals did, and what clusters need of it.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, Subcommand};

use crate::args::duration;
use crate::error::{Failure, Result};

/// Ship log files to a delivery stream of Firehose; reads the config.json of the old fals
#[derive(Args, Debug)]
#[command(args_conflicts_with_subcommands = true)]
pub struct FalsArgs {
    #[command(subcommand)]
    pub command: Option<FalsCommand>,
    #[command(flatten)]
    pub host: HostArgs,
}

#[derive(Debug, Subcommand)]
pub enum FalsCommand {
    Node(NodeArgs),
    Tail(TailArgs),
}

impl FalsArgs {
    /// Whether its output is somebody else's logs, among which it says nothing of its own but what is wrong.
    pub fn is_tail(&self) -> bool {
        matches!(self.command, Some(FalsCommand::Tail(_)))
    }
}

/// Ship what the environments' containers on this node write; started by `outboard install --logs`
#[derive(Args, Debug)]
pub struct NodeArgs {
    /// Name of the node
    #[arg(long, env = "NODE_NAME", value_name = "NAME")]
    pub node: String,
    /// The delivery stream
    #[arg(long, value_name = "NAME")]
    pub stream: String,
    /// Its region [default: the one that AWS' own settings name]
    #[arg(long, value_name = "REGION")]
    pub region: Option<String>,
    /// Where the kubelet keeps pods' logs
    #[arg(long, value_name = "FOLDER", default_value = "/var/log/pods")]
    pub pods: PathBuf,
    /// Where health and metrics are served
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1:8082")]
    pub metrics: SocketAddr,
    #[command(flatten)]
    pub keeping: KeepingArgs,
}

/// Write the lines of files to the output, each with the name of its file; runs beside components with `logs`
#[derive(Args, Debug)]
pub struct TailArgs {
    /// The files; they need not be there yet
    #[arg(required = true, value_name = "FILE")]
    pub files: Vec<PathBuf>,
    #[command(flatten)]
    pub keeping: KeepingArgs,
}

/// The files of a configuration, on a machine outside of clusters.
#[derive(Args, Debug)]
pub struct HostArgs {
    /// The configuration; read anew when it changes, and on SIGHUP
    #[arg(long, value_name = "FILE", default_value = "config.json")]
    pub config: PathBuf,
    #[command(flatten)]
    pub keeping: KeepingArgs,
    /// Where health and metrics are served, such as 127.0.0.1:9090 [default: nowhere]
    #[arg(long, value_name = "ADDRESS")]
    pub metrics: Option<SocketAddr>,
}

/// What is kept on disk, and how it stops.
#[derive(Args, Clone, Debug)]
pub struct KeepingArgs {
    /// Folder that keeps how far every file is shipped
    #[arg(long, value_name = "FOLDER", default_value = "/var/lib/outboard-fals")]
    pub state: PathBuf,
    /// How much may be copied of files that are deleted or compressed before they are shipped
    #[arg(long, value_name = "SIZE", default_value = "1GiB", value_parser = size)]
    pub spool: u64,
    /// How long it may take to send what is there once it is told to stop
    #[arg(long, value_name = "DURATION", default_value = "10s", value_parser = duration)]
    pub drain: Duration,
}

fn size(text: &str) -> std::result::Result<u64, String> {
    let wrong = || "write a size such as 512MiB or 2GiB".to_owned();
    let letters = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
    let (number, unit) = text.split_at(letters);
    let unit: u64 = match unit {
        "" => 1,
        "KiB" | "Ki" => 1 << 10,
        "MiB" | "Mi" => 1 << 20,
        "GiB" | "Gi" => 1 << 30,
        _ => return Err(wrong()),
    };
    number.parse::<u64>().ok().and_then(|number| number.checked_mul(unit)).ok_or_else(wrong)
}

pub fn run(args: FalsArgs) -> Result<()> {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .map_err(|error| Failure::Start(error.to_string()))?;
    let outcome = runtime.block_on(start(args));
    // A record may still be on its way: what becomes of it is known at the next start.
    runtime.shutdown_background();
    Ok(outcome?)
}

async fn start(args: FalsArgs) -> std::result::Result<(), fals::Error> {
    match args.command {
        None => {
            let HostArgs { config, keeping, metrics } = args.host;
            let KeepingArgs { state, spool, drain } = keeping;
            fals::run(&fals::Options { config, state, spool, drain, metrics }).await
        }
        Some(FalsCommand::Node(NodeArgs { node, stream, region, pods, metrics, keeping })) => {
            let KeepingArgs { state, spool, drain } = keeping;
            let stream = fals::Stream { name: stream, region, key: None };
            fals::node::run(&fals::node::Options { node, stream, pods, state, spool, drain, metrics }).await
        }
        Some(FalsCommand::Tail(TailArgs { files, keeping })) => {
            let KeepingArgs { state, spool, drain } = keeping;
            fals::sidecar::run(&fals::sidecar::Options { files, state, spool, drain }).await
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_size_is_a_number_with_a_unit() {
        assert_eq!(size("512MiB"), Ok(512 << 20));
        assert_eq!(size("7"), Ok(7));
        assert!(
            size("1GB").is_err()
                && size("").is_err()
                && size("-1").is_err()
                && size("99999999999GiB").is_err()
        );
    }
}
