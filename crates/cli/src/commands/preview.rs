//! `outboard preview …`

mod sweep;
mod up;

use clap::Subcommand;

use crate::context::Context;
use crate::error::Result;

/// Environments for pull requests and branches: made by CI, swept once what they are of is closed
#[derive(Debug, Subcommand)]
pub enum PreviewCommand {
    Up(Box<up::UpArgs>),
    Sweep(sweep::SweepArgs),
}

pub async fn run(context: &Context, command: PreviewCommand) -> Result<()> {
    match command {
        PreviewCommand::Up(args) => Box::pin(up::run(context, *args)).await,
        PreviewCommand::Sweep(args) => sweep::run(context, args).await,
    }
}
