//! `outboard preview sweep`.

use clap::Args;
use verbs::preview::{self, GitHub, Outcome, Repository};

use crate::args::Scope;
use crate::context::Context;
use crate::error::Result;
use crate::output::table::{columns, or_dash};

/// Destroy previews of pull requests that are closed, and of branches that are gone
///
/// Asks GitHub for each, with the token of GITHUB_TOKEN. Nothing is destroyed before it has answered for all of them; what it
/// does not know stays.
#[derive(Args, Debug)]
pub struct SweepArgs {
    /// Repository, as GitHub names it
    #[arg(long, value_name = "OWNER/NAME", env = "GITHUB_REPOSITORY")]
    pub repo: Repository,
    /// Address of GitHub's API
    #[arg(long, value_name = "URL", env = "GITHUB_API_URL", default_value = "https://api.github.com")]
    pub github_api: String,
    /// Say what would be destroyed, and destroy nothing
    #[arg(long)]
    pub dry_run: bool,
    /// Of every namespace
    #[arg(short = 'A', long)]
    pub all_namespaces: bool,
    #[command(flatten)]
    pub scope: Scope,
}

pub async fn run(context: &Context, args: SweepArgs) -> Result<()> {
    let (cluster, namespace) = if args.all_namespaces {
        (context.cluster().await?, None)
    } else {
        let place = context.place(&args.scope).await?;
        (place.cluster, Some(place.namespace))
    };
    let token = std::env::var("GITHUB_TOKEN").ok().map(|token| token.trim().to_owned());
    let token = token.filter(|token| !token.is_empty());
    let github = GitHub::at(&args.github_api, token).map_err(verbs::Error::from)?;
    let events = &mut context.events();
    let swept =
        preview::sweep(&cluster, namespace.as_deref(), &args.repo, &github, args.dry_run, events).await?;
    if swept.is_empty() && !context.output.is_json() {
        context.output.note(&format!("no previews of {}", args.repo));
    }
    context.output.result(&swept, |paint| {
        if swept.is_empty() {
            return String::new();
        }
        let rows = swept.iter().map(|preview| {
            let outcome = match preview.outcome {
                Outcome::Open => paint.good("open, stays"),
                Outcome::Protected => paint.aside("protected, stays"),
                Outcome::Unknown => paint.aside("unknown, stays"),
                Outcome::WouldGo => paint.wait("would be destroyed"),
                Outcome::Going => paint.wait("is being destroyed"),
                Outcome::Failed => paint.bad("not destroyed"),
            };
            vec![preview.environment.clone(), preview.of.clone(), outcome, or_dash(preview.why.as_deref())]
        });
        columns(&["NAME", "OF", "", "WHY"], rows)
    })?;
    match swept.iter().find(|preview| preview.outcome == Outcome::Failed) {
        Some(failed) => Err(verbs::Error::NotSwept {
            what: failed.environment.clone(),
            why: failed.why.clone().unwrap_or_default(),
        }
        .into()),
        None => Ok(()),
    }
}
