//! `outboard cluster list`.

use clap::Args;
use verbs::clusters;

use super::ListedArgs;
use crate::context::Context;
use crate::error::Result;
use crate::output::cluster as shown;

/// List the clusters of a region
#[derive(Args, Debug)]
pub struct ListArgs {
    #[command(flatten)]
    pub listed: ListedArgs,
}

pub async fn run(context: &Context, args: ListArgs) -> Result<()> {
    let all = clusters::list(&args.listed.region, args.listed.bucket.as_deref()).await?;
    context.output.result(&all, |paint| shown::list(&all, *paint))
}
