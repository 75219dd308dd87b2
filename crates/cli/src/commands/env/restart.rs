//! `outboard env restart`.

use api::names::{EnvironmentName, PartName};
use clap::Args;
use verbs::environment;

use super::carry_out;
use crate::args::{Changing, Scope};
use crate::context::Context;
use crate::error::Result;

/// Replace the pods of components, the new ones first; of a job: run it again
#[derive(Args, Debug)]
pub struct RestartArgs {
    /// Name of the environment
    pub name: EnvironmentName,
    /// Components [default: all but jobs]
    pub components: Vec<PartName>,
    #[command(flatten)]
    pub scope: Scope,
    #[command(flatten)]
    pub changing: Changing,
}

pub async fn run(context: &Context, args: RestartArgs) -> Result<()> {
    let place = context.place(&args.scope).await?;
    let components: Vec<String> = args.components.iter().map(ToString::to_string).collect();
    let wish =
        environment::restart(&place.cluster, &place.namespace, args.name.as_str(), &components).await?;
    carry_out(context, &place, wish, &args.changing).await
}
