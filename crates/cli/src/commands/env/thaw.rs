//! `outboard env thaw`.

use api::names::EnvironmentName;
use clap::Args;
use verbs::environment;

use crate::args::Scope;
use crate::context::Context;
use crate::error::Result;

/// End a freeze now: what was changed by hand is put back, changes that waited are made
#[derive(Args, Debug)]
pub struct ThawArgs {
    /// Name of the environment
    pub name: EnvironmentName,
    #[command(flatten)]
    pub scope: Scope,
}

pub async fn run(context: &Context, args: ThawArgs) -> Result<()> {
    let place = context.place(&args.scope).await?;
    let thawed = environment::thaw(&place.cluster, &place.namespace, args.name.as_str()).await?;
    let summary = environment::summary(&thawed);
    context.output.result(&summary, |paint| format!("{} is {} again", summary.name, paint.good("healed")))
}
