//! `outboard env rotate`.

use api::names::{EnvironmentName, PartName};
use clap::Args;
use verbs::environment::{self, Turning};

use crate::args::{Patience, Scope};
use crate::context::Context;
use crate::error::{Failure, Result};
use crate::output::progress::Progress;
use crate::terminal;

/// Change the passwords of services, on both sides and without a gap
///
/// The server takes the new password beside the old one; whoever uses it gets new pods with the new one; then the server forgets
/// the old one. Takes some minutes. Asked for while one runs, it waits for that one; Ctrl-C only stops waiting.
#[derive(Args, Debug)]
pub struct RotateArgs {
    /// Name of the environment
    pub name: EnvironmentName,
    /// Services [default: all whose password can be changed]
    pub services: Vec<PartName>,
    /// Do not ask
    #[arg(short, long)]
    pub yes: bool,
    /// Show what would get new pods, and change nothing
    #[arg(long)]
    pub dry_run: bool,
    #[command(flatten)]
    pub scope: Scope,
    #[command(flatten)]
    pub patience: Patience,
}

pub async fn run(context: &Context, args: RotateArgs) -> Result<()> {
    let name = args.name.as_str();
    let asks = !args.yes && !args.dry_run;
    if asks && !terminal::can_ask() {
        return Err(Failure::Usage {
            sentence: format!(
                "that {name} gets new passwords has to be confirmed, and there is no terminal to ask on"
            ),
            hint: "say --yes, or --dry-run to see what would happen".to_owned(),
        });
    }
    let place = context.place(&args.scope).await?;
    let (cluster, namespace) = (&place.cluster, place.namespace.as_str());
    let services: Vec<String> = args.services.iter().map(ToString::to_string).collect();
    let turning = environment::turning(cluster, namespace, name, &services).await?;
    if args.dry_run {
        return context.output.result(&turning, |_| shown(&turning));
    }
    if context.output.is_json() {
        context.output.item(&serde_json::json!({"event": "planned", "rotation": &turning}))?;
    } else {
        context.output.note(&shown(&turning));
    }
    if asks && !matches!(terminal::ask("Go on? [y/N] ".to_owned()).await?.as_str(), "y" | "yes") {
        context.output.note(&format!("{name} stays as it is"));
        return Ok(());
    }
    let named: Vec<&str> = turning.services.iter().map(|turn| turn.service.as_str()).collect();
    // The same services: whoever follows it waits for this, and asks for no other. Once it has ended it would ask anew.
    let again = format!("outboard -n {namespace} env rotate {name} {} --yes", named.join(" "));
    let mut progress = Progress::new(&context.output);
    let written =
        environment::rotate(cluster, namespace, &turning, &mut |event| progress.event(&event)).await;
    if args.patience.no_wait || written.is_err() {
        progress.end();
        written?;
        return context.output.outcome(&turning, |_| {
            format!("it is asked for; while it runs, wait for it with `{again}`; after that, this asks anew")
        });
    }
    context.waiting(again);
    let timeout = Some(args.patience.timeout);
    let ended =
        environment::rotated(cluster, namespace, &turning, timeout, &mut |event| progress.event(&event))
            .await;
    progress.end();
    let rotated = ended?;
    context.output.outcome(&rotated, |paint| {
        let services: Vec<String> = rotated.services.keys().map(|service| paint.strong(service)).collect();
        format!("{} of {name}: {}", services.join(", "), paint.good("the old password is forgotten"))
    })
}

/// What is about to happen, for people.
fn shown(turning: &Turning) -> String {
    let mut lines = Vec::new();
    for turn in &turning.services {
        let what = if turn.joins { "is being changed already" } else { "gets another password" };
        lines.push(format!("service {} of {} {what}", turn.service, turning.environment));
        let all = turn.restarts.iter().map(|part| (turning.environment.as_str(), part.as_str()));
        let others = turn
            .elsewhere
            .iter()
            .flat_map(|(other, parts)| parts.iter().map(move |part| (other.as_str(), part.as_str())));
        let mut parts = all.chain(others).peekable();
        if parts.peek().is_none() {
            lines.push("  nothing that runs uses it".to_owned());
        }
        lines.extend(parts.map(|(environment, part)| {
            format!("  {part} of {environment} gets new pods, one after the other")
        }));
    }
    lines.extend(turning.left_out.iter().map(|out| format!("left out: {}; {}", out.why, out.fix)));
    lines.join("\n")
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;

    #[test]
    fn what_gets_new_pods_is_said_before_anything_is_written() {
        let turn = |service: &str, joins, restarts: &[&str]| environment::Turn {
            service: service.into(),
            request: "1".into(),
            joins,
            restarts: restarts.iter().map(|&part| part.to_owned()).collect(),
            elsewhere: BTreeMap::new(),
        };
        let mut db = turn("db", false, &["web", "worker"]);
        db.elsewhere.insert("green".into(), vec!["web".into()]);
        let out = environment::LeftOut {
            service: "uploads".into(),
            why: "it knows one key".into(),
            fix: "leave it".into(),
        };
        let text = shown(&Turning {
            environment: "qa".into(),
            services: vec![db, turn("cache", true, &[])],
            left_out: vec![out],
            revision: None,
        });
        insta::assert_snapshot!(text, @r"
        service db of qa gets another password
          web of qa gets new pods, one after the other
          worker of qa gets new pods, one after the other
          web of green gets new pods, one after the other
        service cache of qa is being changed already
          nothing that runs uses it
        left out: it knows one key; leave it
        ");
    }
}
