//! `outboard project …`

mod apply;
mod list;
mod versions;

use clap::Subcommand;

use crate::context::Context;
use crate::error::Result;

/// Store and list projects, and see what registries have of them
#[derive(Debug, Subcommand)]
pub enum ProjectCommand {
    Apply(apply::ApplyArgs),
    List(list::ListArgs),
    Versions(versions::VersionsArgs),
}

pub async fn run(context: &Context, command: ProjectCommand) -> Result<()> {
    match command {
        ProjectCommand::Apply(args) => apply::run(context, args).await,
        ProjectCommand::List(args) => list::run(context, args).await,
        ProjectCommand::Versions(args) => versions::run(context, args).await,
    }
}
