//! `outboard data limit`.

use clap::Args;
use verbs::data::{self, Limits};

use super::{Gently, Named, steered};
use crate::context::Context;
use crate::error::{Failure, Result};

/// Make a copy go slower or faster while it runs; what is not said stays
#[derive(Args, Debug)]
pub struct LimitArgs {
    #[command(flatten)]
    pub copy: Named,
    #[command(flatten)]
    pub gently: Gently,
}

pub async fn run(context: &Context, args: LimitArgs) -> Result<()> {
    let Gently { limit, connections, threads_running, latency, cpu, transfers, requests } = args.gently;
    let numbers = [connections.map(u64::from), threads_running, latency, cpu, transfers.map(u64::from)];
    if limit.is_none() && requests.is_none() && numbers.iter().all(Option::is_none) {
        return Err(Failure::Usage {
            sentence: "no limit is said".to_owned(),
            hint: "one or more of --limit, --connections, --threads-running, --latency, --cpu, --transfers and --requests".to_owned(),
        });
    }
    let place = context.place(&args.copy.scope).await?;
    let name = args.copy.name.as_str();
    let limits = Limits {
        bytes_per_second: limit.map(|rate| rate.0),
        connections,
        threads_running,
        latency_millis: latency,
        cpu_percent: cpu,
        transfers,
        requests_per_second: requests.map(|requests| requests.0),
    };
    let (copy, change) = data::limit(&place.cluster, &place.namespace, name, limits).await?;
    steered(context, name, "limited so", &copy, change)
}
