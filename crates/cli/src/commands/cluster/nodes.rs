//! `outboard cluster nodes`.

use clap::Args;
use verbs::clusters;

use crate::context::Context;
use crate::error::Result;
use crate::output::cluster::nodes as shown;

/// Show the cluster of the context: its nodes, and what pods ask of them
#[derive(Args, Debug)]
pub struct NodesArgs {}

pub async fn run(context: &Context, _: NodesArgs) -> Result<()> {
    let here = clusters::here(&context.cluster().await?).await;
    if !context.output.is_json() {
        for unread in &here.unread {
            context.output.note(&format!("not read: {}: {}", unread.what, unread.why));
        }
    }
    context.output.result(&here, |paint| shown::list(&here, *paint))
}
