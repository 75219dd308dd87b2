//! `outboard cluster diagnose`.

use clap::Args;
use verbs::clusters;

use super::ClusterFileArgs;
use crate::context::Context;
use crate::error::Result;
use crate::output::cluster as shown;

/// Show how far each machine is, and why those that are no nodes are none
#[derive(Args, Debug)]
pub struct DiagnoseArgs {
    #[command(flatten)]
    pub cluster: ClusterFileArgs,
}

pub async fn run(context: &Context, args: DiagnoseArgs) -> Result<()> {
    let found = clusters::diagnose(&args.cluster.wanted()?).await?;
    context.output.result(&found, |paint| shown::findings(&found, *paint))
}
