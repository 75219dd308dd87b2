//! `outboard cluster kubeconfig`.

use clap::Args;
use verbs::clusters;

use super::ClusterFileArgs;
use crate::context::Context;
use crate::error::Result;
use crate::output::{Output, to_yaml};

/// Write a kubeconfig of an administrator to stdout; its certificate ends within hours
#[derive(Args, Debug)]
pub struct KubeconfigArgs {
    #[command(flatten)]
    pub cluster: ClusterFileArgs,
    /// How long it is good for
    #[arg(long, value_name = "HOURS", default_value_t = 8, value_parser = clap::value_parser!(u32).range(1..=72))]
    pub hours: u32,
}

pub async fn run(context: &Context, args: KubeconfigArgs) -> Result<()> {
    let wanted = args.cluster.wanted()?;
    let kubeconfig = clusters::kubeconfig(&wanted, args.hours).await?;
    let output: &Output = &context.output;
    let yaml = to_yaml(&kubeconfig)?;
    output.result(&kubeconfig, |_| yaml)
}
