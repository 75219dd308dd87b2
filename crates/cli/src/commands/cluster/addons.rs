//! `outboard cluster addons …`

use std::path::PathBuf;

use api::Exit;
use clap::{Args, Subcommand};
use verbs::clusters::addons::{self, AddonState, Way};

use super::ClusterFileArgs;
use crate::context::Context;
use crate::error::{Failure, Result};
use crate::output::cluster::Teller;
use crate::output::cluster::addons as shown;

/// What is installed in a cluster: pod network, cloud controller, volumes, metrics, gateway, certificates, autoscaler, outboard
///
/// The cluster is reached with its own kubeconfig, or as --context or --kubeconfig say.
#[derive(Debug, Subcommand)]
pub enum AddonsCommand {
    Plan(PlanArgs),
    Apply(ApplyArgs),
    Status(StatusArgs),
    Images(ImagesArgs),
}

/// Show what would be made or changed, object by object; change nothing
#[derive(Args, Debug)]
pub struct PlanArgs {
    #[command(flatten)]
    pub what: What,
}

/// Bring them about in their order, each waited for; again: changes nothing but what is not as it should be
#[derive(Args, Debug)]
pub struct ApplyArgs {
    #[command(flatten)]
    pub what: What,
}

/// Show how each stands: what was changed by others, what has not come up, and why
#[derive(Args, Debug)]
pub struct StatusArgs {
    #[command(flatten)]
    pub what: What,
    /// End with exit code 42 if something is not as it should be: for schedules
    #[arg(long)]
    pub exit_code: bool,
}

/// List every image and file there has to be, for a registry of one's own; asks nobody
#[derive(Args, Debug)]
pub struct ImagesArgs {
    #[command(flatten)]
    pub cluster: ClusterFileArgs,
}

#[derive(Args, Debug)]
pub struct What {
    #[command(flatten)]
    pub cluster: ClusterFileArgs,
    /// Folder that holds the files of other projects, which are fetched without it
    #[arg(long, value_name = "FOLDER")]
    pub from: Option<PathBuf>,
}

pub async fn run(
    context: &Context,
    command: AddonsCommand,
    interrupted: &mut (impl Future<Output = ()> + Unpin),
) -> Result<()> {
    match command {
        AddonsCommand::Plan(args) => {
            let wanted = args.what.cluster.wanted()?;
            let found = addons::look(&wanted, way(context).await?, args.what.from, interrupted).await?;
            context.output.outcome(&found, |paint| shown::plan(&found, *paint))
        }
        AddonsCommand::Apply(args) => {
            let wanted = args.what.cluster.wanted()?;
            let mut teller = Teller::new(&context.output);
            let mut sink = |event| teller.tell(&event);
            let way = way(context).await?;
            let done = addons::apply(&wanted, way, args.what.from, interrupted, &mut sink).await?;
            context.output.outcome(&done, |paint| shown::applied(&done, *paint))
        }
        AddonsCommand::Status(args) => {
            let wanted = args.what.cluster.wanted()?;
            let found = addons::look(&wanted, way(context).await?, args.what.from, interrupted).await?;
            context.output.outcome(&found, |paint| shown::status(&found, *paint))?;
            if args.exit_code && found.iter().any(|one| one.state != AddonState::Ready) {
                return Err(Failure::Ended(Exit::Drifted.code()));
            }
            Ok(())
        }
        AddonsCommand::Images(args) => {
            let needed = addons::needed(&args.cluster.wanted()?)?;
            context.output.result(&needed, |_| shown::needed(&needed))
        }
    }
}

/// Only what somebody names is meant in place of the cluster's own: a kubeconfig that happens to be there is another cluster's.
async fn way(context: &Context) -> Result<Way> {
    if context.global.context.is_some() || context.global.kubeconfig.is_some() {
        return Ok(Way::Context(Box::new(context.cluster().await?)));
    }
    Ok(Way::Own)
}
