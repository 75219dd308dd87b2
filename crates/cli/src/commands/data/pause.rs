//! `outboard data pause`.

use clap::Args;
use verbs::data;

use super::{Named, steered};
use crate::context::Context;
use crate::error::Result;

/// Stop a copy until it is resumed; nothing is held on either side meanwhile
#[derive(Args, Debug)]
pub struct PauseArgs {
    #[command(flatten)]
    pub copy: Named,
}

pub async fn run(context: &Context, args: PauseArgs) -> Result<()> {
    let place = context.place(&args.copy.scope).await?;
    let name = args.copy.name.as_str();
    let (copy, change) = data::pause(&place.cluster, &place.namespace, name).await?;
    steered(context, name, "paused", &copy, change)
}
