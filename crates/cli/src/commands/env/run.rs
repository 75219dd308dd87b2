//! `outboard env run`.

use std::time::Duration;

use api::names::{EnvironmentName, PartName};
use clap::Args;
use tokio::io::{AsyncBufReadExt, BufReader, DuplexStream};
use verbs::inside::{self, Ran, Run, Step};

use crate::args::{Format, Scope, duration};
use crate::context::Context;
use crate::error::{Failure, Result};
use crate::output::Output;
use crate::terminal::{Connection, ended};

/// Bytes of output that may wait to be written as data.
const BUFFER: usize = 64 * 1024;

/// Run a one-off command in a pod of its own, with a component's image, settings and secrets
///
/// The pod is made as the environment's stored revision says, takes part in no traffic, and is deleted when the
/// command has ended, also by Ctrl-C. Ends with the exit code of the command. Who ran what stands in an Event on the
/// environment.
#[derive(Args, Debug)]
pub struct RunArgs {
    /// Name of the environment
    pub environment: EnvironmentName,
    /// A component or job
    pub component: PartName,
    /// The command and its arguments, instead of what the image starts [default: what the component runs]
    #[arg(last = true, value_name = "CMD")]
    pub command: Vec<String>,
    #[command(flatten)]
    pub scope: Scope,
    /// Give the command what comes in on stdin, which a terminal always does
    #[arg(short = 'i', long, conflicts_with = "detach")]
    pub stdin: bool,
    /// Leave the pod when the command has ended
    #[arg(long)]
    pub keep: bool,
    /// Return once it runs, and leave it running
    #[arg(short, long)]
    pub detach: bool,
    /// Give up when it has not started after this long
    #[arg(long, value_name = "DURATION", default_value = "5m", value_parser = duration)]
    pub timeout: Duration,
}

pub async fn run(context: &Context, args: RunArgs, interrupted: impl Future<Output = ()>) -> Result<()> {
    let place = context.place(&args.scope).await?;
    let wanted = Run {
        environment: args.environment.to_string(),
        component: args.component.to_string(),
        command: args.command,
        keep: args.keep,
        detach: args.detach,
        timeout: args.timeout,
    };
    let output = &context.output;
    let people = output.format == Format::Table;
    let connection = match args.detach {
        true => Connection { stdin: false, terminal: false },
        // As data, every line is a value of its own.
        false => Connection {
            terminal: people && Connection::wanted(args.stdin).terminal,
            ..Connection::wanted(args.stdin)
        },
    };
    let (mut streams, loan) = connection.open()?;
    let (out, lines) = tokio::io::duplex(BUFFER);
    match people {
        true => drop(out),
        false => streams.stdout = Box::new(out),
    }
    let mut tell = |step| told_on_the_way(output, connection, &step);
    let running = inside::run(&place.cluster, &place.namespace, &wanted, streams, interrupted, &mut tell);
    let (ran, written) = tokio::join!(Box::pin(running), each_line(output, lines));
    drop(loan);
    written?;
    let ran = match ran {
        Ok(ran) => ran,
        Err(error) => return ended(Err(error)),
    };
    told(output, &ran)?;
    match ran.exit_code {
        Some(code) => ended(Ok(code)),
        None if ran.interrupted => Err(Failure::Interrupted),
        None => Ok(()),
    }
}

fn told_on_the_way(output: &Output, connection: Connection, step: &Step) {
    if output.is_json() {
        // That nobody reads it is found out when the result is written.
        let _ = output.item(step);
    }
    match step {
        Step::Created { pod, image, revision: Some(revision), .. } => {
            output.note(&format!("pod {pod} of revision {revision}, image {image}"));
        }
        Step::Started { .. } if connection.terminal => {
            output.note("press Enter if no prompt appears");
        }
        Step::Problem { message } => output.note(message),
        _ => {}
    }
}

/// What the command writes, as values.
async fn each_line(output: &Output, lines: DuplexStream) -> Result<()> {
    let mut lines = BufReader::new(lines).split(b'\n');
    while let Ok(Some(line)) = lines.next_segment().await {
        let line = String::from_utf8_lossy(&line);
        output.item(&serde_json::json!({"event": "output", "line": line}))?;
    }
    Ok(())
}

fn told(output: &Output, ran: &Ran) -> Result<()> {
    if output.format != Format::Table {
        return output.outcome(ran, |_| String::new());
    }
    let Ran { namespace, pod, .. } = ran;
    if ran.kept && ran.exit_code.is_none() && !ran.interrupted {
        output.note(&format!("it goes on: kubectl -n {namespace} logs -f {pod}"));
        return output.line(pod);
    }
    if ran.kept {
        output.note(&format!("pod {pod} is kept: kubectl -n {namespace} delete pod {pod}"));
    } else if ran.interrupted {
        output.note(&format!("interrupted: pod {pod} is deleted"));
    }
    Ok(())
}
