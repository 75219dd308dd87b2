//! `outboard check`.

use std::path::PathBuf;

use clap::Args;
use serde::Serialize;
use verbs::file::{self, FileProblem, Source};

use crate::context::Context;
use crate::error::Result;
use crate::output::problems;

/// Check an outboard.yaml without a cluster; every problem at once
#[derive(Args, Debug)]
pub struct CheckArgs {
    /// The file, the directory it is in, or `-` for stdin [default: outboard.yaml]
    #[arg(short, long, value_name = "FILE")]
    pub file: Option<PathBuf>,
}

/// What a right file holds.
#[derive(Serialize)]
struct Summary {
    file: String,
    project: String,
    components: Vec<String>,
    services: Vec<String>,
    routes: usize,
    classes: Vec<String>,
    /// What is worth a second look.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    warnings: Vec<FileProblem>,
}

pub fn run(context: &Context, args: &CheckArgs) -> Result<()> {
    let source = Source::from_argument(args.file.as_deref());
    let read = file::check(&source)?;
    problems::warn(&context.output, &read);
    let (project, warnings) = (&read.content.project, &read.content.warnings);
    let summary = Summary {
        file: source.label(),
        project: project.metadata.name.clone().unwrap_or_default(),
        components: project.spec.components.keys().cloned().collect(),
        services: project.spec.services.keys().cloned().collect(),
        routes: project.spec.routes.len(),
        classes: project.spec.class_names().into_iter().map(str::to_owned).collect(),
        warnings: warnings.clone(),
    };
    context.output.result(&summary, |paint| {
        let count =
            |number: usize, what: &str| format!("{number} {what}{}", if number == 1 { "" } else { "s" });
        format!(
            "{} {}: project {} with {}, {} and {}; classes: {}",
            paint.good("✓"),
            summary.file,
            summary.project,
            count(summary.components.len(), "component"),
            count(summary.services.len(), "service"),
            count(summary.routes, "route"),
            summary.classes.join(", ")
        )
    })
}
