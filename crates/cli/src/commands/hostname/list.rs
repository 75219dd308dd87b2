//! `outboard hostname list`.

use clap::Args;
use verbs::hostname;

use crate::args::Scope;
use crate::context::Context;
use crate::error::Result;
use crate::output::table::{columns, or_dash};
use words::time::age;

/// List hosts: those with a name of their own, and those that environments have by their names
#[derive(Args, Debug)]
#[command(visible_alias = "ls")]
pub struct ListArgs {
    /// Of every namespace
    #[arg(short = 'A', long)]
    pub all_namespaces: bool,
    #[command(flatten)]
    pub scope: Scope,
}

pub async fn run(context: &Context, args: ListArgs) -> Result<()> {
    let hosts = if args.all_namespaces {
        hostname::list(&context.cluster().await?, None).await?
    } else {
        let place = context.place(&args.scope).await?;
        hostname::list(&place.cluster, Some(&place.namespace)).await?
    };
    if hosts.is_empty() && !context.output.is_json() {
        context.output.note("no hosts: they come with the routes of environments");
    }
    context.output.result(&hosts, |_| {
        if hosts.is_empty() {
            return String::new();
        }
        let mut head = vec!["HOST", "ENVIRONMENT", "ROUTE", "WEIGHT", "DNS", "TLS", "AGE", "WHY"];
        if args.all_namespaces {
            head.insert(0, "NAMESPACE");
        }
        let rows = hosts.iter().map(|host| {
            let shown =
                |ready: Option<bool>| or_dash(ready.map(|ready| if ready { "ready" } else { "not yet" }));
            let refused = host.certificate.as_deref().filter(|_| host.certificate_ready == Some(false));
            head.iter()
                .map(|column| match *column {
                    "NAMESPACE" => host.namespace.clone(),
                    "HOST" => host.host.clone(),
                    "ENVIRONMENT" => host.environment.clone(),
                    "ROUTE" => host.route.clone(),
                    "WEIGHT" => or_dash(host.weight.map(|weight| weight.to_string()).as_deref()),
                    "DNS" => shown(host.dns_ready),
                    "TLS" => shown(host.certificate_ready),
                    "AGE" => age(host.created.as_deref()),
                    // What keeps visitors away comes before what lets them in.
                    _ if host.dns_ready == Some(true) => or_dash(refused.or(host.message.as_deref())),
                    _ => or_dash(host.message.as_deref()),
                })
                .collect::<Vec<String>>()
        });
        columns(&head, rows)
    })
}
