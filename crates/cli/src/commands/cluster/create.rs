//! `outboard cluster create`.

use std::path::PathBuf;

use clap::Args;
use verbs::clusters::addons::{self, AddonState, Way};
use verbs::clusters::{self, Consent, Purpose, Wanted};

use super::{ClusterFileArgs, ask};
use crate::context::Context;
use crate::error::{Failure, Result};
use crate::output::cluster::{self as shown, Teller};
use crate::terminal;

/// Make a cluster as its file says, or change it to that; goes on where it was stopped
#[derive(Args, Debug)]
pub struct CreateArgs {
    #[command(flatten)]
    pub cluster: ClusterFileArgs,
    /// Do not ask
    #[arg(short, long)]
    pub yes: bool,
    /// Only if the plan is this one, as `cluster plan` named it
    #[arg(long, value_name = "HASH")]
    pub plan: Option<String>,
    /// Do not refuse a plan by which data would be lost
    #[arg(long)]
    pub allow_loss: bool,
    /// Folder that holds the files of other projects that add-ons are made of, which are fetched without it
    #[arg(long, value_name = "FOLDER")]
    pub from: Option<PathBuf>,
}

pub async fn run(
    context: &Context,
    args: CreateArgs,
    interrupted: &mut (impl Future<Output = ()> + Unpin),
) -> Result<()> {
    let wanted = args.cluster.wanted()?;
    let agreed = args.yes || args.plan.is_some();
    if !agreed && !terminal::can_ask() {
        return Err(Failure::Usage {
            sentence: "what is spent has to be confirmed, and there is no terminal to ask on".to_owned(),
            hint: "say --yes, or --plan HASH".to_owned(),
        });
    }
    let mut teller = Teller::new(&context.output);
    let consent = Consent { agreed, loss: args.allow_loss, plan: args.plan, ..Consent::default() };
    let mut ready = clusters::prepare(&wanted, Purpose::Apply, &consent, interrupted, &mut |event| {
        teller.tell(&event);
    })
    .await?;
    let words = if ready.planned.addons { addons::words(&wanted) } else { Vec::new() };
    let plan = shown::Plan::of(&ready.planned, words, &ready.outside);
    if context.output.is_json() {
        context.output.item(&serde_json::json!({"event": "planned", "plan": plan}))?;
    } else {
        context.output.note(&shown::plan(&plan, context.output.paint_err));
    }
    if !agreed && !ready.planned.summary.is_empty() {
        let question = format!("Do this in account {}? [y/N] ", ready.account());
        if !matches!(ask(question, interrupted).await?.as_str(), "y" | "yes") {
            context.output.note(&format!("{} stays as it is", ready.name()));
            return Ok(());
        }
    }
    let created = ready.create(interrupted, &mut |event| teller.tell(&event)).await?;
    // A first plan was agreed to with its add-ons.
    let told = agreed || (ready.planned.first && !ready.planned.summary.is_empty());
    let (wants, account) = (ready.planned.addons, ready.account().to_owned());
    // From here on others may work on it: what is in it has its own locks.
    drop(ready);
    if wants && context.output.is_json() {
        // What comes of add-ons says nothing of the cluster, which is made.
        context.output.item(&serde_json::json!({"event": "created", "cluster": created}))?;
    } else if wants {
        let whole = shown::Whole { created: &created, addons: &[] };
        context.output.note(&shown::created(&whole, context.output.paint_err));
    }
    let done = if !wants {
        context
            .output
            .note("it was made before there were add-ons, and gets none unless its file speaks of `addons`");
        Vec::new()
    } else if told || agreed_to(context, &wanted, &args.from, &account, interrupted).await? {
        let mut sink = |event| teller.tell(&event);
        Box::pin(addons::apply(&wanted, Way::Own, args.from, interrupted, &mut sink)).await?
    } else {
        context.output.note("what is installed in it stays as it is");
        Vec::new()
    };
    let whole = shown::Whole { created: &created, addons: &done };
    context.output.outcome(&whole, |paint| shown::created(&whole, *paint))
}

/// Shows what would be made or changed in a cluster that runs, and asks. Nothing is asked where nothing would be.
async fn agreed_to(
    context: &Context,
    wanted: &Wanted,
    from: &Option<PathBuf>,
    account: &str,
    interrupted: &mut (impl Future<Output = ()> + Unpin),
) -> Result<bool> {
    let found = Box::pin(addons::look(wanted, Way::Own, from.clone(), interrupted)).await?;
    if found.iter().all(|one| matches!(one.state, AddonState::Ready | AddonState::NotReady)) {
        return Ok(true);
    }
    context.output.note(&shown::addons::plan(&found, context.output.paint_err));
    let question = format!("Bring these add-ons about in account {account}? [y/N] ");
    Ok(matches!(ask(question, interrupted).await?.as_str(), "y" | "yes"))
}
