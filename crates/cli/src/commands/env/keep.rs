//! `outboard env keep`.

use api::names::EnvironmentName;
use clap::Args;
use verbs::environment;

use super::carry_out;
use crate::args::{Changing, Scope};
use crate::context::Context;
use crate::error::Result;

/// Make what others changed by hand a revision of its own, instead of healing it
///
/// For an environment whose class only reports drift. During a freeze: `outboard env thaw --keep`. The next `env set`,
/// `update` or `promote` renders from the project again, and its plan says what of it goes.
#[derive(Args, Debug)]
pub struct KeepArgs {
    /// Name of the environment
    pub name: EnvironmentName,
    #[command(flatten)]
    pub scope: Scope,
    #[command(flatten)]
    pub changing: Changing,
}

pub async fn run(context: &Context, args: KeepArgs) -> Result<()> {
    let place = context.place(&args.scope).await?;
    let wish = environment::keep(&place.cluster, &place.namespace, args.name.as_str(), false).await?;
    carry_out(context, &place, wish, &args.changing).await
}
