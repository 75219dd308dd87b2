//! `outboard env …`

mod create;
mod destroy;
mod list;
mod set;
mod show;

use std::time::{Duration, Instant};

use api::Environment;
use clap::Subcommand;
use verbs::environment::{self, State};

use crate::context::{Context, Place};
use crate::error::Result;
use crate::output::progress::Progress;
use crate::output::receipt;
use crate::output::time::elapsed;

/// Create, list, show, change and destroy environments
#[derive(Debug, Subcommand)]
pub enum EnvCommand {
    Create(create::CreateArgs),
    List(list::ListArgs),
    Show(show::ShowArgs),
    Set(set::SetArgs),
    Destroy(destroy::DestroyArgs),
}

pub async fn run(context: &Context, command: EnvCommand) -> Result<()> {
    match command {
        EnvCommand::Create(args) => create::run(context, args).await,
        EnvCommand::List(args) => list::run(context, args).await,
        EnvCommand::Show(args) => show::run(context, args).await,
        EnvCommand::Set(args) => set::run(context, args).await,
        EnvCommand::Destroy(args) => destroy::run(context, args).await,
    }
}

/// Watches an environment until it is ready, then shows where it is.
async fn wait_and_tell(
    context: &Context,
    place: &Place,
    name: &str,
    timeout: Duration,
    mut progress: Progress<'_>,
    start: Instant,
) -> Result<()> {
    let watched = environment::watch(&place.cluster, &place.namespace, name, Some(timeout), &mut |event| {
        progress.event(&event);
    })
    .await;
    progress.end();
    tell(context, place, &watched?, Some(start.elapsed())).await
}

/// The result of creating, changing or waiting for an environment.
async fn tell(
    context: &Context,
    place: &Place,
    environment: &Environment,
    took: Option<Duration>,
) -> Result<()> {
    let detail = environment::detail(&place.cluster, environment).await;
    context.output.outcome(&detail, |paint| {
        let summary = &detail.summary;
        let after = took.map(|took| format!(" after {}", elapsed(took))).unwrap_or_default();
        let name = paint.strong(&summary.name);
        match summary.state {
            State::Ready => {
                format!("{name} is {}{after}\n{}", paint.good("ready"), receipt::urls(summary, *paint))
            }
            _ => format!("{name} is on its way: watch it with `outboard env show {} --wait`", summary.name),
        }
    })
}

/// How to watch it again, from anywhere.
fn resume(place: &Place, name: &str) -> String {
    format!("outboard -n {} env show {name} --wait", place.namespace)
}
