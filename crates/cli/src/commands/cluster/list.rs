//! `outboard cluster list`.

use clap::Args;
use verbs::clusters;

use crate::context::Context;
use crate::error::Result;
use crate::output::cluster as shown;

/// List the clusters of a region
#[derive(Args, Debug)]
pub struct ListArgs {
    /// Region of AWS
    #[arg(long, value_name = "REGION", env = "AWS_REGION")]
    pub region: String,
    /// Bucket of states [default: outboard-ACCOUNT-REGION]
    #[arg(long, value_name = "BUCKET")]
    pub bucket: Option<String>,
}

pub async fn run(context: &Context, args: ListArgs) -> Result<()> {
    let all = clusters::list(&args.region, args.bucket.as_deref()).await?;
    context.output.result(&all, |paint| shown::list(&all, *paint))
}
