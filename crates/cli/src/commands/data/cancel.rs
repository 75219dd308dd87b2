//! `outboard data cancel`.

use clap::Args;
use verbs::data;

use super::{Named, steered};
use crate::context::Context;
use crate::error::Result;

/// End a copy for good; the target is left as `data show` says
#[derive(Args, Debug)]
pub struct CancelArgs {
    #[command(flatten)]
    pub copy: Named,
}

pub async fn run(context: &Context, args: CancelArgs) -> Result<()> {
    let place = context.place(&args.copy.scope).await?;
    let name = args.copy.name.as_str();
    let (copy, change) = data::cancel(&place.cluster, &place.namespace, name).await?;
    steered(context, name, "cancelled", &copy, change)
}
