//! `outboard env destroy`.

use api::names::EnvironmentName;
use clap::Args;
use verbs::environment;

use crate::args::{Patience, Scope};
use crate::context::{Context, Place};
use crate::error::{Failure, Result};
use crate::output::progress::Progress;
use crate::output::receipt;
use crate::terminal;

/// Destroy an environment with its volumes, and prove that it is gone
#[derive(Args, Debug)]
pub struct DestroyArgs {
    /// Name of the environment
    pub name: EnvironmentName,
    #[command(flatten)]
    pub scope: Scope,
    /// Do not ask
    #[arg(short, long)]
    pub yes: bool,
    /// Also if its class is protected. Without --yes its name has to be typed
    #[arg(long)]
    pub protected: bool,
    #[command(flatten)]
    pub patience: Patience,
}

pub async fn run(context: &Context, args: DestroyArgs) -> Result<()> {
    let name = args.name.as_str();
    if !args.yes && !terminal::can_ask() {
        return Err(Failure::Usage {
            sentence: format!("destroying {name} has to be confirmed, and there is no terminal to ask on"),
            hint: "say --yes".to_owned(),
        });
    }
    let place = context.place(&args.scope).await?;
    if !args.yes && !is_confirmed(&args, &place).await? {
        context.output.note(&format!("{name} stays as it is"));
        return Ok(());
    }
    let mut progress = Progress::new(&context.output);
    context.waiting(format!("outboard -n {} env destroy {name} --yes", place.namespace));
    let wait = !args.patience.no_wait;
    let doomed =
        environment::Doomed { namespace: &place.namespace, name, uid: None, protected: args.protected };
    let timeout = Some(args.patience.timeout);
    let destroyed =
        environment::destroy(&place.cluster, doomed, wait, timeout, &mut |event| progress.event(&event))
            .await;
    progress.end();
    let receipt = destroyed?;
    context.output.outcome(&receipt, |_| receipt::destroyed(&receipt))
}

/// One that is protected has to be named: a y is typed in passing.
async fn is_confirmed(args: &DestroyArgs, place: &Place) -> Result<bool> {
    let (name, namespace) = (args.name.as_str(), &place.namespace);
    let what = format!("Destroy environment {name} of namespace {namespace}{}, with its data?", place.at());
    if args.protected {
        return Ok(terminal::ask(format!("{what} Type its name: ")).await? == name);
    }
    Ok(matches!(terminal::ask(format!("{what} [y/N] ")).await?.as_str(), "y" | "yes"))
}
