//! `outboard env drift`.

use api::names::EnvironmentName;
use clap::Args;
use verbs::environment;

use crate::args::Scope;
use crate::context::Context;
use crate::error::Result;
use crate::output::drift;

/// Show what others changed in an environment, who, and what was put back
#[derive(Args, Debug)]
pub struct DriftArgs {
    /// Name of the environment
    pub name: EnvironmentName,
    #[command(flatten)]
    pub scope: Scope,
}

pub async fn run(context: &Context, args: DriftArgs) -> Result<()> {
    let place = context.place(&args.scope).await?;
    let report = environment::drift(&place.cluster, &place.namespace, args.name.as_str()).await?;
    context.output.result(&report, |paint| drift::report(&report, *paint))
}
