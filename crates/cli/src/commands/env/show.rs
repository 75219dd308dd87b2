//! `outboard env show`.

use std::time::{Duration, Instant};

use api::names::EnvironmentName;
use clap::Args;
use verbs::environment::{self, Until};

use super::{resume, wait_and_tell};
use crate::args::{Scope, duration};
use crate::context::Context;
use crate::error::Result;
use crate::output::progress::Progress;
use crate::output::{history as shown, receipt};

/// Show everything about an environment
#[derive(Args, Debug)]
pub struct ShowArgs {
    /// Name of the environment
    pub name: EnvironmentName,
    #[command(flatten)]
    pub scope: Scope,
    /// A revision of its history, with the objects that it is made of
    #[arg(short, long, value_name = "NUMBER", conflicts_with = "wait")]
    pub revision: Option<i64>,
    /// Wait until it serves, or can't
    #[arg(short, long)]
    pub wait: bool,
    /// Give up waiting after this long
    #[arg(long, value_name = "DURATION", default_value = "15m", value_parser = duration, requires = "wait")]
    pub timeout: Duration,
}

pub async fn run(context: &Context, args: ShowArgs) -> Result<()> {
    let place = context.place(&args.scope).await?;
    let name = args.name.as_str();
    if let Some(number) = args.revision {
        let found = environment::revision(&place.cluster, &place.namespace, name, number).await;
        if found.is_err() {
            // Of one that was destroyed there may still be revisions; without any it is not known at all.
            environment::history(&place.cluster, &place.namespace, name).await?;
        }
        let found = found?;
        return context.output.result(&found, |paint| shown::revision(&found, *paint));
    }
    if args.wait {
        environment::get(&place.cluster, &place.namespace, name).await?;
        context.waiting(resume(&place, name));
        let progress = Progress::new(&context.output);
        return wait_and_tell(
            context,
            &place,
            name,
            Until { timeout: Some(args.timeout), ..Until::default() },
            progress,
            Instant::now(),
        )
        .await;
    }
    let detail = environment::show(&place.cluster, &place.namespace, name).await?;
    context.output.result(&detail, |paint| receipt::detail(&detail, *paint))
}
