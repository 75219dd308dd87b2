//! `outboard cluster create`.

use clap::Args;
use verbs::clusters::{self, Consent, Purpose};

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
    let consent = Consent { agreed, loss: args.allow_loss, plan: args.plan, keep_volumes: false };
    let mut ready = clusters::prepare(&wanted, Purpose::Apply, &consent, interrupted, &mut |event| {
        teller.tell(&event);
    })
    .await?;
    let plan = shown::Plan::of(&ready.planned);
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
    context.output.outcome(&created, |paint| shown::created(&created, *paint))
}
