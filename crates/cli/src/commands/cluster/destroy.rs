//! `outboard cluster destroy`.

use clap::Args;
use verbs::clusters::{self, Consent, Purpose};

use super::{ClusterFileArgs, ask};
use crate::context::Context;
use crate::error::{Failure, Result};
use crate::output::cluster::{self as shown, Teller};
use crate::terminal;

/// Destroy a cluster, and prove that nothing of it is left; goes on where it was stopped
#[derive(Args, Debug)]
pub struct DestroyArgs {
    #[command(flatten)]
    pub cluster: ClusterFileArgs,
    /// Do not ask
    #[arg(short, long)]
    pub yes: bool,
    /// Also if environments of it are of protected classes
    #[arg(long)]
    pub protected: bool,
    /// Leave the volumes of the cluster's workloads; they are named at the end
    #[arg(long)]
    pub keep_volumes: bool,
}

pub async fn run(
    context: &Context,
    args: DestroyArgs,
    interrupted: &mut (impl Future<Output = ()> + Unpin),
) -> Result<()> {
    let wanted = args.cluster.wanted()?;
    let name = wanted.file.metadata.name.clone();
    if !args.yes && !terminal::can_ask() {
        return Err(Failure::Usage {
            sentence: format!("destroying {name} has to be confirmed, and there is no terminal to ask on"),
            hint: "say --yes".to_owned(),
        });
    }
    let mut teller = Teller::new(&context.output);
    let consent =
        Consent { keep_volumes: args.keep_volumes, protected: args.protected, ..Consent::default() };
    let ready = clusters::prepare(&wanted, Purpose::Destroy, &consent, interrupted, &mut |event| {
        teller.tell(&event);
    })
    .await?;
    let count = ready.planned.summary.delete;
    if !args.yes {
        let question = format!(
            "Destroy cluster {name} of account {}, {count} resources with all that runs on it{}{}? Type its name: ",
            ready.account(),
            shown::made(ready.made, args.keep_volumes),
            shown::outside(&ready.outside)
        );
        if ask(question, interrupted).await? != name {
            context.output.note(&format!("{name} stays as it is"));
            return Ok(());
        }
    }
    let receipt = ready.destroy(interrupted, &mut |event| teller.tell(&event)).await?;
    context.output.outcome(&receipt, |paint| shown::receipt(&receipt, *paint))
}
