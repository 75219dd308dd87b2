//! `outboard gc`.

use clap::Args;
use verbs::gc::{self, Kind, Maker, Orphan, Outcome};

use crate::args::Scope;
use crate::context::Context;
use crate::error::Result;

/// Find what is left of environments and copies that are no more; with --yes, delete it
///
/// What runs, or has data, goes only if it is named: an environment whose control namespace was deleted runs on on purpose.
#[derive(Args, Debug)]
pub struct GcArgs {
    /// Only these, also if something runs there
    #[arg(value_name = "NAME", requires = "yes")]
    pub names: Vec<String>,
    /// Delete it; without this it is only shown
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
            true => Box::pin(gc::gc(&place.cluster, &place.namespace, &args.names)).await?,
            false => gc::orphans(&place.cluster, Some(&place.namespace)).await?,
        };
        (swept, Some(place.namespace))
    };
    context.output.result(&swept, |paint| {
        let mut text: Vec<String> =
            swept.orphans.iter().map(|orphan| line(orphan, &paint.strong(&orphan.name))).collect();
        text.extend(swept.unclear.iter().map(|one| format!("left alone {}: {}", one.name, one.why)));
        text.extend(swept.unseen.iter().map(|what| format!("not looked for: {what}")));
        let count = |outcome| swept.orphans.iter().filter(|orphan| orphan.outcome == outcome).count();
        if args.yes {
            text.push(format!("{} being deleted", count(Outcome::Deleting)));
        } else {
            text.push(format!("{} left behind", swept.orphans.len()));
        }
        if count(Outcome::Found) > 0 {
            let control = control.as_deref().unwrap_or("NAMESPACE");
            text.push(format!(
                "delete what is empty with `outboard -n {control} gc --yes`, and anything with `outboard -n {control} gc NAME --yes`"
            ));
        }
        text.join("\n")
    })?;
    match swept.orphans.iter().find(|orphan| orphan.outcome == Outcome::Failed) {
        Some(failed) => Err(verbs::Error::NotSwept {
            what: failed.name.clone(),
            why: failed.why.clone().unwrap_or_default(),
        }
        .into()),
        None => Ok(()),
    }
}

fn line(orphan: &Orphan, name: &str) -> String {
    let kind = match orphan.kind {
        Kind::Namespace => "namespace",
        Kind::HostClaim => "host",
        Kind::Volume => "volume",
        Kind::Backup => "backup",
    };
    let maker = match &orphan.maker {
        Maker::Environment { control_namespace, project, environment } => {
            format!("of environment {environment} of {project} in {control_namespace}")
        }
        Maker::Copy { control_namespace, copy } => format!("of copy {copy} in {control_namespace}"),
    };
    let mut line = format!("{kind:<9}  {name}  {maker}");
    if let Some(pods @ 1..) = orphan.pods {
        line.push_str(&format!("; pods there: {pods}"));
    }
    if let Some(volumes) = orphan.volumes.as_ref().filter(|volumes| !volumes.is_empty()) {
        line.push_str(&format!("; volumes: {}", volumes.join(", ")));
    }
    if let Some(why) = &orphan.why {
        line.push_str(&format!(" ({why})"));
    }
    line
}
