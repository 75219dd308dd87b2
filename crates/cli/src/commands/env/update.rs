//! `outboard env update`.

use api::names::EnvironmentName;
use clap::Args;
use verbs::environment;

use super::carry_out;
use crate::args::{Changing, Scope};
use crate::context::Context;
use crate::error::Result;

/// Bring an environment to a newer revision of its project
#[derive(Args, Debug)]
pub struct UpdateArgs {
    /// Name of the environment
    pub name: EnvironmentName,
    /// Project revision, p-… [default: the project's newest]
    #[arg(short, long, value_name = "REVISION")]
    pub revision: Option<String>,
    #[command(flatten)]
    pub scope: Scope,
    #[command(flatten)]
    pub changing: Changing,
}

pub async fn run(context: &Context, args: UpdateArgs) -> Result<()> {
    let place = context.place(&args.scope).await?;
    let (name, revision) = (args.name.as_str(), args.revision.as_deref());
    let events = &mut context.events();
    let wish = environment::update(&place.cluster, &place.namespace, name, revision, events).await?;
    carry_out(context, &place, wish, &args.changing).await
}
