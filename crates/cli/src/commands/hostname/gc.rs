//! `outboard hostname gc`.

use clap::Args;
use verbs::hostname;

use super::lines;
use crate::context::Context;
use crate::error::Result;

/// Find records of this installation and cluster that nothing asks for; with --yes, delete them
#[derive(Args, Debug)]
pub struct GcArgs {
    /// Delete them, and wait until name servers have it; without it they are only shown
    #[arg(short, long)]
    pub yes: bool,
}

pub async fn run(context: &Context, args: GcArgs) -> Result<()> {
    let cluster = context.cluster().await?;
    let swept = match args.yes {
        true => Box::pin(hostname::gc(&cluster)).await?,
        false => hostname::orphans(&cluster).await?,
    };
    context.output.result(&swept, |paint| {
        let mut text = vec![];
        for swept in &swept {
            let word = if args.yes { "deleted" } else { "orphans" };
            let count = swept.orphans.len();
            text.push(format!("zone {}: {count} {word}", paint.strong(swept.zone.name.as_str())));
            text.extend(swept.orphans.iter().flat_map(lines));
            text.extend(swept.left.iter().map(|(host, why)| format!("  left      {host}  ({why})")));
        }
        if !args.yes && swept.iter().any(|swept| !swept.orphans.is_empty()) {
            text.push("delete them with `outboard hostname gc --yes`".to_owned());
        }
        text.join("\n")
    })
}
