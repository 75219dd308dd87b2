//! Hostnames: claimed before a route serves them, given back when no revision and no namespace of the environment has them.

use api::marks::{self, Owner};
use api::revision::{EnvironmentRevision, Part};
use api::{Cause, Verdict};
use apply::{Claim, claim_host, look_up_host, release_hosts};
use tracing::info;

use crate::context::Context;
use crate::error::Error;
use crate::plan::hosts;
use crate::rollout;

/// Claims every host of a route; why it may not serve, if another environment was first.
pub async fn claim(part: &Part, owner: &Owner, context: &Context) -> Result<Option<Verdict>, Error> {
    let known = context.watches.hosts(owner);
    let mut taken = Vec::new();
    for host in hosts::of_part(part).filter(|host| !known.contains(*host)) {
        let about = format!("route {}", part.name);
        match claim_host(&context.client, host, owner, marks::SLICE_ENVIRONMENTS).await {
            Ok(Claim::Held { .. }) => {}
            Ok(Claim::Taken { by }) => taken.push((host.to_owned(), by)),
            Ok(Claim::Terminating) => return Ok(Some(going(about, host))),
            Err(error) if not_installed(&error) => return Ok(Some(undefined(about))),
            Err(error @ apply::Error::Refused { .. }) => return Ok(Some(rollout::refused(&about, &error))),
            Err(error) => return Err(error.into()),
        }
    }
    Ok(hosts::taken(&taken, &owner.environment))
}

/// Whether another environment has a host of a revision that is drafted. Claims nothing.
pub async fn refusal(
    revision: &EnvironmentRevision,
    owner: &Owner,
    context: &Context,
) -> Result<Option<Verdict>, Error> {
    let mut taken = Vec::new();
    for host in hosts::of(revision) {
        if let Some(Claim::Taken { by }) = look_up_host(&context.client, host, owner).await? {
            taken.push((host.to_owned(), by));
        }
    }
    Ok(hosts::taken(&taken, &owner.environment))
}

/// Gives back what the environment claimed and this revision does not serve; whether anything was.
pub async fn give_back(
    revision: &EnvironmentRevision,
    owner: &Owner,
    context: &Context,
) -> Result<bool, Error> {
    let wanted = hosts::of(revision);
    if context.watches.hosts(owner).iter().all(|host| wanted.contains(host.as_str())) {
        return Ok(false);
    }
    let wanted: Vec<&str> = wanted.into_iter().collect();
    let released = release_hosts(&context.client, owner, marks::SLICE_ENVIRONMENTS, &wanted).await?;
    for host in &released {
        info!(environment = %owner.environment, %host, "gave back {host}");
    }
    Ok(!released.is_empty())
}

/// Gives back everything that the environment claimed: it is gone.
pub async fn give_all_back(owner: &Owner, context: &Context) -> Result<(), Error> {
    match release_hosts(&context.client, owner, marks::SLICE_ENVIRONMENTS, &[]).await {
        // Without the definition there are no claims.
        Err(error) if not_installed(&error) => Ok(()),
        Err(error) => Err(error.into()),
        Ok(_) => Ok(()),
    }
}

fn not_installed(error: &apply::Error) -> bool {
    matches!(error, apply::Error::Kube(error) if apply::error::is_status(error, 404))
}

fn going(about: String, host: &str) -> Verdict {
    Verdict {
        cause: Cause::HostTaken,
        about,
        message: format!("host {host} is being given back"),
        evidence: vec![],
        fix: "it is claimed as soon as that is done".to_owned(),
        terminal: false,
        holds: true,
    }
}

fn undefined(about: String) -> Verdict {
    Verdict {
        cause: Cause::Refused,
        about,
        message: "hosts cannot be claimed: the definition hostclaims.outboard.dev is not installed"
            .to_owned(),
        evidence: vec![],
        fix: "run `outboard install`".to_owned(),
        terminal: false,
        holds: true,
    }
}
