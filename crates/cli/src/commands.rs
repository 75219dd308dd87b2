//! Every command, one file each: its flags with their help, then what it does.

mod apply;
mod can_i;
mod check;
mod cluster;
mod data;
mod data_copy;
mod debug;
mod env;
mod exec;
mod fals;
mod forward;
mod gc;
mod hostname;
mod import;
mod init;
mod install;
mod login;
mod logs;
mod operator;
mod preview;
mod project;
mod server;
mod ui;
mod version;

use clap::Subcommand;
use tokio::signal::unix::{SignalKind, signal};

use crate::context::Context;
use crate::error::{Failure, Result};

#[derive(Debug, Subcommand)]
pub enum Command {
    Check(check::CheckArgs),
    Apply(apply::ApplyArgs),
    #[command(subcommand)]
    Project(project::ProjectCommand),
    #[command(subcommand, visible_alias = "environment")]
    Env(env::EnvCommand),
    #[command(subcommand)]
    Cluster(cluster::ClusterCommand),
    #[command(subcommand)]
    Data(data::DataCommand),
    #[command(subcommand)]
    Hostname(hostname::HostnameCommand),
    #[command(subcommand)]
    Preview(preview::PreviewCommand),
    Logs(logs::LogsArgs),
    Exec(exec::ExecArgs),
    Forward(forward::ForwardArgs),
    Debug(debug::DebugArgs),
    CanI(can_i::CanIArgs),
    Gc(gc::GcArgs),
    Init(init::InitArgs),
    #[command(subcommand)]
    Import(import::ImportCommand),
    Fals(fals::FalsArgs),
    Ui(ui::UiArgs),
    Login(login::LoginArgs),
    Logout(login::LogoutArgs),
    Server(Box<server::ServerArgs>),
    Install(Box<install::InstallArgs>),
    #[command(hide = true)]
    Operator(operator::OperatorArgs),
    #[command(hide = true)]
    DataCopy(data_copy::DataCopyArgs),
    Version(version::VersionArgs),
}

/// Runs one command to its end, or until somebody interrupts it.
pub fn run(context: &Context, command: Command) -> Result<()> {
    // These need no cluster, or look after their own threads and signals.
    match command {
        Command::Check(args) => return check::run(context, &args),
        Command::Init(args) => return init::run(context, &args),
        Command::Import(import::ImportCommand::Compose(args)) => return import::compose(context, &args),
        Command::Import(import::ImportCommand::Manifests(args)) => return import::manifests(context, &args),
        Command::Operator(args) => return operator::run(args),
        Command::Fals(args) => return fals::run(args),
        Command::DataCopy(args) => return data_copy::run(&args),
        Command::Ui(args) => return ui::run(context, args),
        Command::Server(args) => return server::run(context, *args),
        _ => {}
    }
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|error| Failure::Start(error.to_string()))?;
    let outcome = runtime.block_on(async {
        let interrupted = interruption()?;
        if command.tidies_up() {
            return connected(context, command, interrupted).await;
        }
        tokio::select! {
            outcome = connected(context, command, std::future::pending()) => outcome,
            () = interrupted => Err(Failure::Interrupted),
        }
    });
    // Somebody may still sit at an unanswered question.
    runtime.shutdown_background();
    outcome
}

impl Command {
    pub fn is_logs(&self) -> bool {
        matches!(self, Self::Logs(_))
    }

    /// Whether an interruption is the command's own business, since it leaves nothing behind.
    fn tidies_up(&self) -> bool {
        match self {
            Self::Env(command) => matches!(command, env::EnvCommand::Run(_)),
            Self::Cluster(command) => command.runs_engine(),
            _ => false,
        }
    }
}

/// `interrupted` is for commands that tidy up; all others are simply dropped.
async fn connected(context: &Context, command: Command, interrupted: impl Future<Output = ()>) -> Result<()> {
    match command {
        Command::Apply(args) => Box::pin(apply::run(context, args)).await,
        Command::Project(command) => project::run(context, command).await,
        Command::Env(command) => Box::pin(env::run(context, command, interrupted)).await,
        Command::Cluster(command) => Box::pin(cluster::run(context, command, interrupted)).await,
        Command::Data(command) => Box::pin(data::run(context, command)).await,
        Command::Hostname(command) => Box::pin(hostname::run(context, command)).await,
        Command::Preview(command) => Box::pin(preview::run(context, command)).await,
        Command::Logs(args) => Box::pin(logs::run(context, args)).await,
        Command::Exec(args) => Box::pin(exec::run(context, args)).await,
        Command::Forward(args) => Box::pin(forward::run(context, args)).await,
        Command::Debug(args) => Box::pin(debug::run(context, args)).await,
        Command::CanI(args) => Box::pin(can_i::run(context, args)).await,
        Command::Gc(args) => gc::run(context, args).await,
        Command::Install(args) => install::run(context, *args).await,
        Command::Login(args) => login::login(context, args).await,
        Command::Logout(args) => login::logout(context, args).await,
        Command::Version(args) => version::run(context, &args).await,
        Command::Import(import::ImportCommand::Namespace(args)) => import::namespace(context, &args).await,
        Command::Check(_)
        | Command::Init(_)
        | Command::Import(_)
        | Command::Operator(_)
        | Command::DataCopy(_)
        | Command::Fals(_)
        | Command::Server(_)
        | Command::Ui(_) => Ok(()),
    }
}

/// For those who serve many at once, until it ends.
fn serving(serve: impl Future<Output = Result<()>>) -> Result<()> {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .map_err(|error| Failure::Start(error.to_string()))?;
    let outcome = runtime.block_on(serve);
    // Streams end with their listeners, which may stay for long.
    runtime.shutdown_background();
    outcome
}

/// Ctrl-C or SIGTERM. Listens from now on, not only once it is waited for.
fn interruption() -> Result<impl Future<Output = ()>> {
    let listen = |kind| signal(kind).map_err(|error| Failure::Start(error.to_string()));
    let (mut interrupt, mut terminate) = (listen(SignalKind::interrupt())?, listen(SignalKind::terminate())?);
    Ok(async move {
        tokio::select! {
            _ = interrupt.recv() => {}
            _ = terminate.recv() => {}
        }
    })
}
