//! `outboard debug`.

use std::time::Duration;

use api::names::{EnvironmentName, PartName};
use clap::Args;
use verbs::inside::{self, Debug, Step};

use super::exec::command_or_shell;
use crate::args::{Scope, duration};
use crate::context::Context;
use crate::error::Result;
use crate::terminal::{Connection, ended};

/// Add a container with tools to a pod that runs, or crashes, beside the component's own
///
/// The new container sees the processes of the component's, and has its settings, secrets and files. It stays in
/// the pod until that is replaced, and is no drift. Ends with the exit code of the command.
#[derive(Args, Debug)]
pub struct DebugArgs {
    /// Name of the environment
    pub environment: EnvironmentName,
    /// A component or service
    pub component: PartName,
    /// The command and its arguments [default at a terminal: /bin/sh]
    #[arg(last = true, value_name = "CMD")]
    pub command: Vec<String>,
    #[command(flatten)]
    pub scope: Scope,
    /// Image with the tools, needed where the component's own has no shell [default: the component's own]
    #[arg(long, env = "OUTBOARD_DEBUG_IMAGE", value_name = "IMAGE")]
    pub image: Option<String>,
    /// This pod of it [default: a ready one, else the newest]
    #[arg(long, value_name = "POD")]
    pub pod: Option<String>,
    /// Give the command what comes in on stdin, which a terminal always does
    #[arg(short = 'i', long)]
    pub stdin: bool,
    /// Give up when it has not started after this long
    #[arg(long, value_name = "DURATION", default_value = "5m", value_parser = duration)]
    pub timeout: Duration,
}

pub async fn run(context: &Context, args: DebugArgs) -> Result<()> {
    let command = command_or_shell(args.command)?;
    let place = context.place(&args.scope).await?;
    let wanted = Debug {
        environment: args.environment.to_string(),
        component: args.component.to_string(),
        pod: args.pod,
        image: args.image,
        command,
        timeout: args.timeout,
    };
    let connection = Connection::wanted(args.stdin);
    let (streams, _loan) = connection.open()?;
    let output = &context.output;
    let mut tell = |step| {
        if let Step::Created { pod, container, image, .. } = &step {
            output.note(&format!("container {container} in pod {pod}, image {image}"));
        }
        if matches!(step, Step::Started { .. }) && connection.terminal {
            output.note("press Enter if no prompt appears");
        }
    };
    ended(inside::debug(&place.cluster, &place.namespace, &wanted, streams, &mut tell).await)
}
