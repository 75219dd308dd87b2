//! `outboard cluster …`

mod addons;
mod adopt;
mod cost;
mod create;
mod destroy;
mod diagnose;
mod drift;
mod forget;
mod kubeconfig;
mod list;
mod nodes;
mod plan;
mod status;
mod unlock;

use std::path::PathBuf;

use clap::{Args, Subcommand};
use verbs::clusters::{self, Wanted};

use crate::context::Context;
use crate::error::{Failure, Result};
use crate::terminal;

/// Make Kubernetes on AWS with Terraform or OpenTofu, from plan to proved teardown
#[derive(Debug, Subcommand)]
pub enum ClusterCommand {
    Plan(plan::PlanArgs),
    Create(create::CreateArgs),
    Status(status::StatusArgs),
    List(list::ListArgs),
    Nodes(nodes::NodesArgs),
    Drift(drift::DriftArgs),
    Diagnose(diagnose::DiagnoseArgs),
    Cost(cost::CostArgs),
    Kubeconfig(kubeconfig::KubeconfigArgs),
    #[command(subcommand)]
    Addons(addons::AddonsCommand),
    Unlock(unlock::UnlockArgs),
    Adopt(adopt::AdoptArgs),
    Forget(forget::ForgetArgs),
    Destroy(destroy::DestroyArgs),
}

impl ClusterCommand {
    /// Whether an engine runs that has to be stopped with care.
    pub fn runs_engine(&self) -> bool {
        matches!(self, Self::Plan(_) | Self::Create(_) | Self::Drift(_) | Self::Destroy(_) | Self::Addons(_))
    }
}

pub async fn run(
    context: &Context,
    command: ClusterCommand,
    interrupted: impl Future<Output = ()>,
) -> Result<()> {
    let mut interrupted = Box::pin(interrupted);
    match command {
        ClusterCommand::Plan(args) => Box::pin(plan::run(context, args, &mut interrupted)).await,
        ClusterCommand::Create(args) => Box::pin(create::run(context, args, &mut interrupted)).await,
        ClusterCommand::Status(args) => status::run(context, args).await,
        ClusterCommand::List(args) => list::run(context, args).await,
        ClusterCommand::Nodes(args) => nodes::run(context, args).await,
        ClusterCommand::Drift(args) => Box::pin(drift::run(context, args, &mut interrupted)).await,
        ClusterCommand::Diagnose(args) => diagnose::run(context, args).await,
        ClusterCommand::Cost(args) => cost::run(context, &args),
        ClusterCommand::Kubeconfig(args) => kubeconfig::run(context, args).await,
        ClusterCommand::Addons(command) => Box::pin(addons::run(context, command, &mut interrupted)).await,
        ClusterCommand::Unlock(args) => Box::pin(unlock::run(context, args)).await,
        ClusterCommand::Adopt(args) => Box::pin(adopt::run(context, args)).await,
        ClusterCommand::Forget(args) => Box::pin(forget::run(context, args)).await,
        ClusterCommand::Destroy(args) => Box::pin(destroy::run(context, args, &mut interrupted)).await,
    }
}

/// Asks, unless Ctrl-C is the answer.
async fn ask(question: String, interrupted: &mut (impl Future<Output = ()> + Unpin)) -> Result<String> {
    tokio::select! {
        answer = terminal::ask(question) => answer,
        () = interrupted => Err(Failure::Interrupted),
    }
}

/// Where clusters are listed.
#[derive(Args, Clone, Debug)]
pub struct ListedArgs {
    /// Region of AWS
    #[arg(long, value_name = "REGION", env = "AWS_REGION")]
    pub region: String,
    /// Bucket of states [default: outboard-ACCOUNT-REGION]
    #[arg(long, value_name = "BUCKET")]
    pub bucket: Option<String>,
}

/// Which cluster is meant.
#[derive(Args, Clone, Debug)]
pub struct ClusterFileArgs {
    /// The cluster's file, the directory it is in, or `-` for stdin [default: cluster.yaml]
    #[arg(short, long, value_name = "FILE")]
    pub file: Option<PathBuf>,
}

impl ClusterFileArgs {
    fn wanted(&self) -> Result<Wanted> {
        Ok(clusters::wanted(&clusters::source(self.file.as_deref()))?)
    }
}
