//! `outboard hostname check`.

use clap::Args;
use verbs::hostname::{self, Delegation};

use crate::context::Context;
use crate::error::Result;

/// Check that the world is led to the hosted zones: the zone above names their name servers
#[derive(Args, Debug)]
pub struct CheckArgs {}

pub async fn run(context: &Context, _: CheckArgs) -> Result<()> {
    let checked = hostname::check(&context.cluster().await?).await?;
    context.output.result(&checked, |paint| {
        let one = |zone: &hostname::Checked| {
            let told = match &zone.delegation {
                Delegation::Right { above } => format!("{above} leads to its name servers"),
                Delegation::Wrong { above, names } => format!(
                    "{above} leads to {}, but its name servers are {}: correct the NS record there",
                    names.join(", "),
                    zone.name_servers.join(", ")
                ),
                Delegation::None { above } => format!(
                    "{above} does not lead to it: add an NS record there with {}",
                    zone.name_servers.join(", ")
                ),
                Delegation::Private => "it is private".to_owned(),
                Delegation::Unknown { why } => format!("it can't be said from here: {why}"),
            };
            let domain = if zone.holds_domain { ", holds the cluster's domain" } else { "" };
            format!("zone {} ({}){domain}: {told}", paint.strong(zone.zone.name.as_str()), zone.zone.id)
        };
        checked.iter().map(one).collect::<Vec<_>>().join("\n")
    })?;
    let wrong: Vec<String> =
        checked.iter().filter(|zone| !zone.is_right()).map(|zone| zone.zone.name.to_string()).collect();
    if wrong.is_empty() {
        return Ok(());
    }
    Err(verbs::Error::NotDelegated { zones: wrong }.into())
}
