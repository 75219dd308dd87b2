//! `outboard env history`.

use api::names::EnvironmentName;
use clap::Args;
use verbs::environment;

use crate::args::Scope;
use crate::context::Context;
use crate::error::Result;
use crate::output::history;

/// List the revisions of an environment: what changed, when, and by whom
#[derive(Args, Debug)]
pub struct HistoryArgs {
    /// Name of the environment
    pub name: EnvironmentName,
    #[command(flatten)]
    pub scope: Scope,
}

pub async fn run(context: &Context, args: HistoryArgs) -> Result<()> {
    let place = context.place(&args.scope).await?;
    let entries = environment::history(&place.cluster, &place.namespace, args.name.as_str()).await?;
    context.output.result(&entries, |paint| history::list(&entries, *paint))
}
