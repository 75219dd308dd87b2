//! `outboard cluster forget`.

use clap::Args;
use verbs::clusters;

use super::ListedArgs;
use crate::context::Context;
use crate::error::Result;

/// Strike off a cluster that was adopted; it runs on
#[derive(Args, Debug)]
pub struct ForgetArgs {
    /// What it is called
    pub name: String,
    #[command(flatten)]
    pub listed: ListedArgs,
}

pub async fn run(context: &Context, args: ForgetArgs) -> Result<()> {
    clusters::forget(&args.name, &args.listed.region, args.listed.bucket.as_deref()).await?;
    context.output.outcome(&serde_json::json!({"name": args.name}), |paint| {
        format!("{} {} is listed no more", paint.good("✓"), args.name)
    })
}
