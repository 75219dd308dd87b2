//! `outboard env thaw`.

use api::DriftPolicy;
use api::names::EnvironmentName;
use clap::Args;
use verbs::environment::{self, Report};

use super::carry_out;
use crate::args::{Changing, Scope};
use crate::context::{Context, Place};
use crate::error::{Failure, Result};
use crate::output::{drift, plan as shown};
use crate::terminal;

/// End a freeze now; changes that waited are made
///
/// Where something was changed by hand meanwhile, it is shown and asked what is to become of it: without a terminal
/// say --keep or --heal.
#[derive(Args, Debug)]
pub struct ThawArgs {
    /// Name of the environment
    pub name: EnvironmentName,
    /// Make what was changed by hand a revision of its own
    #[arg(long, conflicts_with = "heal")]
    pub keep: bool,
    /// Put back what was changed by hand
    #[arg(long)]
    pub heal: bool,
    #[command(flatten)]
    pub scope: Scope,
    #[command(flatten)]
    pub changing: Changing,
}

/// What is to become of what was changed by hand.
enum Choice {
    Keep,
    Heal,
    /// Nobody has decided: it stays frozen.
    Undecided,
}

pub async fn run(context: &Context, args: ThawArgs) -> Result<()> {
    let place = context.place(&args.scope).await?;
    let name = args.name.as_str();
    let mut report = environment::drift(&place.cluster, &place.namespace, name).await?;
    report.drift.retain(|drift| !drift.reverted);
    let choice = match (args.keep, args.heal) {
        (true, _) => Choice::Keep,
        (_, true) => Choice::Heal,
        _ => decide(context, &place, &report).await?,
    };
    match choice {
        Choice::Keep => {
            let wish = environment::keep(&place.cluster, &place.namespace, name, true).await?;
            carry_out(context, &place, wish, &args.changing).await
        }
        Choice::Heal if args.changing.dry_run => {
            context.output.result(&report, |paint| drift::report(&report, *paint))
        }
        Choice::Heal => heal(context, &place, &report).await,
        Choice::Undecided => {
            context.output.note(&format!("{name} stays frozen"));
            Ok(())
        }
    }
}

/// Nothing to decide where nothing was changed, or where it is left alone anyway.
async fn decide(context: &Context, place: &Place, report: &Report) -> Result<Choice> {
    let name = report.environment.as_str();
    if report.frozen_until.is_none() || report.policy == Some(DriftPolicy::Report) {
        return Ok(Choice::Heal);
    }
    let paint = context.output.paint_err;
    let stands = if report.drift.is_empty() {
        // The status is a moment behind: the operator looks at the objects themselves.
        let wish = environment::keep(&place.cluster, &place.namespace, name, true).await;
        let planned = match wish {
            Ok(wish) => {
                environment::plan(&place.cluster, &place.namespace, wish, &mut context.events()).await
            }
            Err(error) => Err(error),
        };
        match planned {
            Ok(planned) if !planned.status.changes.is_empty() => shown::whole(&planned, paint),
            // What cannot be kept, for want of a revision that was ready, can only be healed.
            Ok(_) | Err(verbs::Error::NoRevision { .. } | verbs::Error::PlanRefused { .. }) => {
                return Ok(Choice::Heal);
            }
            Err(error) => return Err(error.into()),
        }
    } else {
        drift::report(report, paint)
    };
    if !terminal::can_ask() {
        return Err(Failure::Usage {
            sentence: format!(
                "{name} was changed by hand, and there is no terminal to ask what is to become of it"
            ),
            hint: format!("say --keep or --heal; see what was changed with `outboard env drift {name}`"),
        });
    }
    context.output.note(stands.trim_end());
    let answer =
        terminal::ask("Keep this as a revision, or heal it? [keep/heal, else it stays frozen] ".to_owned());
    Ok(match answer.await?.as_str() {
        "k" | "keep" => Choice::Keep,
        "h" | "heal" => Choice::Heal,
        _ => Choice::Undecided,
    })
}

async fn heal(context: &Context, place: &Place, report: &Report) -> Result<()> {
    let thawed = environment::thaw(&place.cluster, &place.namespace, &report.environment).await?;
    let summary = environment::summary(&thawed);
    let stays = report.policy == Some(DriftPolicy::Report) && !report.drift.is_empty();
    context.output.result(&summary, |paint| match stays {
        true => format!(
            "{name} is no longer {}; its class leaves what others changed: outboard env keep {name}, or its next change puts it back",
            paint.wait("frozen"),
            name = summary.name,
        ),
        false => format!("{} is {} again", summary.name, paint.good("healed")),
    })
}
