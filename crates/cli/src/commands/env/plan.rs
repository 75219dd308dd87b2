//! `outboard env plan`.

use api::names::{ClassName, EnvironmentName, ProjectName};
use clap::Args;
use verbs::environment::{self, Choice, Setting, Settings, Wanted};

use super::tell_plan;
use crate::args::Scope;
use crate::context::Context;
use crate::error::Result;

/// Show what creating, setting or updating an environment would change, and change nothing
#[derive(Args, Debug)]
pub struct PlanArgs {
    /// Name of the environment, whether it exists or not
    pub name: EnvironmentName,
    /// Settings that differ by hand from the project, as `env set` takes them
    #[arg(value_name = "SETTING=VALUE")]
    pub settings: Vec<Setting>,
    #[command(flatten)]
    pub scope: Scope,
    /// Class (stage) of an environment that does not exist yet
    #[arg(short, long, value_name = "CLASS")]
    pub class: Option<ClassName>,
    /// Version of a component; may be repeated
    #[arg(long = "set", value_name = "COMPONENT=VERSION")]
    pub versions: Vec<Choice>,
    /// Project revision, p-… [default: the project's newest]
    #[arg(short, long, value_name = "REVISION", conflicts_with = "keep_revision")]
    pub revision: Option<String>,
    /// Stay at the project revision that it has
    #[arg(short, long)]
    pub keep_revision: bool,
}

pub async fn run(context: &Context, args: PlanArgs) -> Result<()> {
    let place = context.place(&args.scope).await?;
    let (cluster, namespace, name) = (&place.cluster, place.namespace.as_str(), args.name.as_str());
    let wish = match environment::find(cluster, namespace, name).await? {
        Some(_) => {
            let wanted = Settings { versions: args.versions, settings: args.settings, unset: Vec::new() };
            let mut wish = environment::set(cluster, namespace, name, &wanted).await?;
            if !args.keep_revision {
                let revision = args.revision.as_deref();
                let newer =
                    environment::update(cluster, namespace, name, revision, &mut context.events()).await?;
                wish.wanted.project_revision = newer.wanted.project_revision;
            }
            wish
        }
        None => {
            let project = place.project.as_deref().map(ProjectName::parse).transpose();
            let wanted = Wanted {
                name: args.name.clone(),
                project: project.map_err(verbs::Error::from)?,
                class: args.class,
                versions: args.versions,
                settings: args.settings,
                revision: args.revision,
            };
            environment::create(cluster, namespace, &wanted, &mut context.events()).await?
        }
    };
    let planned = environment::plan(cluster, namespace, wish, &mut context.events()).await?;
    tell_plan(context, &planned)
}
