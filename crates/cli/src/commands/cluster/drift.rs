//! `outboard cluster drift`.

use clap::Args;
use verbs::clusters;

use super::ClusterFileArgs;
use crate::context::Context;
use crate::error::Result;
use crate::output::cluster::{self as shown, Teller};

/// Show what was changed or deleted behind Terraform's back; change nothing
///
/// What may differ stands in the file under `drift.ignore`.
#[derive(Args, Debug)]
pub struct DriftArgs {
    #[command(flatten)]
    pub cluster: ClusterFileArgs,
}

pub async fn run(
    context: &Context,
    args: DriftArgs,
    interrupted: &mut (impl Future<Output = ()> + Unpin),
) -> Result<()> {
    let wanted = args.cluster.wanted()?;
    let mut teller = Teller::new(&context.output);
    let report = clusters::drift(&wanted, interrupted, &mut |event| teller.tell(&event)).await?;
    context.output.outcome(&report, |paint| shown::drift(&report, *paint))
}
