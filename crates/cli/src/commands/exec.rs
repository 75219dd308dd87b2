//! `outboard exec`.

use api::names::{EnvironmentName, PartName};
use clap::Args;
use verbs::inside::{self, Exec};

use crate::args::Scope;
use crate::context::Context;
use crate::error::{Failure, Result};
use crate::terminal::{Connection, ended, somebody_types};

/// What is run where nothing is said.
pub const SHELL: &str = "/bin/sh";

/// Run a command in a container that runs: a shell, if nothing is said and somebody is there to type
///
/// Ends with the exit code of the command. A ready pod is chosen; one-off and debugging containers never are.
#[derive(Args, Debug)]
pub struct ExecArgs {
    /// Name of the environment
    pub environment: EnvironmentName,
    /// A component or service
    pub part: PartName,
    /// The command and its arguments [default at a terminal: /bin/sh]
    #[arg(last = true, value_name = "CMD")]
    pub command: Vec<String>,
    #[command(flatten)]
    pub scope: Scope,
    /// This pod of it, ready or not [default: a ready one of the newest version]
    #[arg(long, value_name = "POD")]
    pub pod: Option<String>,
    /// Give the command what comes in on stdin, which a terminal always does
    #[arg(short = 'i', long)]
    pub stdin: bool,
}

pub async fn run(context: &Context, args: ExecArgs) -> Result<()> {
    let command = command_or_shell(args.command)?;
    let place = context.place(&args.scope).await?;
    let wanted = Exec {
        environment: args.environment.to_string(),
        part: args.part.to_string(),
        pod: args.pod,
        command,
    };
    let (streams, _loan) = Connection::wanted(args.stdin).open()?;
    ended(inside::exec(&place.cluster, &place.namespace, &wanted, streams).await)
}

/// A shell needs somebody who types.
pub fn command_or_shell(command: Vec<String>) -> Result<Vec<String>> {
    match command.is_empty() {
        false => Ok(command),
        true if somebody_types() => Ok(vec![SHELL.to_owned()]),
        true => Err(Failure::Usage {
            sentence: "it is not said which command to run, and there is no terminal for a shell".to_owned(),
            hint: "say it after `--`, as in `-- env`".to_owned(),
        }),
    }
}
