//! `outboard project …`

mod apply;
mod list;

use clap::Subcommand;

use crate::context::Context;
use crate::error::Result;

/// Store and list projects
#[derive(Debug, Subcommand)]
pub enum ProjectCommand {
    Apply(apply::ApplyArgs),
    List(list::ListArgs),
}

pub async fn run(context: &Context, command: ProjectCommand) -> Result<()> {
    match command {
        ProjectCommand::Apply(args) => apply::run(context, args).await,
        ProjectCommand::List(args) => list::run(context, args).await,
    }
}
