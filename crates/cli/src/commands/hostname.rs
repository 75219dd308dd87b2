//! `outboard hostname …`

mod check;
mod claim;
mod gc;
mod journal;
mod list;
mod plan;
mod release;

use clap::Subcommand;
use verbs::hostname::{Host, Outcome};

use crate::context::Context;
use crate::error::Result;

/// Names of their own for routes, and the records of DNS that lead to them
#[derive(Debug, Subcommand)]
pub enum HostnameCommand {
    List(list::ListArgs),
    Plan(plan::PlanArgs),
    Claim(claim::ClaimArgs),
    Release(release::ReleaseArgs),
    Gc(gc::GcArgs),
    Check(check::CheckArgs),
    Journal(journal::JournalArgs),
}

pub async fn run(context: &Context, command: HostnameCommand) -> Result<()> {
    match command {
        HostnameCommand::List(args) => list::run(context, args).await,
        HostnameCommand::Plan(args) => plan::run(context, args).await,
        HostnameCommand::Claim(args) => Box::pin(claim::run(context, args)).await,
        HostnameCommand::Release(args) => Box::pin(release::run(context, args)).await,
        HostnameCommand::Gc(args) => gc::run(context, args).await,
        HostnameCommand::Check(args) => check::run(context, args).await,
        HostnameCommand::Journal(args) => journal::run(context, args).await,
    }
}

/// What would become of a host, and the records that go or come.
fn lines(host: &Host) -> Vec<String> {
    let (word, why) = match &host.outcome {
        Outcome::Nothing => ("stays", String::new()),
        Outcome::Create => ("create", host.why.clone()),
        Outcome::Change => ("change", host.why.clone()),
        Outcome::Delete => ("delete", host.why.clone()),
        Outcome::Conflict(conflicts) => {
            ("conflict", conflicts.iter().map(ToString::to_string).collect::<Vec<_>>().join("; "))
        }
        Outcome::Withheld(why) => ("withheld", why.to_string()),
    };
    let mut lines =
        vec![format!("  {word:<9} {}{}", host.name, if why.is_empty() { why } else { format!("  ({why})") })];
    lines.extend(host.changes.iter().map(|change| {
        let sign = match change.action {
            verbs::hostname::Action::Create => '+',
            verbs::hostname::Action::Delete => '-',
        };
        format!("    {sign} {}", change.set)
    }));
    lines
}
