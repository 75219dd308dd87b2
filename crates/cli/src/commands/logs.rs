//! `outboard logs`.

mod search;

use std::path::PathBuf;
use std::time::Duration;

use api::names::{EnvironmentName, PartName, ProjectName};
use clap::Args;
use rustix::process::{Resource, getrlimit, setrlimit};
use tokio::sync::mpsc;
use verbs::Event;
use verbs::logs::{self, Ended, Filter, Item, Level, Moment, Pattern, Query, Words};

use crate::args::{Format, Scope};
use crate::context::Context;
use crate::error::{Failure, Result};
use crate::output::log::{Style, Writer};
use search::SearchArgs;

/// Pages that may wait to be written; a slow terminal slows the reading down beyond that.
const BUFFER: usize = 4;

/// Show the logs of an environment: every component, job and service, in order of time
#[derive(Args, Debug)]
#[command(after_help = AFTER_HELP)]
pub struct LogsArgs {
    /// Name of the environment
    pub environment: EnvironmentName,
    /// Only these components, jobs and services; what cannot be a name is a query, such as "level:>=warn checkout"
    #[arg(value_name = "COMPONENT|QUERY")]
    pub names: Vec<String>,
    /// Project [default: the one of outboard.yaml here, else the only one in the control namespace]
    #[arg(short, long, value_name = "PROJECT")]
    pub project: Option<ProjectName>,
    /// Take the project's name from this file, or the outboard.yaml in this directory
    #[arg(long, value_name = "FILE", conflicts_with = "project")]
    pub file: Option<PathBuf>,
    /// Go on with what is written from now on, also by containers that start later, until the environment is destroyed
    #[arg(short, long)]
    pub follow: bool,
    /// End after what there is: what happens without --follow
    #[arg(long, hide = true, conflicts_with = "follow")]
    pub no_follow: bool,
    /// Only lines from then on: a duration ago (90s, 2h, 7d) or a time (2026-11-25T10:00:00Z)
    #[arg(long, value_name = "WHEN", value_parser = moment)]
    pub since: Option<Moment>,
    /// Only lines until then: a duration ago or a time
    #[arg(long, value_name = "WHEN", value_parser = moment, conflicts_with = "follow")]
    pub until: Option<Moment>,
    /// Only so many last lines of every container, before anything is left out
    #[arg(long, value_name = "LINES")]
    pub tail: Option<u32>,
    /// Also what a container wrote before its last restart; after a crash within the last 10 minutes that is shown anyway
    #[arg(long)]
    pub previous: bool,
    /// Only this component, job or service, as the names after the environment's; may be repeated
    #[arg(long = "component", value_name = "COMPONENT")]
    pub also: Vec<PartName>,
    /// Only containers of this name; may be repeated
    #[arg(long = "container", value_name = "CONTAINER")]
    pub containers: Vec<String>,
    /// Only entries in which this regular expression is found; may be repeated: all must be
    #[arg(long, value_name = "REGEX", value_parser = Pattern::parse)]
    pub grep: Vec<Pattern>,
    /// No entries in which this regular expression is found; may be repeated
    #[arg(long, value_name = "REGEX", value_parser = Pattern::parse)]
    pub exclude: Vec<Pattern>,
    /// Only entries of this level or a graver one: trace, debug, info, warn, error, fatal
    #[arg(long, value_name = "LEVEL", value_parser = level)]
    pub level: Option<Level>,
    /// Write the time before every line
    #[arg(short, long)]
    pub timestamps: bool,
    #[command(flatten)]
    pub search: SearchArgs,
}

const AFTER_HELP: &str = "\
Written as (-o):
  text   component and line; on a terminal, lines of JSON are made readable [default]
  wide   the same with pods and times
  json   one object a line: the line with its level and fields, or an event
  raw    what containers wrote, and nothing else

An entry is a line with what goes on with it, such as a stack trace. Restarts, exits and gaps stand among the lines;
a gap says that the node no longer had what may have been written between two lines.
Ends with 0 when all is shown, when the environment is destroyed and when nobody reads on.";

impl LogsArgs {
    /// What is named and can be, and the rest.
    fn named(&self) -> (Vec<String>, Vec<String>) {
        self.names.iter().cloned().partition(|name| PartName::parse(name).is_ok())
    }

    fn query(&self, words: Option<&Words>) -> Query {
        let parts = self.named().0.into_iter().chain(self.also.iter().map(ToString::to_string));
        Query {
            environment: self.environment.to_string(),
            parts: parts.collect(),
            containers: self.containers.clone(),
            follow: self.follow,
            since: self.since,
            until: self.until,
            tail: self.tail,
            previous: self.previous,
            filter: Filter {
                grep: self.grep.clone(),
                exclude: self.exclude.clone(),
                level: self.level,
                query: words.cloned().unwrap_or_else(Words::all),
            },
            entries: false,
        }
    }
}

pub async fn run(context: &Context, args: LogsArgs) -> Result<()> {
    let words = search::words(args.search.query.as_deref(), &args.named().1)?;
    let scope = Scope { project: args.project.clone(), file: args.file.clone() };
    let place = context.place(&scope).await?;
    let output = &context.output;
    let query =
        Query { entries: matches!(output.format, Format::Json | Format::Yaml), ..args.query(words.as_ref()) };
    let style = Style {
        format: output.format,
        raw: output.raw,
        wide: output.wide,
        timestamps: args.timestamps || output.wide,
        paint: output.paint,
    };
    as_many_connections_as_allowed();
    if !args.follow && args.search.searches(words.as_ref()) {
        return search::run(context, &place, &args.search, query, style).await;
    }
    let (out, mut items) = mpsc::channel(BUFFER);
    let mut writer = Writer::new(style);
    let reading = logs::logs(&place.cluster, &place.namespace, &query, out);
    let writing = async {
        let mut written = Ok(());
        while let Some(item) = items.recv().await {
            written = match item {
                Item::Page(page) => writer.page(&page).and_then(|bytes| output.bytes(&bytes)),
                Item::Event(event) => {
                    tell(context, &event);
                    Ok(())
                }
                Item::Late(late) => {
                    output.note(&lateness(late));
                    Ok(())
                }
            };
            if written.is_err() {
                break;
            }
        }
        // Dropped here, so that the reading side learns that nobody listens.
        drop(items);
        written
    };
    let (ended, written) = tokio::join!(Box::pin(reading), writing);
    written?;
    let ended = match ended {
        // It may have been destroyed, and its logs be archived.
        Err(error @ verbs::Error::NotFound { kind: "environment", .. }) if !args.follow => {
            return match search::run(context, &place, &args.search, query, style).await {
                Err(Failure::Verb(
                    verbs::Error::NoArchive { .. }
                    | verbs::Error::NoProject { .. }
                    | verbs::Error::WhichProject { .. },
                )) => Err(error.into()),
                searched => searched,
            };
        }
        ended => ended?,
    };
    if ended == Ended::Destroyed {
        output.note(&format!("environment {} was destroyed", args.environment));
    }
    // Among many lines they are easily overlooked, and raw output has none.
    match writer.gaps {
        0 => {}
        1 => output.note("there is a gap: lines may be missing that the node no longer had"),
        gaps => {
            output.note(&format!("there are {gaps} gaps: lines may be missing that the node no longer had"));
        }
    }
    Ok(())
}

fn tell(context: &Context, event: &Event) {
    match event {
        Event::ServerSilent { server, reason, .. } => {
            context.output.note(&format!("the API server {server} does not answer ({reason}), retrying"));
        }
        Event::ServerBack { .. } => context.output.note("the API server answers again"),
        _ => {}
    }
}

fn lateness(late: Duration) -> String {
    match late.as_secs() {
        0 => "lines come in time again".to_owned(),
        seconds => format!(
            "lines come {seconds} s late: more is written than is read here; leave something out (components, --grep, --level), or \
             the oldest may be gone before they are read"
        ),
    }
}

/// Every container is a connection: what a shell allows by default is soon used up.
fn as_many_connections_as_allowed() {
    let mut limit = getrlimit(Resource::Nofile);
    limit.current = limit.maximum;
    // With fewer it goes on as far as it goes.
    if let Err(error) = setrlimit(Resource::Nofile, limit) {
        tracing::debug!(%error, "the number of open files stays limited");
    }
}

fn moment(text: &str) -> Result<Moment, String> {
    words::time::moment(text).ok_or_else(|| {
        "write how long ago (`90s`, `15m`, `2h`, `7d`), or a time with its zone (`2026-11-25T10:00:00Z`)"
            .to_owned()
    })
}

fn level(text: &str) -> Result<Level, String> {
    Level::parse(text).ok_or_else(|| "write trace, debug, info, warn, error or fatal".to_owned())
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn a_moment_is_how_long_ago_or_a_time_with_its_zone() {
        assert_eq!(moment("2h"), Ok(Moment::Ago(Duration::from_secs(7200))));
        let wanted = Moment::At("2026-11-25T10:00:00Z".parse().unwrap());
        assert_eq!(moment("2026-11-25T11:00:00+01:00"), Ok(wanted));
        assert!(moment("yesterday").is_err() && moment("2026-11-25T11:00:00").is_err());
        assert_eq!(level("WARNING"), Ok(Level::Warn));
        assert!(level("loud").unwrap_err().contains("fatal"));
    }
}
