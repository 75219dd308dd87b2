//! `outboard env promote`.

use api::names::EnvironmentName;
use clap::Args;
use verbs::environment;

use super::carry_out;
use crate::args::{Changing, Scope};
use crate::context::Context;
use crate::error::Result;

/// Give an environment exactly what was tested in another: project revision, versions and bytes
#[derive(Args, Debug)]
pub struct PromoteArgs {
    /// The environment that was tested: its present revision must have been ready
    pub from: EnvironmentName,
    /// The environment that gets the same
    pub to: EnvironmentName,
    #[command(flatten)]
    pub scope: Scope,
    #[command(flatten)]
    pub changing: Changing,
}

pub async fn run(context: &Context, args: PromoteArgs) -> Result<()> {
    let place = context.place(&args.scope).await?;
    let (from, to) = (args.from.as_str(), args.to.as_str());
    let wish = environment::promote(&place.cluster, &place.namespace, from, to, None).await?;
    carry_out(context, &place, wish, &args.changing).await
}
