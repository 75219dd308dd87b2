//! `outboard cluster drift`.

use api::Exit;
use clap::Args;
use verbs::clusters;

use super::ClusterFileArgs;
use crate::context::Context;
use crate::error::{Failure, Result};
use crate::output::cluster::{self as shown, Teller};

/// Show what was changed or deleted behind Terraform's back, and leave it so
///
/// What may differ stands in the file under `drift.ignore`. What an interrupted run has left is taken up first.
#[derive(Args, Debug)]
pub struct DriftArgs {
    #[command(flatten)]
    pub cluster: ClusterFileArgs,
    /// End with exit code 42 if something differs: for schedules
    #[arg(long)]
    pub exit_code: bool,
}

pub async fn run(
    context: &Context,
    args: DriftArgs,
    interrupted: &mut (impl Future<Output = ()> + Unpin),
) -> Result<()> {
    let wanted = args.cluster.wanted()?;
    let mut teller = Teller::new(&context.output);
    let report = clusters::drift(&wanted, interrupted, &mut |event| teller.tell(&event)).await?;
    context.output.outcome(&report, |paint| shown::drift(&report, *paint))?;
    if args.exit_code && !report.drifted.is_empty() {
        return Err(Failure::Ended(Exit::Drifted.code()));
    }
    Ok(())
}
