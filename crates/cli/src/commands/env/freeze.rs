//! `outboard env freeze`.

use std::time::Duration;

use api::names::EnvironmentName;
use clap::Args;
use verbs::environment;

use crate::args::{Scope, duration};
use crate::context::Context;
use crate::error::Result;

/// Stop healing and changing an environment for a while, to work on it by hand
#[derive(Args, Debug)]
pub struct FreezeArgs {
    /// Name of the environment
    pub name: EnvironmentName,
    /// How long; afterwards what was changed by hand is put back
    #[arg(long = "for", value_name = "DURATION", value_parser = duration)]
    pub length: Duration,
    /// Why, for those who wonder
    #[arg(long, value_name = "TEXT")]
    pub reason: String,
    #[command(flatten)]
    pub scope: Scope,
}

pub async fn run(context: &Context, args: FreezeArgs) -> Result<()> {
    let place = context.place(&args.scope).await?;
    let name = args.name.as_str();
    let freeze =
        environment::freeze(&place.cluster, &place.namespace, name, args.length, &args.reason).await?;
    context.output.result(&freeze, |paint| {
        format!(
            "{name} is {} until {}; what is changed by hand meanwhile: outboard env drift {name}",
            paint.wait("frozen"),
            freeze.until.0
        )
    })
}
