//! `outboard env destroy`.

use std::io::{self, BufRead, IsTerminal, Write};

use api::names::EnvironmentName;
use clap::Args;
use verbs::environment;

use crate::args::{Patience, Scope};
use crate::context::Context;
use crate::error::{Failure, Result};
use crate::output::progress::Progress;
use crate::output::receipt;

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
    #[command(flatten)]
    pub patience: Patience,
}

pub async fn run(context: &Context, args: DestroyArgs) -> Result<()> {
    let name = args.name.as_str();
    let can_ask = io::stdin().is_terminal() && io::stderr().is_terminal();
    if !args.yes && !can_ask {
        return Err(Failure::Usage {
            sentence: format!("destroying {name} has to be confirmed, and there is no terminal to ask on"),
            hint: "say --yes".to_owned(),
        });
    }
    let place = context.place(&args.scope).await?;
    if !args.yes && !confirmed(name, &place.namespace).await? {
        context.output.note(&format!("{name} stays as it is"));
        return Ok(());
    }
    let mut progress = Progress::new(&context.output);
    context.waiting(format!("outboard -n {} env destroy {name} --yes", place.namespace));
    let wait = !args.patience.no_wait;
    let destroyed = environment::destroy(
        &place.cluster,
        &place.namespace,
        name,
        wait,
        Some(args.patience.timeout),
        &mut |event| progress.event(&event),
    )
    .await;
    progress.end();
    let receipt = destroyed?;
    context.output.outcome(&receipt, |_| receipt::destroyed(&receipt))
}

/// Asks on a thread of its own, so that Ctrl-C works meanwhile.
async fn confirmed(name: &str, namespace: &str) -> Result<bool> {
    let question = format!("Destroy environment {name} of namespace {namespace}, with its data? [y/N] ");
    let answer = tokio::task::spawn_blocking(move || -> io::Result<String> {
        let mut stderr = io::stderr().lock();
        stderr.write_all(question.as_bytes())?;
        stderr.flush()?;
        let mut answer = String::new();
        io::stdin().lock().read_line(&mut answer)?;
        Ok(answer)
    });
    let answer = answer.await.map_err(|error| Failure::Start(error.to_string()))?;
    let answer = answer.map_err(|error| Failure::Start(error.to_string()))?;
    Ok(matches!(answer.trim().to_lowercase().as_str(), "y" | "yes"))
}
