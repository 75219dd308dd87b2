//! `outboard cluster adopt`.

use clap::Args;
use verbs::clusters;

use super::ListedArgs;
use crate::context::Context;
use crate::error::Result;
use crate::output::cluster::Teller;

/// List a cluster that others made and look after: the one of `--context`
#[derive(Args, Debug)]
pub struct AdoptArgs {
    /// What it is to be called
    pub name: String,
    #[command(flatten)]
    pub listed: ListedArgs,
}

pub async fn run(context: &Context, args: AdoptArgs) -> Result<()> {
    let found = clusters::found(&context.cluster().await?).await?;
    let mut teller = Teller::new(&context.output);
    let ListedArgs { region, bucket } = args.listed;
    clusters::adopt(&args.name, &region, bucket.as_deref(), &found, &mut |event| teller.tell(&event)).await?;
    context.output.outcome(&found, |paint| {
        format!(
            "{} {} is listed: Kubernetes {} with {} nodes at {}",
            paint.good("✓"),
            paint.strong(&args.name),
            found.kubernetes,
            found.nodes,
            found.endpoint
        )
    })
}
