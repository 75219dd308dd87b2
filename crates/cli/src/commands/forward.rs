//! `outboard forward`.

use api::names::{EnvironmentName, PartName};
use clap::Args;
use verbs::inside::{self, Forward, Forwarding, Port};

use crate::args::{Format, Scope};
use crate::context::Context;
use crate::error::Result;
use crate::output::Output;

/// Reach a port of a component or service from this machine, until Ctrl-C
///
/// Listens on 127.0.0.1 alone. Every connection goes to a pod that is ready then, so it goes on while pods are
/// replaced.
#[derive(Args, Debug)]
pub struct ForwardArgs {
    /// Name of the environment
    pub environment: EnvironmentName,
    /// A component or service
    pub part: PartName,
    /// Its port, a number or a name, and the one here [default: its first, and the same number here if that is free]
    #[arg(value_name = "[LOCAL:]REMOTE")]
    pub port: Option<Port>,
    #[command(flatten)]
    pub scope: Scope,
}

pub async fn run(context: &Context, args: ForwardArgs) -> Result<()> {
    let place = context.place(&args.scope).await?;
    let wanted =
        Forward { environment: args.environment.to_string(), part: args.part.to_string(), port: args.port };
    let output = &context.output;
    let mut left = None;
    let mut tell = |news: Forwarding| {
        told(output, &news).map_err(|failure| {
            left = Some(failure);
            inside::Trouble::Output(std::io::Error::other("nobody reads the output")).into()
        })
    };
    let forwarded = inside::forward(&place.cluster, &place.namespace, &wanted, &mut tell).await;
    match (forwarded, left) {
        (_, Some(failure)) => Err(failure),
        (outcome, None) => Ok(outcome?),
    }
}

fn told(output: &Output, news: &Forwarding) -> Result<()> {
    if output.format != Format::Table {
        return output.item(news);
    }
    match news {
        Forwarding::Listening { environment, part, address, port, .. } => output.line(&format!(
            "{} → port {port} of {part} in {environment}; Ctrl-C ends it",
            output.paint.strong(address)
        )),
        Forwarding::Refused { part, port, pod, reason } => {
            let pod = pod.as_ref().map(|pod| format!(" (pod {pod})")).unwrap_or_default();
            output.note(&format!("a connection to port {port} of {part} failed: {reason}{pod}"));
            Ok(())
        }
        Forwarding::Destroyed { environment } => {
            output.note(&format!("environment {environment} was destroyed"));
            Ok(())
        }
    }
}
