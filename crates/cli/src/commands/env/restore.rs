//! `outboard env restore`.

use api::names::EnvironmentName;
use clap::Args;
use verbs::environment::{self, Lost};

use super::carry_out;
use crate::args::{Changing, Scope};
use crate::context::Context;
use crate::error::Result;

/// Bring an environment back that was destroyed, with the volumes that its class kept; no job runs again
#[derive(Args, Debug)]
pub struct RestoreArgs {
    /// Name of the environment
    pub name: EnvironmentName,
    /// Revision to run again [default: the last one that was ready]
    #[arg(long, value_name = "NUMBER", value_parser = clap::value_parser!(i64).range(1..))]
    pub revision: Option<i64>,
    /// Of several that ended with the same revision, the record of what was kept of one
    #[arg(long, value_name = "RECORD", conflicts_with = "without_data")]
    pub kept: Option<String>,
    /// With empty services, for which jobs run; volumes that were kept stay as they are
    #[arg(long)]
    pub without_data: bool,
    #[command(flatten)]
    pub scope: Scope,
    #[command(flatten)]
    pub changing: Changing,
}

pub async fn run(context: &Context, args: RestoreArgs) -> Result<()> {
    let place = context.place(&args.scope).await?;
    let lost =
        Lost { name: args.name, revision: args.revision, kept: args.kept, without_data: args.without_data };
    let wish = environment::restore(&place.cluster, &place.namespace, &lost).await?;
    carry_out(context, &place, wish, &args.changing).await
}
