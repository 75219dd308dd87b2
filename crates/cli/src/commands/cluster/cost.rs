//! `outboard cluster cost`.

use clap::Args;
use verbs::clusters;

use super::ClusterFileArgs;
use crate::context::Context;
use crate::error::{Failure, Result};
use crate::output::cluster as shown;

/// Show what a cluster costs each month, item by item, by list prices; asks nobody
#[derive(Args, Debug)]
pub struct CostArgs {
    #[command(flatten)]
    pub cluster: ClusterFileArgs,
}

pub fn run(context: &Context, args: &CostArgs) -> Result<()> {
    let wanted = args.cluster.wanted()?;
    let cost = clusters::cost(&wanted)?.ok_or_else(|| Failure::Usage {
        sentence: "only a module of your own knows what it makes".to_owned(),
        hint: "prices are known of topologies kubeadm and eks".to_owned(),
    })?;
    context.output.result(&cost, |_| shown::cost(&cost))
}
