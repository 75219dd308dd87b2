//! `outboard data show`.

use std::time::{Duration, Instant};

use clap::Args;
use verbs::data;

use super::{Named, wait};
use crate::args::duration;
use crate::context::Context;
use crate::error::Result;
use crate::output::copied as shown;
use crate::output::progress::Progress;

/// Show how far a copy is, and its report once it has ended
#[derive(Args, Debug)]
pub struct ShowArgs {
    #[command(flatten)]
    pub copy: Named,
    /// Wait until it has ended
    #[arg(short, long)]
    pub wait: bool,
    /// Give up waiting after this long [default: wait until it has ended]
    #[arg(long, value_name = "DURATION", value_parser = duration, requires = "wait")]
    pub timeout: Option<Duration>,
}

pub async fn run(context: &Context, args: ShowArgs) -> Result<()> {
    let place = context.place(&args.copy.scope).await?;
    let detail = data::show(&place.cluster, &place.namespace, &args.copy.name).await?;
    if !args.wait {
        return context.output.result(&detail, |paint| shown::detail(&detail, *paint));
    }
    let progress = Progress::new(&context.output);
    let detail = wait(context, &place, &args.copy.name, args.timeout, progress, Instant::now()).await?;
    context.output.outcome(&detail, |paint| shown::detail(&detail, *paint))
}
