//! `outboard env create`.

use std::time::Instant;

use api::names::{ClassName, EnvironmentName, ProjectName};
use clap::Args;
use verbs::environment::{self, Choice, Wanted};

use super::{resume, tell, wait_and_tell};
use crate::args::{Patience, Scope};
use crate::context::Context;
use crate::error::Result;
use crate::output::progress::Progress;

/// Create an environment and wait until it serves, or can't
#[derive(Args, Debug)]
pub struct CreateArgs {
    /// Name of the new environment
    pub name: EnvironmentName,
    #[command(flatten)]
    pub scope: Scope,
    /// Class (stage) [default: the only one there is, else qa]
    #[arg(short, long, value_name = "CLASS")]
    pub class: Option<ClassName>,
    /// Version of a component, where it is not the project's own; may be repeated
    #[arg(long = "set", value_name = "COMPONENT=VERSION")]
    pub versions: Vec<Choice>,
    /// Project revision, p-… [default: the project's newest]
    #[arg(short, long, value_name = "REVISION")]
    pub revision: Option<String>,
    #[command(flatten)]
    pub patience: Patience,
}

pub async fn run(context: &Context, args: CreateArgs) -> Result<()> {
    let start = Instant::now();
    let place = context.place(&args.scope).await?;
    let wanted = Wanted {
        name: args.name.clone(),
        project: place.project.as_deref().map(ProjectName::parse).transpose().map_err(verbs::Error::from)?,
        class: args.class,
        versions: args.versions,
        revision: args.revision,
    };
    let mut progress = Progress::new(&context.output);
    let created =
        environment::create(&place.cluster, &place.namespace, &wanted, &mut |event| progress.event(&event))
            .await;
    if args.patience.no_wait || created.is_err() {
        progress.end();
        return tell(context, &place, &created?.0, None).await;
    }
    context.waiting(resume(&place, args.name.as_str()));
    wait_and_tell(context, &place, args.name.as_str(), args.patience.timeout, progress, start).await
}
