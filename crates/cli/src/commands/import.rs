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
    Manifests(ManifestsArgs),
    Namespace(NamespaceArgs),
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

/// From objects of Kubernetes: files as `kubectl apply -f` takes them; render charts and kustomizations first
#[derive(Args, Debug)]
pub struct ManifestsArgs {
    /// Files, or directories of files
    #[arg(value_name = "FILE", required = true)]
    pub files: Vec<PathBuf>,
    #[command(flatten)]
    pub to: To,
}

/// From what runs in a namespace now
#[derive(Args, Debug)]
pub struct NamespaceArgs {
    /// The namespace whose objects are read
    #[arg(value_name = "NAMESPACE")]
    pub from: String,
    #[command(flatten)]
    pub to: To,
}

/// Where the result goes.
#[derive(Args, Debug)]
pub struct To {
    /// Where to write it, `-` for stdout [default: outboard.yaml, beside a Compose file or here]
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

pub fn manifests(context: &Context, args: &ManifestsArgs) -> Result<()> {
    tell(context, &import::manifests(&args.files, args.to.destination(), args.to.force)?)
}

pub async fn namespace(context: &Context, args: &NamespaceArgs) -> Result<()> {
    let cluster = context.cluster().await?;
    tell(context, &import::namespace(&cluster, &args.from, args.to.destination(), args.to.force).await?)
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
