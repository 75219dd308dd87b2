//! `outboard ui`.

use std::path::PathBuf;

use clap::Args;
use serde_json::json;
use web::{Options, Serving};

use super::{interruption, serving};
use crate::args::Scope;
use crate::context::Context;
use crate::error::Result;

/// Show environments in a browser on this machine, with your rights
///
/// Listens on the loopback interface only, on Linux by an address of its own. The address that it prints lets in once;
/// another follows as soon as it was used.
#[derive(Args, Debug)]
pub struct UiArgs {
    /// Environments of every namespace
    #[arg(short = 'A', long)]
    pub all_namespaces: bool,
    #[command(flatten)]
    pub scope: Scope,
    /// Port of 127.0.0.1 to listen on; other servers there get its cookies, too [default: an address of its own]
    #[arg(long, value_name = "PORT")]
    pub port: Option<u16>,
    /// Show clusters whose files lie in this folder: how each is, what it costs
    #[arg(long, value_name = "DIR")]
    pub clusters: Option<PathBuf>,
    /// Write a token for scripts there, for you only; it is good until this ends
    #[arg(long, value_name = "FILE")]
    pub token_file: Option<PathBuf>,
}

pub fn run(context: &Context, args: UiArgs) -> Result<()> {
    serving(serve(context, args))
}

async fn serve(context: &Context, args: UiArgs) -> Result<()> {
    let ended = interruption()?;
    let (cluster, namespace) = if args.all_namespaces {
        (context.cluster_itself().await?, None)
    } else {
        let place = context.place_itself(&args.scope).await?;
        (place.cluster, Some(place.namespace))
    };
    let options =
        Options { port: args.port, namespace, token_file: args.token_file, clusters: args.clusters };
    let serving = Serving::begin(cluster, options).await?;
    let mut entrances = serving.entrances.clone();
    let output = &context.output;
    let telling = async {
        loop {
            let address = entrances.borrow_and_update().clone();
            let told = if output.is_json() {
                output.item(&json!({"event": "entrance", "url": address}))
            } else {
                output.note(&format!("open {address}"));
                Ok(())
            };
            if told.is_err() {
                output.note("nobody reads what is printed here: no further address will be told");
                return std::future::pending::<()>().await;
            }
            if entrances.changed().await.is_err() {
                return std::future::pending::<()>().await;
            }
        }
    };
    tokio::select! {
        ended = serving.run(ended) => Ok(ended?),
        () = telling => Ok(()),
    }
}
