//! `outboard env create`.

use api::names::{ClassName, EnvironmentName, ProjectName};
use clap::Args;
use verbs::environment::{self, Choice, Setting, Wanted};

use super::carry_out_filled;
use super::fill::Filling;
use crate::args::{Changing, Scope};
use crate::context::Context;
use crate::error::Result;

/// Create an environment and wait until it serves, or can't
#[derive(Args, Debug)]
pub struct CreateArgs {
    /// Name of the new environment
    pub name: EnvironmentName,
    /// Settings that differ by hand from the project, as `env set` takes them
    #[arg(value_name = "SETTING=VALUE")]
    pub settings: Vec<Setting>,
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
    pub filling: Filling,
    #[command(flatten)]
    pub changing: Changing,
}

pub async fn run(context: &Context, args: CreateArgs) -> Result<()> {
    let place = context.place(&args.scope).await?;
    let copy = args.filling.copy(&place.cluster, &place.namespace, &args.name).await?;
    let wanted = Wanted {
        name: args.name,
        project: place.project.as_deref().map(ProjectName::parse).transpose().map_err(verbs::Error::from)?,
        class: args.class,
        versions: args.versions,
        settings: args.settings,
        revision: args.revision,
    };
    let wish = environment::create(&place.cluster, &place.namespace, &wanted, &mut context.events()).await?;
    carry_out_filled(context, &place, wish, &args.changing, copy.as_ref()).await
}
