//! `outboard env backup`.

use std::time::Duration;

use api::names::EnvironmentName;
use clap::Args;
use verbs::data::{self, CopyLimits, Wanted};

use crate::args::{Scope, duration};
use crate::commands::data::{Rate, Requests, begin, rate, requests};
use crate::context::Context;
use crate::error::Result;
use crate::output::copied as shown;

/// Store the data of an environment's services where the project says (`backups`)
///
/// Each MariaDB as SQL and each Redis as RDB, as of one moment; objects of each S3 as they are. Nothing of the environment
/// is changed or held. Ctrl-C only stops watching.
#[derive(Args, Debug)]
pub struct BackupArgs {
    /// Name of the environment
    pub name: EnvironmentName,
    /// Service to store; may be repeated [default: every MariaDB, Redis and S3 that it runs itself]
    #[arg(value_name = "SERVICE")]
    pub services: Vec<String>,
    /// Read at most so much of each service, such as 20MB/s [default: as fast as it goes]
    #[arg(long, value_name = "RATE", value_parser = rate)]
    pub limit: Option<Rate>,
    /// Objects of S3 under way at once, at most, 1 to 1024; how many there are is found out [default: 256]
    #[arg(long, value_name = "COUNT", value_parser = clap::value_parser!(u32).range(1..=1024))]
    pub transfers: Option<u32>,
    /// Ask S3 at most so often a second, both sides together, or none [default: no limit]
    #[arg(long, value_name = "COUNT", value_parser = requests)]
    pub requests: Option<Requests>,
    /// Also of an environment of a protected class; needs the right to release environments
    #[arg(long)]
    pub protected: bool,
    /// Return as soon as the wish is written down
    #[arg(long)]
    pub detach: bool,
    /// Give up waiting after this long; the backup goes on [default: wait until it has ended]
    #[arg(long, value_name = "DURATION", value_parser = duration)]
    pub timeout: Option<Duration>,
    #[command(flatten)]
    pub scope: Scope,
}

pub async fn run(context: &Context, args: BackupArgs) -> Result<()> {
    let place = context.place(&args.scope).await?;
    let now = place.cluster.now().await;
    let limits = CopyLimits {
        bytes_per_second: args.limit.and_then(|Rate(rate)| rate),
        transfers: args.transfers,
        requests_per_second: args.requests.and_then(|Requests(count)| count),
        ..CopyLimits::default()
    };
    let made = data::back_up(args.name.as_str(), args.services, limits, now);
    let wanted = Wanted { protected: args.protected, ..made };
    match Box::pin(begin(context, &place, &wanted, args.detach, args.timeout)).await? {
        Some(detail) => context.output.outcome(&detail, |paint| shown::detail(&detail, *paint)),
        None => Ok(()),
    }
}
