//! `outboard hostname release`.

use std::time::Duration;

use clap::Args;
use verbs::hostname;

use crate::args::{Scope, duration};
use crate::context::Context;
use crate::error::{Failure, Result};
use crate::output::progress::Progress;
use crate::terminal;

/// Take a name of its own back: its records of this cluster, then its route
#[derive(Args, Debug)]
pub struct ReleaseArgs {
    /// The host, such as www.example.com
    pub host: String,
    /// Do not ask
    #[arg(short, long)]
    pub yes: bool,
    /// Return as soon as the wish is written down
    #[arg(long)]
    pub no_wait: bool,
    /// Give up waiting after this long; the operator goes on
    #[arg(long, value_name = "DURATION", default_value = "15m", value_parser = duration)]
    pub timeout: Duration,
    #[command(flatten)]
    pub scope: Scope,
}

pub async fn run(context: &Context, args: ReleaseArgs) -> Result<()> {
    let host = args.host.as_str();
    if !args.yes && !terminal::can_ask() {
        return Err(Failure::Usage {
            sentence: format!("releasing {host} has to be confirmed, and there is no terminal to ask on"),
            hint: "say --yes".to_owned(),
        });
    }
    let place = context.place(&args.scope).await?;
    let question = format!(
        "Release {host} of namespace {}{}, so that it leads here no more? [y/N] ",
        place.namespace,
        place.at()
    );
    if !args.yes && !matches!(terminal::ask(question).await?.as_str(), "y" | "yes") {
        context.output.note(&format!("{host} stays as it is"));
        return Ok(());
    }
    let mut progress = Progress::new(&context.output);
    context.waiting(format!("outboard -n {} hostname list", place.namespace));
    let released = hostname::release(
        &place.cluster,
        &place.namespace,
        host,
        !args.no_wait,
        Some(args.timeout),
        &mut |event| progress.event(&event),
    )
    .await;
    progress.end();
    context.output.outcome(&released?, |paint| {
        let word = if args.no_wait { "being released" } else { "released" };
        format!("{} is {}", paint.strong(host), paint.good(word))
    })
}
