//! `outboard cluster plan`.

use clap::Args;
use verbs::clusters::{self, Consent, Purpose};

use super::ClusterFileArgs;
use crate::context::Context;
use crate::error::Result;
use crate::output::cluster::{self as shown, Teller};

/// Show what would be made or changed, what that costs and what it interrupts; change nothing
#[derive(Args, Debug)]
pub struct PlanArgs {
    #[command(flatten)]
    pub cluster: ClusterFileArgs,
    /// Show what destroying would take away
    #[arg(long)]
    pub destroy: bool,
    /// Do not refuse a plan by which data would be lost
    #[arg(long)]
    pub allow_loss: bool,
}

pub async fn run(
    context: &Context,
    args: PlanArgs,
    interrupted: &mut (impl Future<Output = ()> + Unpin),
) -> Result<()> {
    let wanted = args.cluster.wanted()?;
    let mut teller = Teller::new(&context.output);
    let purpose = if args.destroy { Purpose::Destroy } else { Purpose::Apply };
    // What is protected is only looked at here.
    let consent = Consent { loss: args.allow_loss, protected: true, ..Consent::default() };
    let ready =
        clusters::prepare(&wanted, purpose, &consent, interrupted, &mut |event| teller.tell(&event)).await?;
    // A cluster that goes gets none.
    let addons = if args.destroy { Vec::new() } else { clusters::addons::words(&wanted) };
    let plan = shown::Plan::of(&ready.planned, addons, &ready.outside);
    context.output.outcome(&plan, |paint| shown::plan(&plan, *paint))
}
