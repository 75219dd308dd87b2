//! The command line: global flags, and what several commands have in common.

use std::path::PathBuf;
use std::time::Duration;

use api::Exit;
use api::names::ProjectName;
use clap::{ArgAction, Args, Parser, ValueEnum};

use crate::commands::Command;

/// Whole environments on demand, identical to production
#[derive(Debug, Parser)]
#[command(
    name = "outboard",
    version,
    max_term_width = 110,
    after_help = "Exit codes and more: outboard --help",
    after_long_help = after_help()
)]
pub struct Cli {
    #[command(flatten)]
    pub global: Global,
    #[command(subcommand)]
    pub command: Command,
}

#[derive(Args, Clone, Debug)]
#[command(next_help_heading = "Global options")]
pub struct Global {
    /// Control namespace, which holds projects and environments [default: the kubeconfig context's, else the
    /// project's name]
    #[arg(short, long, global = true, value_name = "NAMESPACE")]
    pub namespace: Option<String>,
    /// Context of the kubeconfig [default: its current one]
    #[arg(long, global = true, value_name = "CONTEXT")]
    pub context: Option<String>,
    /// Kubeconfig file [default: $KUBECONFIG, else ~/.kube/config]
    #[arg(long, global = true, value_name = "FILE")]
    pub kubeconfig: Option<PathBuf>,
    /// Server of outboard to go through, instead of a kubeconfig [default: $OUTBOARD_SERVER, else that of `outboard login`, where KUBECONFIG
    /// is not set; none for `install`, `server` and `ui`]
    #[arg(long, global = true, value_name = "URL", conflicts_with_all = ["context", "kubeconfig"])]
    pub server: Option<String>,
    /// How results are written; wide shows more columns where there are any, json also writes progress, one event a line
    #[arg(short, long, global = true, value_enum, default_value_t = Format::Table, value_name = "FORMAT")]
    pub output: Format,
    /// When to use colours; NO_COLOR is honoured
    #[arg(long, global = true, value_enum, default_value_t = When::Auto, value_name = "WHEN")]
    pub color: When,
    /// Tell what happens inside, on stderr (twice: tell more)
    #[arg(short, long, global = true, action = ArgAction::Count)]
    pub verbose: u8,
}

#[derive(Clone, Copy, Debug, Eq, PartialEq, ValueEnum)]
pub enum Format {
    Table,
    // A table with more columns, where there are any. (No doc comment: help would list each format on a line of its own.)
    Wide,
    Json,
    Yaml,
    // Only of `logs`, whose help tells them.
    #[value(hide = true)]
    Text,
    #[value(hide = true)]
    Raw,
}

impl Format {
    /// Whether only logs are written so.
    pub fn is_of_logs(self) -> bool {
        matches!(self, Self::Text | Self::Raw)
    }
}

#[derive(Clone, Copy, Debug, Eq, PartialEq, ValueEnum)]
pub enum When {
    Auto,
    Always,
    Never,
}

/// Whose environments are meant.
#[derive(Args, Clone, Debug)]
pub struct Scope {
    /// Project [default: the one of outboard.yaml here, else the only one in the control namespace]
    #[arg(short, long, value_name = "PROJECT")]
    pub project: Option<ProjectName>,
    /// Take the project's name from this file, or the outboard.yaml in this directory
    #[arg(short, long, value_name = "FILE", conflicts_with = "project")]
    pub file: Option<PathBuf>,
}

/// Whether and how long to wait.
#[derive(Args, Clone, Debug)]
pub struct Patience {
    /// Return as soon as the wish is written down
    #[arg(long)]
    pub no_wait: bool,
    /// Give up waiting after this long; the cluster goes on
    #[arg(long, value_name = "DURATION", default_value = "15m", value_parser = duration)]
    pub timeout: Duration,
}

/// How a change is made.
#[derive(Args, Clone, Debug)]
pub struct Changing {
    /// Show what would change, and change nothing
    #[arg(long)]
    pub dry_run: bool,
    /// Wait this long for an image that does not exist yet [default: end at once; the environment waits anyway]
    #[arg(long, value_name = "DURATION", value_parser = duration)]
    pub hold: Option<Duration>,
    #[command(flatten)]
    pub patience: Patience,
}

/// `90s`, `15m`, `2h` or `7d`.
pub fn duration(text: &str) -> Result<Duration, String> {
    words::time::duration(text)
        .ok_or_else(|| "write a number and a unit: `90s`, `15m`, `2h` or `7d`".to_owned())
}

fn after_help() -> String {
    let mut text = String::from("Exit codes:\n");
    for exit in Exit::ALL {
        text.push_str(&format!("  {:>3}  {}\n", exit.code(), exit.meaning()));
    }
    text.push_str(
        "\nWithout a terminal nothing is ever asked: what would be asked has to be said (--yes, --keep, --heal).\n",
    );
    text.push_str(
        "`outboard operator` runs the operator; it is what `outboard install` starts in the cluster.",
    );
    text
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    #[test]
    fn the_command_line_is_consistent() {
        Cli::command().debug_assert();
    }

    #[test]
    fn a_command_goes_through_a_server_or_by_a_kubeconfig() {
        for other in ["--context=a", "--kubeconfig=/a"] {
            let refused = Cli::try_parse_from(["outboard", "--server=https://a", other, "env", "list"]);
            assert!(refused.is_err_and(|error| error.to_string().contains("cannot be used with")), "{other}");
        }
    }

    #[test]
    fn the_whole_help_is_reviewed_with_every_change() {
        let mut text = String::new();
        describe(&mut Cli::command().term_width(100), &mut text);
        insta::assert_snapshot!(text);
    }

    fn describe(command: &mut clap::Command, text: &mut String) {
        command.build();
        let help = command.render_long_help();
        text.push_str(&format!("──── {}\n{help}\n", command.get_bin_name().unwrap_or("outboard")));
        for subcommand in command.get_subcommands_mut().filter(|subcommand| subcommand.get_name() != "help") {
            describe(subcommand, text);
        }
    }

    #[test]
    fn a_duration_needs_its_unit() {
        assert_eq!(duration("15m"), Ok(Duration::from_secs(900)));
        assert_eq!(duration("7d"), Ok(Duration::from_secs(604_800)));
        assert!(duration("15").is_err() && duration("d").is_err() && duration("99999999d").is_err());
    }
}
