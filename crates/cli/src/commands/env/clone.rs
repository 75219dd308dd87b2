//! `outboard env clone`.

use api::names::{ClassName, EnvironmentName};
use clap::Args;
use verbs::environment;

use super::carry_out;
use crate::args::{Changing, Scope};
use crate::context::Context;
use crate::error::Result;

/// Create an environment with the same bytes and settings as another, and data of its own
#[derive(Args, Debug)]
pub struct CloneArgs {
    /// The environment to be like
    pub from: EnvironmentName,
    /// Name of the new environment
    pub to: EnvironmentName,
    /// Class (stage) of the new one [default: the same]
    #[arg(short, long, value_name = "CLASS")]
    pub class: Option<ClassName>,
    #[command(flatten)]
    pub scope: Scope,
    #[command(flatten)]
    pub changing: Changing,
}

pub async fn run(context: &Context, args: CloneArgs) -> Result<()> {
    let place = context.place(&args.scope).await?;
    let class = args.class.as_ref().map(ClassName::as_str);
    let wish =
        environment::clone(&place.cluster, &place.namespace, args.from.as_str(), &args.to, class).await?;
    carry_out(context, &place, wish, &args.changing).await
}
