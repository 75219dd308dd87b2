//! Claims hostnames for one environment: by POST, so two can't both have one. First come, first served.
//!
//! Never takes a claim from whoever has it, and gives back only what is the environment's own.

use api::HostClaim;
use api::marks::{self, Owner};
use kube::api::{Api, DeleteParams, ListParams, PostParams, Preconditions};
use kube::{Client, ResourceExt};

use crate::claim::{Claim, holder};
use crate::error::{Error, is_status};

/// Claims `host` for what a slice does with it; claiming what is already held changes nothing.
pub async fn claim_host(client: &Client, host: &str, owner: &Owner, slice: &str) -> Result<Claim, Error> {
    let api = Api::<HostClaim>::all(client.clone());
    let manager = format!("{}-{slice}", marks::MANAGER_PREFIX);
    let params = PostParams { field_manager: Some(manager), ..PostParams::default() };
    match api.create(&params, &HostClaim::of(host, owner, slice)).await {
        Ok(created) => Ok(judge_host(&created, owner)),
        Err(error) if is_status(&error, 409) => Ok(match api.get_opt(host).await? {
            Some(found) => judge_host(&found, owner),
            // Given back in this moment: the next look claims it.
            None => Claim::Terminating,
        }),
        Err(error) => Err(Error::of_write(error, "HostClaim", "", host)),
    }
}

/// Whose a host is now; `None`: nobody's.
pub async fn look_up_host(client: &Client, host: &str, owner: &Owner) -> Result<Option<Claim>, Error> {
    let found = Api::<HostClaim>::all(client.clone()).get_opt(host).await?;
    Ok(found.map(|found| judge_host(&found, owner)))
}

/// Gives back every host that `owner` has through this slice and that is not in `but`; which those were.
pub async fn release_hosts(
    client: &Client,
    owner: &Owner,
    slice: &str,
    but: &[&str],
) -> Result<Vec<String>, Error> {
    let api = Api::<HostClaim>::all(client.clone());
    let ours: Vec<String> =
        owner.labels_of(slice).into_iter().map(|(key, value)| format!("{key}={value}")).collect();
    let mut released = Vec::new();
    for claim in api.list(&ListParams::default().labels(&ours.join(","))).await? {
        let host = claim.name_any();
        if but.contains(&host.as_str()) {
            continue;
        }
        let only = Preconditions { uid: claim.uid(), resource_version: None };
        match api.delete(&host, &DeleteParams { preconditions: Some(only), ..DeleteParams::default() }).await
        {
            Ok(_) => released.push(host),
            // Gone meanwhile, or somebody else's by now.
            Err(error) if is_status(&error, 404) || is_status(&error, 409) => {}
            Err(error) => return Err(Error::of_write(error, "HostClaim", "", &host)),
        }
    }
    Ok(released)
}

/// Gives back one host, if `owner` has it through this slice.
pub async fn release_host(client: &Client, host: &str, owner: &Owner, slice: &str) -> Result<(), Error> {
    let api = Api::<HostClaim>::all(client.clone());
    let Some(claim) = api.get_opt(host).await? else { return Ok(()) };
    let of_slice = claim.labels().get(marks::SLICE).is_some_and(|of| of == slice);
    if !of_slice || !owner.owns(claim.labels()) {
        return Ok(());
    }
    let only = Preconditions { uid: claim.uid(), resource_version: None };
    match api.delete(host, &DeleteParams { preconditions: Some(only), ..DeleteParams::default() }).await {
        Err(error) if !is_status(&error, 404) && !is_status(&error, 409) => {
            Err(Error::of_write(error, "HostClaim", "", host))
        }
        _ => Ok(()),
    }
}

/// Whose host this is.
pub fn judge_host(claim: &HostClaim, owner: &Owner) -> Claim {
    if !owner.owns(claim.labels()) {
        return Claim::Taken { by: holder(claim.labels()) };
    }
    match claim.metadata.deletion_timestamp {
        Some(_) => Claim::Terminating,
        None => Claim::Held { uid: claim.uid().unwrap_or_default() },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_host_is_held_by_whom_its_marks_name_and_others_are_told_who_that_is() {
        let owner = |environment: &str| Owner {
            install: "outboard".into(),
            control_namespace: "team".into(),
            project: "shop".into(),
            environment: environment.into(),
        };
        let mut claim = HostClaim::of("web-qa-shop.example.com", &owner("qa"), marks::SLICE_ENVIRONMENTS);
        claim.metadata.uid = Some("u".into());
        assert_eq!(judge_host(&claim, &owner("qa")), Claim::Held { uid: "u".into() });
        let taken = Claim::Taken { by: "environment qa of team".into() };
        assert_eq!(judge_host(&claim, &owner("shop-qa")), taken);
    }
}
