//! `outboard cluster status`.

use clap::Args;
use verbs::clusters;

use super::ClusterFileArgs;
use crate::context::Context;
use crate::error::Result;
use crate::output::cluster as shown;

/// Show how a cluster is, and who works on it; needs no Terraform
#[derive(Args, Debug)]
pub struct StatusArgs {
    #[command(flatten)]
    pub cluster: ClusterFileArgs,
}

pub async fn run(context: &Context, args: StatusArgs) -> Result<()> {
    let status = clusters::status(&args.cluster.wanted()?).await?;
    context.output.result(&status, |paint| shown::status(&status, *paint))
}
