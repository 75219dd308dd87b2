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
    let alive = environment::find(&place.cluster, &place.namespace, args.name.as_str()).await?.is_some();
    if !alive && !context.output.is_json() {
        let until = entries.iter().filter_map(|entry| entry.kept_until.as_deref()).max();
        let until = until.map_or_else(String::new, |until| format!(" and what it was is kept until {until}"));
        context.output.note(&format!("{} was destroyed{until}", args.name));
    }
    context.output.result(&entries, |paint| history::list(&entries, *paint))
}
