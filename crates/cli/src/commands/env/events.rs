//! `outboard env events`.

use api::names::EnvironmentName;
use clap::Args;
use verbs::environment;

use crate::args::Scope;
use crate::context::Context;
use crate::error::Result;
use crate::output::history;

/// Say what has happened: Kubernetes' events, restarts, verdicts, revisions, copies of data; the newest last
///
/// Kubernetes keeps its events for about an hour; the rest is kept longer, of an environment that was destroyed as long as its revisions.
#[derive(Args, Debug)]
pub struct EventsArgs {
    /// Name of the environment
    pub name: EnvironmentName,
    #[command(flatten)]
    pub scope: Scope,
}

pub async fn run(context: &Context, args: EventsArgs) -> Result<()> {
    let place = context.place(&args.scope).await?;
    let told = environment::timeline(&place.cluster, &place.namespace, args.name.as_str()).await?;
    if !context.output.is_json() {
        for unread in &told.unread {
            context.output.note(&format!("not read: {}: {}", unread.what, unread.why));
        }
        if told.partial {
            context.output.note("there is so much that not all of it was read; newer things may be missing");
        }
        if told.cut {
            context.output.note("there is more, which is older and is not shown");
        }
    }
    context.output.result(&told, |paint| history::events(&told, *paint))
}
