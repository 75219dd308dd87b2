//! `outboard import …`

use std::path::PathBuf;

use clap::{Args, Subcommand};
use verbs::import::{self, Destination, Written};

use crate::context::Context;
use crate::error::Result;
use crate::output::import as shown;

/// Make an outboard.yaml from what a team has; what could not be taken over is listed, and told in comments
#[derive(Debug, Subcommand)]
pub enum ImportCommand {
    Compose(ComposeArgs),
}

/// From a Docker Compose file
#[derive(Args, Debug)]
pub struct ComposeArgs {
    /// The file, or the directory it is in [default: the working directory]
    #[arg(value_name = "FILE", default_value = ".", hide_default_value = true)]
    pub file: PathBuf,
    #[command(flatten)]
    pub to: To,
}

/// Where the result goes.
#[derive(Args, Debug)]
pub struct To {
    /// Where to write it, `-` for stdout [default: outboard.yaml beside what is read]
    #[arg(long, value_name = "FILE")]
    pub to: Option<PathBuf>,
    /// Write over what is there
    #[arg(long)]
    pub force: bool,
}

impl To {
    fn destination(&self) -> Option<Destination> {
        match &self.to {
            Some(path) if path.as_os_str() == "-" => Some(Destination::Stdout),
            Some(path) => Some(Destination::File { path: path.clone(), force: self.force }),
            None => None,
        }
    }
}

pub fn compose(context: &Context, args: &ComposeArgs) -> Result<()> {
    tell(context, &import::compose(&args.file, args.to.destination(), args.to.force)?)
}

/// The file itself on stdout if that was asked for, what there is to know on stderr.
fn tell(context: &Context, written: &Written) -> Result<()> {
    match &written.text {
        Some(text) if !context.output.is_json() => {
            context.output.note(shown::report(written, context.output.paint_err).trim_end());
            context.output.line(text.trim_end())
        }
        _ => context.output.result(written, |paint| shown::report(written, *paint)),
    }
}
