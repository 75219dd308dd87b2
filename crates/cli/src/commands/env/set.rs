//! `outboard env set`.

use api::names::EnvironmentName;
use clap::{ArgGroup, Args};
use verbs::environment::{self, Choice, Setting, Settings, Unset};

use super::carry_out;
use crate::args::{Changing, Scope};
use crate::context::Context;
use crate::error::Result;

/// Choose other versions or settings for an environment and wait until it serves them
///
/// A setting differs by hand from the project until it is unset; environments of a protected class have none.
#[derive(Args, Debug)]
#[command(group = ArgGroup::new("what").args(["settings", "versions", "unset"]).required(true).multiple(true))]
pub struct SetArgs {
    /// Name of the environment
    pub name: EnvironmentName,
    /// Settings: COMPONENT.env.NAME, COMPONENT.scale.min|max|cpu, COMPONENT.resources.cpu|memory
    #[arg(value_name = "SETTING=VALUE")]
    pub settings: Vec<Setting>,
    /// Version of a component, looked up anew even if its name stays the same; may be repeated
    #[arg(long = "set", value_name = "COMPONENT=VERSION")]
    pub versions: Vec<Choice>,
    /// A setting that is to be as the project says again, or a word before several (`web.env`, `web`); may be repeated
    #[arg(long, value_name = "SETTING")]
    pub unset: Vec<Unset>,
    #[command(flatten)]
    pub scope: Scope,
    #[command(flatten)]
    pub changing: Changing,
}

pub async fn run(context: &Context, args: SetArgs) -> Result<()> {
    let place = context.place(&args.scope).await?;
    let name = args.name.as_str();
    let wanted = Settings { versions: args.versions, settings: args.settings, unset: args.unset };
    let wish = environment::set(&place.cluster, &place.namespace, name, &wanted).await?;
    carry_out(context, &place, wish, &args.changing).await
}
