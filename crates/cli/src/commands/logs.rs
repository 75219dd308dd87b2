//! `outboard logs`.

use std::time::Duration;

use api::names::{EnvironmentName, PartName};
use clap::Args;
use tokio::sync::mpsc;
use verbs::Event;
use verbs::logs::{self, Ended, Entry, Line, Query};

use crate::args::{Format, Scope, duration};
use crate::context::Context;
use crate::error::Result;

/// Lines that may wait to be written; a slow terminal slows the reading down beyond that.
const BUFFER: usize = 512;

/// Follow the logs of an environment: every component, job and service, also those that start later
#[derive(Args, Debug)]
pub struct LogsArgs {
    /// Name of the environment
    pub environment: EnvironmentName,
    /// Only these components, jobs and services
    #[arg(value_name = "COMPONENT")]
    pub components: Vec<PartName>,
    #[command(flatten)]
    pub scope: Scope,
    /// End after what there is, in order of time
    #[arg(long)]
    pub no_follow: bool,
    /// Only lines younger than this
    #[arg(long, value_name = "DURATION", value_parser = duration)]
    pub since: Option<Duration>,
    /// Only so many last lines of every container
    #[arg(long, value_name = "LINES")]
    pub tail: Option<u32>,
    /// Write the time before every line
    #[arg(short, long)]
    pub timestamps: bool,
}

pub async fn run(context: &Context, args: LogsArgs) -> Result<()> {
    let place = context.place(&args.scope).await?;
    let query = Query {
        environment: args.environment.to_string(),
        parts: args.components.iter().map(ToString::to_string).collect(),
        follow: !args.no_follow,
        since: args.since,
        tail: args.tail,
    };
    let (out, mut entries) = mpsc::channel(BUFFER);
    let mut writer = Writer { context, timestamps: args.timestamps, width: 0 };
    let reading = logs::logs(&place.cluster, &place.namespace, &query, out);
    let writing = async {
        let mut written = Ok(());
        while let Some(entry) = entries.recv().await {
            written = writer.entry(&entry);
            if written.is_err() {
                break;
            }
        }
        // Dropped here, so that the reading side learns that nobody listens.
        drop(entries);
        written
    };
    let (ended, written) = tokio::join!(reading, writing);
    written?;
    if ended? == Ended::Destroyed {
        context.output.note(&format!("environment {} was destroyed", args.environment));
    }
    Ok(())
}

struct Writer<'a> {
    context: &'a Context,
    timestamps: bool,
    /// Of the longest component name so far.
    width: usize,
}

impl Writer<'_> {
    fn entry(&mut self, entry: &Entry) -> Result<()> {
        match entry {
            Entry::Line(line) if self.context.output.format == Format::Table => {
                let text = self.text(line);
                self.context.output.line(&text)
            }
            Entry::Line(line) => self.context.output.item(line),
            Entry::Event(Event::ServerSilent { server, reason, .. }) => {
                self.context
                    .output
                    .note(&format!("the API server {server} does not answer ({reason}), retrying"));
                Ok(())
            }
            Entry::Event(Event::ServerBack { .. }) => {
                self.context.output.note("the API server answers again");
                Ok(())
            }
            Entry::Event(_) => Ok(()),
        }
    }

    fn text(&mut self, line: &Line) -> String {
        self.width = self.width.max(line.component.len());
        let width = self.width;
        // A container beside the component's own, such as a sidecar, is named too.
        let prefix = if line.container == line.component {
            format!("{:<width$}", line.component)
        } else {
            format!("{:<width$}", format!("{}/{}", line.component, line.container))
        };
        let prefix = self.context.output.paint.component(&line.component, format!("{prefix} |"));
        if self.timestamps {
            let time = self.context.output.paint.aside(format!("{:.3}", line.time));
            format!("{prefix} {time} {}", line.line)
        } else {
            format!("{prefix} {}", line.line)
        }
    }
}
