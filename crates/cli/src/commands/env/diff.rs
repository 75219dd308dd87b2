//! `outboard env diff`.

use api::names::EnvironmentName;
use clap::Args;
use verbs::environment;

use crate::args::Scope;
use crate::context::Context;
use crate::error::Result;
use crate::output::plan;

/// Show in what an environment differs from another: versions, settings, scale and objects
#[derive(Args, Debug)]
pub struct DiffArgs {
    /// The environment to start from
    pub left: EnvironmentName,
    /// The environment to compare with it
    pub right: EnvironmentName,
    #[command(flatten)]
    pub scope: Scope,
}

pub async fn run(context: &Context, args: DiffArgs) -> Result<()> {
    let place = context.place(&args.scope).await?;
    let (left, right) = (args.left.as_str(), args.right.as_str());
    let found = environment::diff(&place.cluster, &place.namespace, left, right).await?;
    context.output.result(&found, |paint| plan::comparison(&found, *paint))
}
