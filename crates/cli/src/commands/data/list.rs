//! `outboard data list`.

use clap::Args;
use verbs::data;
use words::copy::share;
use words::time::{age, span};

use crate::args::Scope;
use crate::context::Context;
use crate::error::Result;
use crate::output::copied as shown;
use crate::output::table::{columns, or_dash};

/// List copies of data
#[derive(Args, Debug)]
#[command(visible_alias = "ls")]
pub struct ListArgs {
    /// Of every namespace
    #[arg(short = 'A', long)]
    pub all_namespaces: bool,
    #[command(flatten)]
    pub scope: Scope,
}

pub async fn run(context: &Context, args: ListArgs) -> Result<()> {
    let copies = if args.all_namespaces {
        data::list(&context.cluster().await?, None).await?
    } else {
        let place = context.place(&args.scope).await?;
        data::list(&place.cluster, Some(&place.namespace)).await?
    };
    if copies.is_empty() && !context.output.is_json() {
        context.output.note("no copies: make one with `outboard data copy --from A --to B`");
    }
    context.output.result(&copies, |paint| {
        if copies.is_empty() {
            return String::new();
        }
        let mut head = vec!["NAME", "FROM", "TO", "PHASE", "COPIED", "LEFT", "AGE", "WHY NOT"];
        if args.all_namespaces {
            head.insert(0, "NAMESPACE");
        }
        let rows = copies.iter().map(|copy| {
            let to = match copy.makes_backup {
                true => "(backup)",
                false if copy.scan => "(scan)",
                false => copy.to.as_str(),
            };
            let left = copy.eta_seconds.filter(|_| !copy.phase.is_final()).map(span);
            head.iter()
                .map(|column| match *column {
                    "NAMESPACE" => copy.namespace.clone(),
                    "NAME" => copy.name.clone(),
                    "FROM" => match copy.backup.as_ref().filter(|_| !copy.makes_backup) {
                        Some(backup) => format!("{} ({backup})", copy.from),
                        None => copy.from.clone(),
                    },
                    "TO" if copy.dry_run => format!("{to} (dry run)"),
                    "TO" => to.to_owned(),
                    "PHASE" => shown::phase(copy.phase, *paint),
                    "COPIED" => share(copy),
                    "LEFT" => or_dash(left.as_deref()),
                    "AGE" => age(copy.created.as_deref()),
                    _ => or_dash(copy.why.as_deref()),
                })
                .collect::<Vec<String>>()
        });
        columns(&head, rows)
    })
}
