//! `outboard data resume`.

use clap::Args;
use verbs::data;

use super::{Named, steered};
use crate::context::Context;
use crate::error::Result;

/// Let a paused copy go on where it was, as of a new moment
#[derive(Args, Debug)]
pub struct ResumeArgs {
    #[command(flatten)]
    pub copy: Named,
}

pub async fn run(context: &Context, args: ResumeArgs) -> Result<()> {
    let place = context.place(&args.copy.scope).await?;
    let name = args.copy.name.as_str();
    let (copy, change) = data::resume(&place.cluster, &place.namespace, name).await?;
    steered(context, name, "resumed", &copy, change)
}
