//! `outboard hostname claim`.

use std::time::{Duration, Instant};

use api::names::{EnvironmentName, RouteName};
use clap::Args;
use verbs::hostname::{self, Wanted};

use crate::args::{Scope, duration};
use crate::context::Context;
use crate::error::Result;
use crate::output::progress::Progress;
use words::time::elapsed;

/// Give a route a name of its own, and wait until the name servers of its zone answer; or change its weight
#[derive(Args, Debug)]
pub struct ClaimArgs {
    /// The host, such as www.example.com
    pub host: String,
    /// Environment that serves it
    #[arg(short, long = "env", value_name = "ENVIRONMENT")]
    pub environment: EnvironmentName,
    /// Route whose paths it has, by its host in outboard.yaml [default: the only one]
    #[arg(short, long, value_name = "ROUTE")]
    pub route: Option<RouteName>,
    /// Share of this cluster among all clusters that have the host, 0 to 255 [default: 100, or as it is]
    #[arg(short, long, value_name = "WEIGHT")]
    pub weight: Option<u8>,
    /// Health check of Route 53, by its id: while it fails, the share of this cluster goes to the others. Empty: none any more
    #[arg(long, value_name = "ID")]
    pub health_check: Option<String>,
    /// Return as soon as the claim is written down
    #[arg(long)]
    pub no_wait: bool,
    /// Give up waiting after this long; the operator goes on
    #[arg(long, value_name = "DURATION", default_value = "15m", value_parser = duration)]
    pub timeout: Duration,
    #[command(flatten)]
    pub scope: Scope,
}

pub async fn run(context: &Context, args: ClaimArgs) -> Result<()> {
    let place = context.place(&args.scope).await?;
    let start = Instant::now();
    let wanted = Wanted {
        host: args.host,
        environment: args.environment.to_string(),
        route: args.route.map(|route| route.to_string()),
        weight: args.weight,
        health_check: args.health_check,
    };
    let (claimed, change) = hostname::claim(&place.cluster, &place.namespace, &wanted).await?;
    let host = hostname::summary(&claimed).host;
    if args.no_wait {
        let summary = hostname::summary(&claimed);
        return context.output.outcome(&summary, |paint| {
            format!(
                "{} is {}: look at it with `outboard hostname list`",
                paint.strong(&host),
                change.as_str()
            )
        });
    }
    let mut progress = Progress::new(&context.output);
    context.waiting(format!("outboard -n {} hostname list", place.namespace));
    let waited = hostname::wait(&place.cluster, &place.namespace, &host, Some(args.timeout), &mut |event| {
        progress.event(&event);
    })
    .await;
    progress.end();
    let summary = hostname::summary(&waited?);
    context.output.outcome(&summary, |paint| {
        let message = summary.message.clone().unwrap_or_default();
        format!(
            "{} is {}: {message}, after {}",
            paint.strong(&host),
            paint.good("answered"),
            elapsed(start.elapsed())
        )
    })
}
