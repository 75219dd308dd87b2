//! `outboard env set`.

use std::time::Instant;

use api::names::EnvironmentName;
use clap::Args;
use verbs::environment::{self, Choice};

use super::{resume, tell, wait_and_tell};
use crate::args::{Patience, Scope};
use crate::context::Context;
use crate::error::Result;
use crate::output::progress::Progress;

/// Choose other versions for an environment and wait until it serves them
#[derive(Args, Debug)]
pub struct SetArgs {
    /// Name of the environment
    pub name: EnvironmentName,
    /// Version of a component; may be repeated
    #[arg(long = "set", value_name = "COMPONENT=VERSION", required = true)]
    pub versions: Vec<Choice>,
    #[command(flatten)]
    pub scope: Scope,
    #[command(flatten)]
    pub patience: Patience,
}

pub async fn run(context: &Context, args: SetArgs) -> Result<()> {
    let start = Instant::now();
    let place = context.place(&args.scope).await?;
    let name = args.name.as_str();
    let mut progress = Progress::new(&context.output);
    let set = environment::set(&place.cluster, &place.namespace, name, &args.versions, &mut |event| {
        progress.event(&event);
    })
    .await;
    if args.patience.no_wait || set.is_err() {
        progress.end();
        return tell(context, &place, &set?.0, None).await;
    }
    context.waiting(resume(&place, name));
    wait_and_tell(context, &place, name, args.patience.timeout, progress, start).await
}
