//! Keeps the volumes of a destroyed environment for the time that its class says, and gives them up afterwards.
//!
//! In this order: a record in the control namespace, the passwords, the volumes. Until the namespace goes every look does
//! what is missing of it, so that it may end anywhere.

use api::environment::KeptVolume;
use api::kept::VOLUMES;
use api::marks::{self, Owner};
use api::{Environment, KeptVolumes, Project};
use apply::error::is_status;
use k8s_openapi::api::apps::v1::ControllerRevision;
use k8s_openapi::api::core::v1::{ConfigMap, Namespace, PersistentVolume, PersistentVolumeClaim};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
use k8s_openapi::jiff::Timestamp;
use kube::api::{Api, DeleteParams, ListParams, Patch, PatchParams, PostParams, Preconditions};
use kube::core::NamespaceResourceScope;
use kube::{Client, Resource, ResourceExt};
use serde::de::DeserializeOwned;
use serde_json::Value;
use std::time::Duration;
use tracing::{info, warn};

use crate::context::Context;
use crate::error::Error;
use crate::passwords;
use crate::plan::{retention, volumes as plan};
use crate::revisions::Revisions;

/// The volumes of an environment's claims, one by one: a cluster has thousands that are no concern of it.
type Pairs = Vec<(PersistentVolumeClaim, Option<PersistentVolume>)>;

/// What becomes of an environment's claims.
pub struct Fates {
    /// With the environment, as `claim (size)`.
    pub go: Vec<String>,
    pub kept: Vec<KeptVolume>,
}

/// Sees to it that what is to be kept survives the namespace.
pub async fn keep(
    environment: &Environment,
    owner: &Owner,
    namespace: &Namespace,
    context: &Context,
) -> Result<Fates, Error> {
    let pairs = pairs(&context.client, &namespace.name_any()).await?;
    let record = record(environment, owner, namespace, &pairs, context).await?;
    let claims = record.as_ref().map(|record| record.volumes.as_slice()).unwrap_or_default();
    if let Some(record) = &record {
        passwords::keep(record, owner, &namespace.name_any(), context).await?;
    }
    let own_uid = environment.uid().unwrap_or_default();
    let (mut go, mut kept) = (Vec::new(), Vec::new());
    for (claim, volume) in &pairs {
        let name = claim.name_any();
        let uid = claim.metadata.uid.as_deref();
        let its = volume.as_ref().filter(|volume| plan::is_bound_to(volume, uid));
        let listed = claims.iter().find(|known| known.kept.claim == name);
        match (&record, listed, its) {
            (Some(record), Some(listed), Some(volume)) if volume.name_any() == listed.kept.volume => {
                if let Some(patch) = plan::mark(volume, listed, record, owner) {
                    write(&context.client, volume, &patch).await?;
                }
                kept.push(listed.kept.clone());
            }
            // It was given back in part only: the volume is kept as it was before, and this claim never had it.
            (Some(_), Some(_), _) => {}
            (_, _, its) => {
                // What was promised stays so, should its record be gone since: with its project, say.
                if let Some(promised) = its.and_then(|volume| plan::promised(volume, claim, &own_uid)) {
                    kept.push(promised);
                    continue;
                }
                // Kept by a teardown that never ended, of an environment whose class keeps none by now.
                if let Some(volume) = its.filter(|volume| owner.owns(volume.labels()))
                    && let Some(patch) = plan::unmark(volume, owner)
                {
                    write(&context.client, volume, &patch).await?;
                }
                go.push(format!("{name} ({})", plan::size(claim)));
            }
        }
    }
    Ok(Fates { go, kept })
}

/// What is written down about what is kept, and is written down now if it has to be. An environment that never got its own
/// kept volumes back leaves them as they were kept before: no server has had them.
async fn record(
    environment: &Environment,
    owner: &Owner,
    namespace: &Namespace,
    pairs: &Pairs,
    context: &Context,
) -> Result<Option<KeptVolumes>, Error> {
    let api = records(&context.client, &owner.control_namespace);
    let uid = environment.uid().unwrap_or_default();
    let name = KeptVolumes::object_name(&owner.environment, &uid);
    let known =
        async |name: &str| Ok::<_, Error>(api.get_opt(name).await?.and_then(|found| read(&found, owner)));
    if let Some(earlier) = &environment.spec.restores_volumes
        && let Some(found) = known(earlier).await?
        && plan::has_nothing_else(&found, pairs, owner)
    {
        return Ok(Some(found));
    }
    if let Some(found) = known(&name).await? {
        return Ok(Some(found));
    }
    let revisions = Revisions::new(&context.client, &owner.control_namespace, &owner.install);
    let hint = environment.status.as_ref().and_then(|status| status.revision);
    let Some(stored) = revisions.newest(&owner.project, &owner.environment, hint).await?.stored else {
        return Ok(None);
    };
    let Some(seconds) = stored.revision.keep_volumes else { return Ok(None) };
    let until = retention::until(Timestamp::now(), Duration::from_secs(seconds.into()));
    let claims = pairs.iter().filter_map(|(claim, volume)| plan::kept(claim, volume.as_ref(), owner, until));
    let record = KeptVolumes {
        project: owner.project.clone(),
        environment: owner.environment.clone(),
        environment_uid: uid,
        namespace_uid: namespace.uid().unwrap_or_default(),
        class: stored.revision.class.clone(),
        revision: stored.number,
        until: Time(until),
        volumes: claims.collect(),
    };
    if record.volumes.is_empty() {
        return Ok(None);
    }
    let project = Api::<Project>::namespaced(context.client.clone(), &owner.control_namespace)
        .get_opt(&owner.project)
        .await?;
    let project = project.and_then(|project| project.owner_ref(&()));
    // A 409 means that another run was quicker: the next one goes on with what it wrote.
    let params = PostParams { field_manager: Some(marks::MANAGER.to_owned()), ..PostParams::default() };
    api.create(&params, &record.to_object(owner, project)).await?;
    info!(environment = %owner.environment, "volumes of {} are kept until {until}", owner.environment);
    Ok(Some(record))
}

/// The claims of a namespace, each with the volume that it names.
async fn pairs(client: &Client, namespace: &str) -> Result<Pairs, Error> {
    let claims = Api::<PersistentVolumeClaim>::namespaced(client.clone(), namespace);
    let volumes = Api::<PersistentVolume>::all(client.clone());
    let mut pairs = Pairs::new();
    for claim in claims.list(&ListParams::default()).await? {
        let volume = match claim.spec.as_ref().and_then(|spec| spec.volume_name.as_deref()) {
            Some(name) if !name.is_empty() => volumes.get_opt(name).await?,
            _ => None,
        };
        pairs.push((claim, volume));
    }
    Ok(pairs)
}

pub async fn write(client: &Client, volume: &PersistentVolume, patch: &Value) -> Result<(), Error> {
    let params = PatchParams { field_manager: Some(marks::MANAGER.to_owned()), ..PatchParams::default() };
    let volumes = Api::<PersistentVolume>::all(client.clone());
    volumes.patch(&volume.name_any(), &params, &Patch::Merge(patch)).await?;
    Ok(())
}

pub fn records(client: &Client, control: &str) -> Api<ControllerRevision> {
    Api::namespaced(client.clone(), control)
}

/// A record, if it is one of this environment.
pub fn read(object: &ControllerRevision, owner: &Owner) -> Option<KeptVolumes> {
    let record = KeptVolumes::from_object(object)?;
    let own = record.project == owner.project
        && record.environment == owner.environment
        && KeptVolumes::object_name(&record.environment, &record.environment_uid) == object.name_any();
    own.then_some(record)
}

/// What is written down about environments of this name that were destroyed.
pub async fn of(client: &Client, owner: &Owner) -> Result<Vec<KeptVolumes>, Error> {
    let selector = format!(
        "{}={VOLUMES},{}={},{}={}",
        marks::REVISION_OF,
        marks::PROJECT,
        owner.project,
        marks::ENVIRONMENT,
        owner.environment
    );
    let found =
        records(client, &owner.control_namespace).list(&ListParams::default().labels(&selector)).await?;
    Ok(found.iter().filter_map(|found| read(found, owner)).collect())
}

/// Gives up what was kept long enough, and forgets it; when the next is due.
pub async fn sweep(context: &Context) -> Result<Option<Timestamp>, Error> {
    let now = Timestamp::now();
    let mut next: Option<Timestamp> = None;
    let ours = format!("{}={},{}", marks::INSTALL, context.settings.install, marks::ENVIRONMENT);
    let params = ListParams::default().labels(&ours);
    for volume in &Api::<PersistentVolume>::all(context.client.clone()).list(&params).await? {
        match plan::due(volume) {
            Some(due) if due <= now => give_up(context, volume).await,
            Some(due) => next = next.into_iter().chain([due]).min(),
            None => {}
        }
    }
    let records = format!("{ours},{}={VOLUMES}", marks::REVISION_OF);
    let records = ListParams::default().labels(&records);
    let records = Api::<ControllerRevision>::all(context.client.clone()).list(&records).await?;
    let kept = ListParams::default().labels(&format!("{ours},{}", marks::KEPT_WITH));
    let passwords = Api::<ConfigMap>::namespaced(context.client.clone(), &context.settings.home);
    let passwords = passwords.list(&kept).await?;
    next = forget(context, records.items, now).await.into_iter().chain(next).min();
    next = forget(context, passwords.items, now).await.into_iter().chain(next).min();
    Ok(next)
}

/// One that cannot be given up keeps none of the others.
async fn give_up(context: &Context, volume: &PersistentVolume) {
    let name = volume.name_any();
    let record = volume.annotations().get(marks::KEPT_WITH).map(String::as_str).unwrap_or_default();
    let given = async {
        if !is_wanted(context, volume, record).await? {
            write(&context.client, volume, &plan::give_up(volume)).await?;
            info!(volume = %name, "volume {name} was kept long enough: it goes");
        }
        Ok::<_, Error>(())
    };
    if let Err(error) = given.await {
        warn!(volume = %name, %error, "cannot give up volume {name}, trying again later");
    }
}

/// Whether an environment is there that is to get it back, or that is being destroyed and not gone yet.
async fn is_wanted(context: &Context, kept: &impl ResourceExt, record: &str) -> Result<bool, Error> {
    let label = |key: &str| kept.labels().get(key).map(String::as_str).unwrap_or_default();
    let (control, name) = (label(marks::CONTROL_NAMESPACE), label(marks::ENVIRONMENT));
    if control.is_empty() || name.is_empty() {
        return Ok(false);
    }
    let environment = Api::<Environment>::namespaced(context.client.clone(), control).get_opt(name).await;
    let environment = match environment {
        // Neither is there an environment without the definition.
        Err(error) if is_status(&error, 404) => None,
        found => found?,
    };
    Ok(environment.is_some_and(|found| {
        found.spec.restores_volumes.as_deref() == Some(record)
            || KeptVolumes::object_name(name, &found.uid().unwrap_or_default()) == record
    }))
}

/// Deletes what was written down about what is over; when the next is due.
async fn forget<K>(context: &Context, found: Vec<K>, now: Timestamp) -> Option<Timestamp>
where
    K: Resource<DynamicType = (), Scope = NamespaceResourceScope>
        + Clone
        + std::fmt::Debug
        + DeserializeOwned,
{
    let mut next: Option<Timestamp> = None;
    for one in found {
        let Some(due) = plan::kept_until(&one) else { continue };
        if due > now {
            next = next.into_iter().chain([due]).min();
            continue;
        }
        let name = one.name_any();
        let record = one.annotations().get(marks::KEPT_WITH).cloned().unwrap_or_else(|| name.clone());
        let forgotten = async {
            match is_wanted(context, &one, &record).await? {
                true => Ok(()),
                false => delete(&context.client, &one).await,
            }
        };
        if let Err(error) = forgotten.await {
            warn!(%name, %error, "cannot delete {name}, trying again later");
        }
    }
    next
}

/// Only the very object that was read.
pub async fn delete<K>(client: &Client, one: &K) -> Result<(), Error>
where
    K: Resource<DynamicType = (), Scope = NamespaceResourceScope>
        + Clone
        + std::fmt::Debug
        + DeserializeOwned,
{
    let api = Api::<K>::namespaced(client.clone(), &one.namespace().unwrap_or_default());
    let only = Preconditions { uid: one.uid(), resource_version: None };
    let params = DeleteParams { preconditions: Some(only), ..DeleteParams::default() };
    match api.delete(&one.name_any(), &params).await {
        Err(error) if !is_status(&error, 404) => Err(error.into()),
        _ => Ok(()),
    }
}
