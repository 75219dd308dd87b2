//! `outboard env list`.

use clap::Args;
use verbs::environment;

use crate::args::Scope;
use crate::context::Context;
use crate::error::Result;
use crate::output::receipt;
use crate::output::table::{or_dash, table};
use crate::output::time::age;

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
        let rows = environments.iter().map(|environment| {
            let url = environment.urls.values().next();
            [
                environment.name.clone(),
                environment.project.clone(),
                environment.class.clone(),
                environment.revision.map_or_else(|| "-".to_owned(), |revision| revision.to_string()),
                receipt::state(environment.state, *paint),
                or_dash(environment.owner.as_deref()),
                age(environment.created.as_deref()),
                or_dash(environment.why.as_deref().or(url.map(String::as_str))),
            ]
        });
        let rows: Vec<_> = rows.collect();
        if args.all_namespaces {
            let namespaces = environments.iter().map(|environment| environment.namespace.clone());
            let rows = namespaces
                .zip(rows)
                .map(|(namespace, [a, b, c, d, e, f, g, h])| [namespace, a, b, c, d, e, f, g, h]);
            return table(
                [
                    "NAMESPACE",
                    "NAME",
                    "PROJECT",
                    "CLASS",
                    "REVISION",
                    "STATE",
                    "OWNER",
                    "AGE",
                    "URL OR WHY NOT",
                ],
                rows,
            );
        }
        table(["NAME", "PROJECT", "CLASS", "REVISION", "STATE", "OWNER", "AGE", "URL OR WHY NOT"], rows)
    })
}
