//! Every command, one file each: its flags with their help, then what it does.

mod check;
mod env;
mod install;
mod logs;
mod operator;
mod project;
mod version;

use clap::Subcommand;
use tokio::signal::unix::{SignalKind, signal};

use crate::context::Context;
use crate::error::{Failure, Result};

#[derive(Debug, Subcommand)]
pub enum Command {
    Check(check::CheckArgs),
    #[command(subcommand)]
    Project(project::ProjectCommand),
    #[command(subcommand, visible_alias = "environment")]
    Env(env::EnvCommand),
    Logs(logs::LogsArgs),
    Install(install::InstallArgs),
    #[command(hide = true)]
    Operator(operator::OperatorArgs),
    Version(version::VersionArgs),
}

/// Runs one command to its end, or until somebody interrupts it.
pub fn run(context: &Context, command: Command) -> Result<()> {
    // These need no cluster, or look after their own threads and signals.
    match command {
        Command::Check(args) => return check::run(context, &args),
        Command::Operator(args) => return operator::run(args),
        _ => {}
    }
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|error| Failure::Start(error.to_string()))?;
    let outcome = runtime.block_on(async {
        tokio::select! {
            outcome = connected(context, command) => outcome,
            interrupted = interruption() => interrupted,
        }
    });
    // Somebody may still sit at an unanswered question.
    runtime.shutdown_background();
    outcome
}

async fn connected(context: &Context, command: Command) -> Result<()> {
    match command {
        Command::Project(command) => project::run(context, command).await,
        Command::Env(command) => Box::pin(env::run(context, command)).await,
        Command::Logs(args) => logs::run(context, args).await,
        Command::Install(args) => install::run(context, args).await,
        Command::Version(args) => version::run(context, &args).await,
        Command::Check(_) | Command::Operator(_) => Ok(()),
    }
}

/// Ctrl-C or SIGTERM.
async fn interruption() -> Result<()> {
    let listen = |kind| signal(kind).map_err(|error| Failure::Start(error.to_string()));
    let (mut interrupt, mut terminate) = (listen(SignalKind::interrupt())?, listen(SignalKind::terminate())?);
    tokio::select! {
        _ = interrupt.recv() => {}
        _ = terminate.recv() => {}
    }
    Err(Failure::Interrupted)
}
