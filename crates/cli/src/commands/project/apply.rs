//! `outboard project apply`.

use std::path::PathBuf;
use std::time::Duration;

use clap::Args;
use verbs::Change;
use verbs::file::{self, Source};
use verbs::project;

use crate::args::duration;
use crate::context::Context;
use crate::error::{Failure, Result};
use crate::output::progress::Progress;

/// Check an outboard.yaml and store it as a project revision; no environment changes by it
#[derive(Args, Debug)]
pub struct ApplyArgs {
    /// The file, the directory it is in, or `-` for stdin [default: outboard.yaml]
    #[arg(short, long, value_name = "FILE")]
    pub file: Option<PathBuf>,
    /// Give up waiting for the operator after this long
    #[arg(long, value_name = "DURATION", default_value = "1m", value_parser = duration)]
    pub timeout: Duration,
}

pub async fn run(context: &Context, args: ApplyArgs) -> Result<()> {
    let source = Source::from_argument(args.file.as_deref());
    // On a thread of its own: stdin may keep us waiting, and Ctrl-C has to work meanwhile.
    let read = tokio::task::spawn_blocking(move || file::check(&source)).await;
    let wanted = read.map_err(|error| Failure::Start(error.to_string()))??;
    let name = wanted.metadata.name.clone().unwrap_or_default();

    let cluster = context.cluster().await?;
    let namespace = cluster.control_namespace(context.global.namespace.as_deref(), Some(&name))?;
    let mut progress = Progress::new(&context.output);
    context.waiting(format!("outboard -n {namespace} project list"));
    let applied = project::apply(&cluster, &namespace, &wanted, Some(args.timeout), &mut |event| {
        progress.event(&event);
    })
    .await;
    progress.end();
    let applied = applied?;
    context.output.outcome(&applied, |paint| match applied.change {
        Change::Unchanged => format!("project {name} unchanged: {}", paint.strong(&applied.revision)),
        change => format!("project {name} {}: {}", change.as_str(), paint.strong(&applied.revision)),
    })
}
