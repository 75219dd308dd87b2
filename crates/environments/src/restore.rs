//! Gives an environment the volumes back that were kept of one of its name, before anything of it starts.
//!
//! Passwords first, then a claim for each volume, then the volume to that claim; once Kubernetes has put all of them
//! together they are ordinary volumes again, and the record goes.

use api::marks::{self, Owner};
use api::revision::EnvironmentRevision;
use api::{Environment, EnvironmentSpec, KeptVolumes, Verdict};
use k8s_openapi::api::core::v1::{PersistentVolume, PersistentVolumeClaim};
use k8s_openapi::jiff::Timestamp;
use kube::ResourceExt;
use kube::api::{Api, ListParams, PostParams};
use tracing::info;

use crate::context::Context;
use crate::error::Error;
use crate::passwords;
use crate::plan::volumes as marks_of;
use crate::plan::volumes::restore::{self as plan, Standing, Taker};
use crate::revisions::{Revisions, Stored};
use crate::volumes;

/// How far it is.
pub enum Restoring {
    Done,
    /// For what it waits, for people.
    Waits(String),
    Refused(Verdict),
}

/// One look. `namespace`: its name and UID.
pub async fn step(
    environment: &Environment,
    owner: &Owner,
    (namespace, namespace_uid): (&str, &str),
    stored: &Stored,
    revisions: &Revisions,
    context: &Context,
) -> Result<Restoring, Error> {
    let Some(name) = &environment.spec.restores_volumes else { return Ok(Restoring::Done) };
    let status = environment.status.as_ref();
    let here = status.and_then(|status| status.namespace_uid.as_deref()) == Some(namespace_uid);
    if here && status.is_some_and(|status| status.settled_revision.is_some()) {
        // It has been ready with them.
        return Ok(Restoring::Done);
    }
    let claims = Api::<PersistentVolumeClaim>::namespaced(context.client.clone(), namespace);
    let found = volumes::records(&context.client, &owner.control_namespace).get_opt(name).await?;
    let Some((object, record)) =
        found.and_then(|found| volumes::read(&found, owner).map(|record| (found, record)))
    else {
        let given = claims.list(&ListParams::default()).await?;
        let given = given.iter().any(|claim| claim.annotations().get(marks::RESTORED_FROM) == Some(name));
        return Ok(if given { Restoring::Done } else { stops(plan::over(owner, None), owner) });
    };
    let class = environment.spec.class.as_str();
    // All of it is looked at before anything is given to anybody, passwords least of all.
    let mut all = Vec::new();
    for kept in &record.volumes {
        let claim = claims.get_opt(&kept.kept.claim).await?;
        if let Some(verdict) = claim.as_ref().and_then(|claim| plan::refused_claim(kept, claim, owner)) {
            return Ok(Restoring::Refused(verdict));
        }
        let uid = claim.as_ref().and_then(ResourceExt::uid);
        let volume = volume(&kept.kept.volume, context).await?;
        let taker = Taker { owner, namespace, class, record: name, claim_uid: uid.as_deref() };
        let standing = plan::standing(kept, volume.as_ref(), taker);
        if let Some(verdict) = plan::refused(kept, &standing, owner) {
            return Ok(stops(verdict, owner));
        }
        let Some(volume) = volume else { continue };
        all.push((kept, claim, volume, standing));
    }
    if carry_jobs(&record, owner, namespace_uid, stored, revisions, context).await? {
        return Ok(Restoring::Waits("what its jobs have done is carried over".to_owned()));
    }
    passwords::give_back(&record, class, owner, namespace, context).await?;
    let (mut waits, mut free) = (Vec::new(), Vec::new());
    for (kept, claim, volume, standing) in all {
        let claim = match claim {
            Some(claim) => claim,
            None => {
                let wanted =
                    serde_json::from_value(plan::claim(kept, name)).map_err(kube::Error::SerdeError)?;
                let params =
                    PostParams { field_manager: Some(marks::MANAGER.to_owned()), ..PostParams::default() };
                let made = claims.create(&params, &wanted).await;
                let kind = "PersistentVolumeClaim";
                made.map_err(|error| apply::Error::of_write(error, kind, namespace, &kept.kept.claim))?
            }
        };
        if standing == Standing::Kept {
            volumes::write(&context.client, &volume, &plan::give(&volume, &claim)).await?;
        }
        if plan::is_complete(&claim, &volume) {
            free.push(volume);
        } else {
            waits.push(kept.kept.claim.clone());
        }
    }
    if !waits.is_empty() {
        return Ok(Restoring::Waits(format!("its volumes are given back: {}", waits.join(", "))));
    }
    for volume in &free {
        if let Some(patch) = marks_of::unmark(volume, owner) {
            volumes::write(&context.client, volume, &patch).await?;
        }
    }
    passwords::forget(name, owner, context).await?;
    volumes::delete(&context.client, &object).await?;
    info!(environment = %owner.environment, "{} has the volumes back that were kept of it", owner.environment);
    Ok(Restoring::Done)
}

/// It is there already, with nothing in it: that has to go first.
fn stops(verdict: Verdict, owner: &Owner) -> Restoring {
    let fix = format!("destroy it again, with outboard env destroy {}; {}", owner.environment, verdict.fix);
    Restoring::Refused(Verdict { fix, ..verdict })
}

/// What jobs did to the data is done. Whether something was written down: then the revision has to be read anew.
async fn carry_jobs(
    record: &KeptVolumes,
    owner: &Owner,
    namespace_uid: &str,
    stored: &Stored,
    revisions: &Revisions,
    context: &Context,
) -> Result<bool, Error> {
    let Some(last) = revisions.get(&owner.environment, record.revision).await? else { return Ok(false) };
    let jobs =
        marks_of::carried(&last.completed_jobs, &record.namespace_uid, namespace_uid, &stored.completed_jobs);
    if jobs.is_empty() {
        return Ok(false);
    }
    revisions.complete_job(&owner.environment, stored, &jobs.join(",")).await?;
    context.underway.forget(&owner.control_namespace, &owner.environment);
    Ok(true)
}

async fn volume(name: &str, context: &Context) -> Result<Option<PersistentVolume>, Error> {
    Ok(Api::<PersistentVolume>::all(context.client.clone()).get_opt(name).await?)
}

/// What a plan has to know of what is to be given back: the record, or why it cannot be.
pub async fn look(
    wanted: &EnvironmentSpec,
    owner: &Owner,
    namespace: &str,
    revision: &EnvironmentRevision,
    context: &Context,
) -> Result<Result<Option<KeptVolumes>, Verdict>, Error> {
    let Some(name) = &wanted.restores_volumes else { return Ok(Ok(None)) };
    let found = volumes::records(&context.client, &owner.control_namespace).get_opt(name).await?;
    let Some(record) = found.and_then(|found| volumes::read(&found, owner)) else {
        return Ok(Err(plan::over(owner, None)));
    };
    if record.until.0 <= Timestamp::now() {
        return Ok(Err(plan::over(owner, Some(record.until.0))));
    }
    let lacking = plan::lacking(revision, &record);
    if !lacking.is_empty() {
        return Ok(Err(plan::nothing_kept(owner, &lacking)));
    }
    for kept in &record.volumes {
        let taker = Taker { owner, namespace, class: &wanted.class, record: name, claim_uid: None };
        let standing = plan::standing(kept, volume(&kept.kept.volume, context).await?.as_ref(), taker);
        if let Some(verdict) = plan::refused(kept, &standing, owner) {
            return Ok(Err(verdict));
        }
    }
    if let Some(lost) = passwords::are_kept(name, &wanted.class, owner, context).await? {
        return Ok(Err(plan::no_password(owner, &lost)));
    }
    Ok(Ok(Some(record)))
}
