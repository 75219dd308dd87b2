//! `outboard hostname plan`.

use api::names::EnvironmentName;
use clap::Args;
use verbs::hostname::{self, Outcome};

use super::lines;
use crate::context::Context;
use crate::error::Result;

/// Show what would be done to the hosted zones, looking at them with your own AWS credentials
#[derive(Args, Debug)]
pub struct PlanArgs {
    /// As if this host were claimed, too
    #[arg(value_name = "HOST", requires = "environment")]
    pub host: Option<String>,
    /// Environment that would serve it
    #[arg(short, long = "env", value_name = "ENVIRONMENT", requires = "host")]
    pub environment: Option<EnvironmentName>,
    /// Weight that it would have
    #[arg(short, long, value_name = "WEIGHT", default_value_t = api::hostname::WHOLE, requires = "host")]
    pub weight: u8,
    /// Hosts that stay as they are, too
    #[arg(short, long)]
    pub all: bool,
}

pub async fn run(context: &Context, args: PlanArgs) -> Result<()> {
    let cluster = context.cluster().await?;
    let namespace =
        context.global.namespace.clone().or(cluster.context_namespace.clone()).unwrap_or_default();
    let claim = args.host.as_deref().zip(args.environment.as_ref());
    let claim =
        claim.map(|(host, environment)| (host, namespace.as_str(), environment.as_str(), args.weight));
    let plans = hostname::plan(&cluster, claim).await?;
    context.output.result(&plans, |paint| {
        let mut text = vec![];
        for plan in &plans {
            text.push(format!(
                "zone {} ({}), {} records",
                paint.strong(plan.zone.name.as_str()),
                plan.zone.id,
                plan.holds
            ));
            let news = plan.hosts.iter().filter(|host| args.all || host.outcome != Outcome::Nothing);
            let news: Vec<String> = news.flat_map(lines).collect();
            if news.is_empty() {
                text.push("  nothing to do".to_owned());
            }
            text.extend(news);
            let hidden = plan.served.iter().filter(|served| !served.conflicts.is_empty());
            text.extend(hidden.map(|served| {
                let why: Vec<String> = served.conflicts.iter().map(ToString::to_string).collect();
                format!("  hidden    {}  ({})", served.name, why.join("; "))
            }));
        }
        text.join("\n")
    })
}
