//! `outboard env history`.

use api::names::EnvironmentName;
use clap::Args;
use verbs::environment;

use crate::args::Scope;
use crate::context::Context;
use crate::error::Result;
use crate::output::{history, plan};

/// List the revisions of an environment: what changed, when, and by whom
#[derive(Args, Debug)]
pub struct HistoryArgs {
    /// Name of the environment
    pub name: EnvironmentName,
    /// Show instead what this revision changed, against the one before
    #[arg(long, value_name = "REVISION", value_parser = clap::value_parser!(i64).range(1..))]
    pub diff: Option<i64>,
    /// Against this one
    #[arg(long, value_name = "REVISION", requires = "diff", value_parser = clap::value_parser!(i64).range(1..))]
    pub against: Option<i64>,
    #[command(flatten)]
    pub scope: Scope,
}

pub async fn run(context: &Context, args: HistoryArgs) -> Result<()> {
    let place = context.place(&args.scope).await?;
    if let Some(revision) = args.diff {
        let name = args.name.as_str();
        let found =
            environment::changed(&place.cluster, &place.namespace, name, revision, args.against).await?;
        return context.output.result(&found, |paint| plan::changed(&found, *paint));
    }
    let entries = environment::history(&place.cluster, &place.namespace, args.name.as_str()).await?;
    let alive = environment::find(&place.cluster, &place.namespace, args.name.as_str()).await?.is_some();
    if !alive && !context.output.is_json() {
        let until = entries.iter().filter_map(|entry| entry.kept_until.as_deref()).max();
        let until = until.map_or_else(String::new, |until| format!(" and what it was is kept until {until}"));
        context.output.note(&format!("{} was destroyed{until}", args.name));
    }
    context.output.result(&entries, |paint| history::list(&entries, *paint))
}
