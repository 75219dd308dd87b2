//! `outboard gc`.

use clap::Args;
use verbs::gc::{self, Kind, Maker, Orphan, Outcome};

use crate::args::Scope;
use crate::context::Context;
use crate::error::Result;

/// Find what is left of environments and copies that are no more; with --yes, delete it
#[derive(Args, Debug)]
pub struct GcArgs {
    /// Delete it, with its volumes; without this it is only shown
    #[arg(short, long, conflicts_with = "all_namespaces")]
    pub yes: bool,
    /// Look in every control namespace
    #[arg(short = 'A', long)]
    pub all_namespaces: bool,
    #[command(flatten)]
    pub scope: Scope,
}

pub async fn run(context: &Context, args: GcArgs) -> Result<()> {
    let (swept, control) = if args.all_namespaces {
        (gc::orphans(&context.cluster().await?, None).await?, None)
    } else {
        let place = context.place(&args.scope).await?;
        let swept = match args.yes {
            true => gc::gc(&place.cluster, &place.namespace).await?,
            false => gc::orphans(&place.cluster, Some(&place.namespace)).await?,
        };
        (swept, Some(place.namespace))
    };
    context.output.result(&swept, |paint| {
        let mut text: Vec<String> =
            swept.orphans.iter().map(|orphan| line(orphan, &paint.strong(&orphan.name))).collect();
        text.extend(swept.unclear.iter().map(|(name, why)| format!("left alone  {name}: {why}")));
        let word = if args.yes { "deleted" } else { "left behind" };
        let count = swept.orphans.iter().filter(|orphan| orphan.outcome != Outcome::Wanted).count();
        text.push(format!("{count} {word}"));
        if !args.yes && count > 0 {
            let control = control.as_deref().unwrap_or("NAMESPACE");
            text.push(format!("delete it, volumes and all, with `outboard -n {control} gc --yes`"));
        }
        text.join("\n")
    })
}

fn line(orphan: &Orphan, name: &str) -> String {
    let kind = match orphan.kind {
        Kind::Namespace => "namespace",
        Kind::HostClaim => "host",
    };
    let maker = match &orphan.maker {
        Maker::Environment { control_namespace, project, environment } => {
            format!("of environment {environment} of {project} in {control_namespace}")
        }
        Maker::Copy { control_namespace, copy } => format!("of copy {copy} in {control_namespace}"),
    };
    let mut line = format!("{kind:<9}  {name}  {maker}");
    if let Some(pods @ 1..) = orphan.pods {
        line.push_str(&format!("; {pods} pods run there"));
    }
    if let Some(volumes) = orphan.volumes.as_ref().filter(|volumes| !volumes.is_empty()) {
        line.push_str(&format!("; volumes: {}", volumes.join(", ")));
    }
    if orphan.outcome == Outcome::Wanted {
        line.push_str("; it is there again, so this stays");
    }
    line
}
