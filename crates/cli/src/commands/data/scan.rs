//! `outboard data scan`.

use std::time::Duration;

use api::names::EnvironmentName;
use clap::Args;
use verbs::data::{self, Wanted};

use super::begin;
use crate::args::{Scope, duration};
use crate::context::Context;
use crate::error::Result;

/// Propose masks for columns that look like personal data, as YAML to paste into outboard.yaml
///
/// Looks at names of columns and at some of their values; shows no value. A person decides.
#[derive(Args, Debug)]
pub struct ScanArgs {
    /// Environment whose databases are looked at
    pub environment: EnvironmentName,
    /// Service to look at [default: every MariaDB]
    pub service: Option<String>,
    /// Give up waiting after this long
    #[arg(long, value_name = "DURATION", default_value = "15m", value_parser = duration)]
    pub timeout: Duration,
    #[command(flatten)]
    pub scope: Scope,
}

pub async fn run(context: &Context, args: ScanArgs) -> Result<()> {
    let place = context.place(&args.scope).await?;
    let environment = args.environment.to_string();
    let name = data::fresh_name(&environment, place.cluster.now().await);
    let wanted = Wanted {
        services: args.service.into_iter().collect(),
        scan: true,
        quiesce: false,
        ..Wanted::between(name, &environment, &environment)
    };
    let ended = begin(context, &place, &wanted, false, Some(args.timeout)).await?;
    let Some(detail) = ended else { return Ok(()) };
    let found = detail.services.iter().any(|service| !service.proposals.is_empty());
    if !found && !context.output.is_json() {
        context.output.note("nothing looks like personal data, by name or by content; a person knows better");
    }
    context.output.outcome(&detail, |_| if found { data::masks(&detail.services) } else { String::new() })
}
