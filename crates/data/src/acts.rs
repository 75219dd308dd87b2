//! Does what was decided. Everything can be done again: what is there already is left alone.

use std::fmt::Debug;

use api::datacopy::{BackupPlace, CopyStore, DataCopySpec};
use api::marks::{self, CopyOwner, Owner};
use api::project::ServiceMasks;
use api::{Cause, DataCopy, Verdict};
use apply::claim_namespace;
use apply::error::is_status;
use k8s_openapi::NamespaceResourceScope;
use k8s_openapi::api::batch::v1::Job;
use k8s_openapi::api::core::v1::{ConfigMap, Namespace, Secret, ServiceAccount};
use k8s_openapi::api::rbac::v1::RoleBinding;
use kube::api::{Api, DeleteParams, Patch, PatchParams, PostParams, Preconditions, PropagationPolicy};
use kube::{Resource, ResourceExt};
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::json;
use tracing::info;

use crate::context::{Context, Stop};
use crate::gather::{self, Ends};
use crate::plan::backup::manifest::About;
use crate::plan::between::admit::Pair;
use crate::plan::between::next::{self, Act};
use crate::plan::between::render::{self, End, Errand, LIMITS, Material, Server, Start, Way, What};
use crate::plan::between::verdict::refusal;
use crate::{beside, mask_key, quiesce, servers};

/// Does one thing. A verdict: it cannot be done, or not yet.
pub async fn carry_out(
    act: &Act,
    copy: &DataCopy,
    owner: &CopyOwner,
    ends: &Ends,
    context: &Context,
) -> Result<Result<(), Verdict>, Stop> {
    let namespace = owner.namespace();
    match act {
        Act::Claim => {
            claim_namespace(&context.client, &namespace, owner, None).await?;
        }
        Act::Furnish { service } => return furnish(service, copy, owner, ends, context).await,
        Act::Limit { service, store } => {
            let limits = render::limits_text(*store, &copy.spec.limits, copy.spec.workers_of(*store));
            let data = json!({"data": {LIMITS: limits}});
            let reports = Api::<ConfigMap>::namespaced(context.client.clone(), &namespace);
            reports.patch(service, &PatchParams::default(), &Patch::Merge(&data)).await?;
        }
        Act::Quiesce => quiesce::hold(copy, ends, context).await?,
        Act::LetWrite => quiesce::let_write(copy, context).await?,
        Act::Start { service, number } => {
            let image = &context.settings.image;
            let task = next::task(&copy.spec);
            let known = copy.status.iter().flat_map(|status| &status.services);
            let store =
                known.filter(|one| one.name == *service).map(|one| one.store).next().unwrap_or_default();
            let workers = copy.spec.workers_of(store);
            let beside = match beside::of(service, store, copy, ends, &namespace, context).await? {
                Ok(beside) => beside,
                Err(verdict) => return Ok(Err(verdict)),
            };
            let restores = copy.spec.from.backup.is_some();
            let start = Start { owner, service, number: *number, image, task, workers, restores, beside };
            info!(copy = %owner.copy, "starting {service} of copy {}, start {number}", owner.copy);
            create::<Job>(render::job(&start), &namespace, context).await?;
        }
        Act::Stop { service, number } => {
            let jobs = Api::<Job>::namespaced(context.client.clone(), &namespace);
            let params = DeleteParams {
                propagation_policy: Some(PropagationPolicy::Background),
                ..DeleteParams::default()
            };
            absent_is_fine(jobs.delete(&render::name(service, *number), &params).await)?;
        }
        Act::Clear => clear(owner, context).await?,
    }
    Ok(Ok(()))
}

/// The namespace, if it is ours.
pub async fn clear(owner: &CopyOwner, context: &Context) -> Result<(), Stop> {
    let namespaces = Api::<Namespace>::all(context.client.clone());
    let name = owner.namespace();
    let Some(live) = namespaces.get_opt(&name).await? else { return Ok(()) };
    if !marks::Whose::owns(owner, live.labels()) || live.metadata.deletion_timestamp.is_some() {
        return Ok(());
    }
    let params = DeleteParams {
        preconditions: Some(Preconditions { uid: live.uid(), resource_version: None }),
        ..DeleteParams::default()
    };
    absent_is_fine(namespaces.delete(&name, &params).await)
}

fn absent_is_fine<T>(outcome: kube::Result<T>) -> Result<(), Stop> {
    match outcome {
        Ok(_) => Ok(()),
        Err(error) if is_status(&error, 404) || is_status(&error, 409) => Ok(()),
        Err(error) => Err(error.into()),
    }
}

/// Account, credentials and a place to report to: the last of them says that all are there.
async fn furnish(
    service: &str,
    copy: &DataCopy,
    owner: &CopyOwner,
    ends: &Ends,
    context: &Context,
) -> Result<Result<(), Verdict>, Stop> {
    let namespace = owner.namespace();
    let material = match material(service, copy, owner, ends, context).await? {
        Ok(material) => material,
        Err(verdict) => return Ok(Err(verdict)),
    };
    create::<ServiceAccount>(render::account(owner), &namespace, context).await?;
    create::<RoleBinding>(render::binding(owner), &namespace, context).await?;
    create::<Secret>(render::secret(owner, service, &material), &namespace, context).await?;
    let limits = render::limits_text(material.what.store(), &copy.spec.limits, material.workers);
    let report = render::report(owner, service, &limits);
    create::<ConfigMap>(report, &namespace, context).await?;
    Ok(Ok(()))
}

async fn material(
    service: &str,
    copy: &DataCopy,
    owner: &CopyOwner,
    ends: &Ends,
    context: &Context,
) -> Result<Result<Material, Verdict>, Stop> {
    // Whether it may be made was decided when it began; here it is where the service lies. What the project protects or
    // masks by now counts all the same.
    let admitted = match gather::ask(copy, ends, &[], context) {
        Ok(admitted) => admitted,
        Err(verdict) => return Ok(Err(verdict)),
    };
    let gone = || {
        let message = format!("{service} is no longer a service of both");
        refusal(Cause::ServiceNotFound, format!("service {service}"), message, "copy again".to_owned())
    };
    let Some(pair) = admitted.pairs.iter().find(|pair| pair.service == service) else {
        return Ok(Err(gone()));
    };
    let project = ends.from.as_ref().or(ends.to.as_ref());
    let project = project.map(|found| found.spec.project.clone()).unwrap_or_default();
    // Where it lies was decided when it began.
    let backup = copy.status.as_ref().and_then(|status| status.backup.as_ref());
    let theirs = Owner {
        install: owner.install.clone(),
        control_namespace: owner.control_namespace.clone(),
        project: project.clone(),
        environment: String::new(),
    };
    let found = match servers::find(&copy.spec, pair, backup, &theirs, context).await? {
        Ok(found) => found,
        Err(verdict) => return Ok(Err(verdict)),
    };
    let masks = ends.project.as_ref().and_then(|project| project.masks.get(service));
    let masks = masks.filter(|_| admitted.masked);
    let database = found.databases.first().cloned();
    let (what, masked) = match what(&copy.spec, pair, masks, found.databases) {
        Ok(what) => what,
        Err((mask, error)) => {
            return Ok(Err(refusal(
                Cause::MasksInvalid,
                format!("service {service}"),
                format!("the mask of {mask} cannot be read: {error}"),
                "correct `masks` of the project and apply it".to_owned(),
            )));
        }
    };
    let deny = masks.is_some_and(|masks| masks.deny);
    let key = match pair.store != CopyStore::S3 && (deny || masked) {
        true => Some(mask_key::of(&owner.control_namespace, &project, context).await?),
        false => None,
    };
    let (source, target) = (found.source, found.target);
    let workers = copy.spec.workers_of(pair.store);
    let limits = copy.spec.limits;
    let material = Material { source, target, what, deny, key, limits, workers, errand: None };
    Ok(Ok(match backup {
        None => material,
        Some(backup) => of_backup(material, copy, owner, (backup, database)),
    }))
}

/// What is made into a backup, or comes out of one, has a bucket at that end; what the engines see instead is a server that was
/// filled from it, or the folder of its objects.
fn of_backup(
    mut material: Material,
    copy: &DataCopy,
    owner: &CopyOwner,
    (backup, database): (&BackupPlace, Option<String>),
) -> Material {
    let way = if copy.spec.backup { Way::Make } else { Way::Bring };
    let at = if way == Way::Make { &material.target } else { &material.source };
    let End::Bucket(shelf) = at.clone() else { return material };
    let services =
        copy.status.iter().flat_map(|status| &status.services).map(|one| one.name.clone()).collect();
    let about = About {
        backup: copy.name_any(),
        outboard: env!("CARGO_PKG_VERSION").to_owned(),
        install: owner.install.clone(),
        control_namespace: owner.control_namespace.clone(),
        project: backup.project.clone(),
        project_revision: backup.project_revision.clone(),
        environment: copy.spec.from.environment.clone(),
        class: backup.class.clone(),
    };
    let store = material.what.store();
    if way == Way::Bring && store != CopyStore::S3 {
        material.source = End::Server(Server::scratch(store == CopyStore::Mariadb));
    }
    material.errand = Some(Errand { way, shelf, folder: backup.folder.clone(), services, about, database });
    material
}

/// What is copied with which masks, and whether there are any; or the mask that cannot be read, and why.
fn what(
    spec: &DataCopySpec,
    pair: &Pair,
    masks: Option<&ServiceMasks>,
    databases: Vec<String>,
) -> Result<(What, bool), (String, serde_json::Error)> {
    let keys = spec.keys.get(&pair.service).cloned().unwrap_or_default();
    match pair.store {
        CopyStore::Mariadb => {
            let columns = masks.map(ServiceMasks::specs).transpose()?.unwrap_or_default();
            let masks = render::masks(&columns, &databases);
            Ok((What::Databases { names: databases, masks }, !columns.is_empty()))
        }
        CopyStore::Redis => {
            let masks = masks.map(ServiceMasks::rules).transpose()?.unwrap_or_default();
            let masked = !masks.is_empty();
            // Those that are no numbers were refused before.
            let databases = databases.iter().filter_map(|name| name.parse().ok()).collect();
            Ok((What::Keys { databases, keys, snapshot: spec.snapshot, masks }, masked))
        }
        CopyStore::S3 => {
            let masks = masks.map(ServiceMasks::objects).transpose()?.unwrap_or_default();
            let (delete_up_to, denied) = (pair.delete_up_to(spec), spec.denied);
            let masked = !masks.is_empty();
            Ok((What::Objects { keys, delete_up_to, denied, masks }, masked))
        }
    }
}

async fn create<K>(object: Option<K>, namespace: &str, context: &Context) -> Result<(), Stop>
where
    K: Resource<Scope = NamespaceResourceScope, DynamicType = ()>
        + Clone
        + Debug
        + DeserializeOwned
        + Serialize,
{
    let object = object.ok_or_else(|| Stop::Bug(format!("a {} that is none", K::kind(&()))))?;
    let params = PostParams { field_manager: Some(marks::MANAGER_DATA.to_owned()), ..PostParams::default() };
    match Api::<K>::namespaced(context.client.clone(), namespace).create(&params, &object).await {
        Ok(_) => Ok(()),
        // Of an earlier look.
        Err(error) if is_status(&error, 409) => Ok(()),
        Err(error) => Err(error.into()),
    }
}
