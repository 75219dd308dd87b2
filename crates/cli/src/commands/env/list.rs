//! `outboard env list`.

use clap::Args;
use verbs::environment;
use words::time::age;

use crate::args::Scope;
use crate::context::Context;
use crate::error::Result;
use crate::output::receipt;
use crate::output::table::{columns, or_dash};

/// List environments
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
    // A project that was said narrows the list; one that merely lies here does not.
    let only = args.scope.project.as_ref().map(api::names::ProjectName::as_str);
    let environments = if args.all_namespaces {
        environment::list(&context.cluster().await?, None, only).await?
    } else {
        let place = context.place(&args.scope).await?;
        environment::list(&place.cluster, Some(&place.namespace), only).await?
    };
    if environments.is_empty() && !context.output.is_json() {
        context.output.note("no environments: create one with `outboard env create NAME`");
    }
    context.output.result(&environments, |paint| {
        if environments.is_empty() {
            return String::new();
        }
        let mut head =
            vec!["NAME", "PROJECT", "CLASS", "REVISION", "STATE", "OWNER", "AGE", "URL OR WHY NOT"];
        if args.all_namespaces {
            head.insert(0, "NAMESPACE");
        }
        if context.output.wide {
            head.insert(head.len() - 1, "DIFFERS BY HAND");
        }
        let rows = environments.iter().map(|environment| {
            let url = environment.urls.values().next();
            let by_hand: Vec<String> = environment
                .differs_by_hand
                .iter()
                .map(|(setting, value)| format!("{setting}={value}"))
                .collect();
            head.iter()
                .map(|column| match *column {
                    "NAMESPACE" => environment.namespace.clone(),
                    "NAME" => environment.name.clone(),
                    "PROJECT" => environment.project.clone(),
                    "CLASS" => environment.class.clone(),
                    "REVISION" => {
                        environment.revision.map_or_else(|| "-".to_owned(), |revision| revision.to_string())
                    }
                    "STATE" => receipt::state(environment.state, *paint),
                    "OWNER" => or_dash(environment.owner.as_deref()),
                    "AGE" => age(environment.created.as_deref()),
                    "DIFFERS BY HAND" => or_dash(Some(&by_hand.join(" "))),
                    _ => or_dash(environment.why.as_deref().or(url.map(String::as_str))),
                })
                .collect::<Vec<String>>()
        });
        columns(&head, rows)
    })
}
