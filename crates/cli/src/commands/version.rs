//! `outboard version`.

use clap::Args;
use serde::Serialize;
use verbs::operator;

use crate::context::Context;
use crate::error::Result;

/// Show the versions of this program and of the operator in the cluster
#[derive(Args, Debug)]
pub struct VersionArgs {
    /// Only of this program; asks no cluster
    #[arg(long)]
    pub client: bool,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Versions {
    client: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    operator: Option<String>,
    /// Why the operator's version is not known.
    #[serde(skip_serializing_if = "Option::is_none")]
    problem: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    server: Option<String>,
}

pub async fn run(context: &Context, args: &VersionArgs) -> Result<()> {
    let mut versions =
        Versions { client: env!("CARGO_PKG_VERSION"), operator: None, problem: None, server: None };
    if !args.client {
        // Not knowing is an answer here, not a failure.
        match context.cluster().await {
            Ok(cluster) => {
                versions.server = Some(cluster.server.clone());
                match operator::version(&cluster).await {
                    Ok(Some(version)) => versions.operator = Some(version),
                    Ok(None) => versions.problem = Some("not installed".to_owned()),
                    Err(error) => versions.problem = Some(error.to_string()),
                }
            }
            Err(error) => versions.problem = Some(error.to_string()),
        }
    }
    context.output.result(&versions, |_| {
        let mut text = format!("client    {}\n", versions.client);
        if let Some(told) = versions.operator.as_ref().or(versions.problem.as_ref()) {
            text.push_str(&format!("operator  {told}\n"));
        }
        if let Some(server) = &versions.server {
            text.push_str(&format!("cluster   {server}\n"));
        }
        text
    })
}
