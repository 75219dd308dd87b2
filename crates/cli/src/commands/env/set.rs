//! `outboard env set`.

use api::names::EnvironmentName;
use clap::Args;
use verbs::environment::{self, Choice};

use super::carry_out;
use crate::args::{Changing, Scope};
use crate::context::Context;
use crate::error::Result;

/// Choose other versions for an environment and wait until it serves them
#[derive(Args, Debug)]
pub struct SetArgs {
    /// Name of the environment
    pub name: EnvironmentName,
    /// Version of a component, looked up anew even if its name stays the same; may be repeated
    #[arg(long = "set", value_name = "COMPONENT=VERSION", required = true)]
    pub versions: Vec<Choice>,
    #[command(flatten)]
    pub scope: Scope,
    #[command(flatten)]
    pub changing: Changing,
}

pub async fn run(context: &Context, args: SetArgs) -> Result<()> {
    let place = context.place(&args.scope).await?;
    let name = args.name.as_str();
    let wish = environment::set(&place.cluster, &place.namespace, name, &args.versions).await?;
    carry_out(context, &place, wish, &args.changing).await
}
