//! `outboard project list`.

use clap::Args;
use verbs::project;
use words::time::age;

use crate::args::Scope;
use crate::context::Context;
use crate::error::Result;
use crate::output::table::{or_dash, table};

/// List projects and their newest revisions
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
    let projects = if args.all_namespaces {
        project::list(&context.cluster().await?, None).await?
    } else {
        let place = context.place(&args.scope).await?;
        project::list(&place.cluster, Some(&place.namespace)).await?
    };
    if projects.is_empty() && !context.output.is_json() {
        context.output.note("no projects: store one with `outboard project apply`");
    }
    context.output.result(&projects, |paint| {
        if projects.is_empty() {
            return String::new();
        }
        let rows = projects.iter().map(|project| {
            let problem = project.problem.as_deref().map(|problem| paint.bad(problem));
            [
                project.name.clone(),
                project.namespace.clone(),
                or_dash(project.revision.as_deref()),
                project.classes.join(","),
                project.components.join(","),
                age(project.created.as_deref()),
                problem.unwrap_or_default(),
            ]
        });
        table(["NAME", "NAMESPACE", "REVISION", "CLASSES", "COMPONENTS", "AGE", ""], rows)
    })
}
