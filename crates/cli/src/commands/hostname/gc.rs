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
    /// Everything of a cluster that is no more, by the name that it was installed with, instead of what nothing asks for here
    #[arg(long, value_name = "CLUSTER")]
    pub of_cluster: Option<String>,
}

pub async fn run(context: &Context, args: GcArgs) -> Result<()> {
    let cluster = context.cluster().await?;
    let of = args.of_cluster.as_deref();
    let swept = match args.yes {
        true => Box::pin(hostname::gc(&cluster, of)).await?,
        false => hostname::orphans(&cluster, of).await?,
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
            text.push(match of {
                None => "delete them with `outboard hostname gc --yes`".to_owned(),
                Some(gone) => format!(
                    "if {gone} is really no more, delete them with `outboard hostname gc --of-cluster {gone} --yes`"
                ),
            });
        }
        text.join("\n")
    })
}
