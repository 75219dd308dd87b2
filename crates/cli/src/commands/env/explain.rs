//! `outboard env explain`.

use api::names::EnvironmentName;
use clap::Args;
use verbs::environment;

use crate::args::Scope;
use crate::context::Context;
use crate::error::Result;
use crate::output::receipt;

/// Say why an environment is not ready, and why it was not before: cause, evidence, fix
///
/// Of one that was destroyed, as long as its revisions are kept.
#[derive(Args, Debug)]
pub struct ExplainArgs {
    /// Name of the environment
    pub name: EnvironmentName,
    #[command(flatten)]
    pub scope: Scope,
}

pub async fn run(context: &Context, args: ExplainArgs) -> Result<()> {
    let place = context.place(&args.scope).await?;
    let explained = environment::explain(&place.cluster, &place.namespace, args.name.as_str()).await?;
    context.output.result(&explained, |paint| receipt::explained(&explained, *paint))
}
