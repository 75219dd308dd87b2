//! `outboard env rollback`.

use api::names::EnvironmentName;
use clap::Args;
use verbs::environment;

use super::carry_out;
use crate::args::{Changing, Scope};
use crate::context::Context;
use crate::error::Result;

/// Run an earlier revision again, images and settings together; data stays, no job runs
#[derive(Args, Debug)]
pub struct RollbackArgs {
    /// Name of the environment
    pub name: EnvironmentName,
    /// Revision to run again [default: the last one before this that was ready]
    #[arg(long, value_name = "NUMBER", value_parser = clap::value_parser!(i64).range(1..))]
    pub to: Option<i64>,
    #[command(flatten)]
    pub scope: Scope,
    #[command(flatten)]
    pub changing: Changing,
}

pub async fn run(context: &Context, args: RollbackArgs) -> Result<()> {
    let place = context.place(&args.scope).await?;
    let name = args.name.as_str();
    let wish = environment::rollback(&place.cluster, &place.namespace, name, args.to).await?;
    carry_out(context, &place, wish, &args.changing).await
}
