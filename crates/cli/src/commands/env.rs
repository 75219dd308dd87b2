//! `outboard env …`

mod backup;
mod backups;
mod clone;
mod create;
mod destroy;
mod diff;
mod drift;
mod events;
mod explain;
mod export;
mod fill;
mod freeze;
mod history;
mod keep;
mod list;
mod plan;
mod promote;
mod restart;
mod restore;
mod rollback;
mod rotate;
mod run;
mod set;
mod show;
mod thaw;
mod update;

use std::time::{Duration, Instant};

use api::Environment;
use clap::Subcommand;
use verbs::data;
use verbs::environment::{self, State, Until, Wish};
use words::time::elapsed;

use crate::args::Changing;
use crate::context::{Context, Place};
use crate::error::Result;
use crate::output::progress::Progress;
use crate::output::{plan as shown, receipt};

/// Create, list, show, change and destroy environments, and run one-off commands in them
#[derive(Debug, Subcommand)]
pub enum EnvCommand {
    Create(create::CreateArgs),
    List(list::ListArgs),
    Show(show::ShowArgs),
    Explain(explain::ExplainArgs),
    Events(events::EventsArgs),
    Set(set::SetArgs),
    Update(update::UpdateArgs),
    Plan(plan::PlanArgs),
    Promote(promote::PromoteArgs),
    Rollback(rollback::RollbackArgs),
    Restart(restart::RestartArgs),
    Restore(restore::RestoreArgs),
    Backup(backup::BackupArgs),
    Backups(backups::BackupsArgs),
    Rotate(rotate::RotateArgs),
    Clone(clone::CloneArgs),
    Diff(diff::DiffArgs),
    Drift(drift::DriftArgs),
    Export(export::ExportArgs),
    Freeze(freeze::FreezeArgs),
    Thaw(thaw::ThawArgs),
    Keep(keep::KeepArgs),
    History(history::HistoryArgs),
    Run(run::RunArgs),
    Destroy(destroy::DestroyArgs),
}

pub async fn run(
    context: &Context,
    command: EnvCommand,
    interrupted: impl Future<Output = ()>,
) -> Result<()> {
    match command {
        EnvCommand::Create(args) => create::run(context, args).await,
        EnvCommand::List(args) => list::run(context, args).await,
        EnvCommand::Show(args) => show::run(context, args).await,
        EnvCommand::Explain(args) => explain::run(context, args).await,
        EnvCommand::Events(args) => events::run(context, args).await,
        EnvCommand::Set(args) => set::run(context, args).await,
        EnvCommand::Update(args) => update::run(context, args).await,
        EnvCommand::Plan(args) => Box::pin(plan::run(context, args)).await,
        EnvCommand::Promote(args) => promote::run(context, args).await,
        EnvCommand::Rollback(args) => rollback::run(context, args).await,
        EnvCommand::Restart(args) => restart::run(context, args).await,
        EnvCommand::Restore(args) => restore::run(context, args).await,
        EnvCommand::Backup(args) => backup::run(context, args).await,
        EnvCommand::Backups(args) => backups::run(context, args).await,
        EnvCommand::Rotate(args) => rotate::run(context, args).await,
        EnvCommand::Clone(args) => clone::run(context, args).await,
        EnvCommand::Diff(args) => diff::run(context, args).await,
        EnvCommand::Drift(args) => drift::run(context, args).await,
        EnvCommand::Export(args) => export::run(context, args).await,
        EnvCommand::Freeze(args) => freeze::run(context, args).await,
        EnvCommand::Thaw(args) => thaw::run(context, args).await,
        EnvCommand::Keep(args) => keep::run(context, args).await,
        EnvCommand::History(args) => history::run(context, args).await,
        EnvCommand::Run(args) => run::run(context, args, interrupted).await,
        EnvCommand::Destroy(args) => destroy::run(context, args).await,
    }
}

/// Plans a wish and shows it; then makes it so and waits, unless that was not asked for.
async fn carry_out(context: &Context, place: &Place, wish: Wish, changing: &Changing) -> Result<()> {
    carry_out_filled(context, place, wish, changing, None).await
}

/// The same for an environment that is to start with data.
async fn carry_out_filled(
    context: &Context,
    place: &Place,
    wish: Wish,
    changing: &Changing,
    copy: Option<&data::Wanted>,
) -> Result<()> {
    let start = Instant::now();
    let (cluster, namespace) = (&place.cluster, place.namespace.as_str());
    let wish = match copy {
        Some(copy) => data::fill(cluster, namespace, wish, copy).await?,
        None => wish,
    };
    let mut progress = Progress::new(&context.output);
    let mut tell_event = |event| progress.event(&event);
    let planned = Box::pin(environment::plan(cluster, namespace, wish, &mut tell_event)).await;
    let planned = match planned {
        Ok(planned) if !changing.dry_run => planned,
        planned => {
            progress.end();
            return tell_plan(context, &planned?);
        }
    };
    progress.planned(&planned);
    let name = planned.environment.clone();
    let mut tell_event = |event| progress.event(&event);
    let mut written = Box::pin(environment::carry_out(cluster, namespace, planned, &mut tell_event)).await;
    if let Some(copy) = copy.filter(|_| written.is_ok()) {
        let begun = data::take_over(cluster, namespace, copy, &mut tell_event).await;
        written = begun.and(written);
    }
    let written = match written {
        Ok((written, _)) if !changing.patience.no_wait => written,
        written => {
            progress.end();
            return tell(context, place, &written?.0, None).await;
        }
    };
    context.waiting(resume(place, &name));
    let until = Until {
        // Whoever waits for an image waits for what follows, too.
        timeout: Some(changing.patience.timeout + changing.hold.unwrap_or_default()),
        hold: changing.hold,
        written: Some(Box::new(written)),
    };
    if let Some(copy) = copy {
        progress = Box::pin(fill::wait(context, place, copy, until.clone(), progress)).await?;
        context.waiting(resume(place, &name));
    }
    Box::pin(wait_and_tell(context, place, &name, until, progress, start)).await
}

/// What would change; a change that would have to wait ends with what it waits for.
fn tell_plan(context: &Context, planned: &environment::Planned) -> Result<()> {
    context.output.result(planned, |paint| shown::whole(planned, *paint))?;
    match &planned.status.verdict {
        Some(verdict) => Err(verbs::Error::PlanRefused {
            environment: planned.environment.clone(),
            verdict: Box::new(verdict.clone()),
        }
        .into()),
        None => Ok(()),
    }
}

/// Watches an environment until it is ready, then shows where it is.
async fn wait_and_tell(
    context: &Context,
    place: &Place,
    name: &str,
    until: Until,
    mut progress: Progress<'_>,
    start: Instant,
) -> Result<()> {
    let watched = environment::watch(&place.cluster, &place.namespace, name, until, &mut |event| {
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
