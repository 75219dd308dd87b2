//! Writes a bundle: created by POST, kept by server-side apply with the UID that was seen, taken back from others, pruned by mark.
//! Nothing of others is touched: it is looked at before anything is written.

use std::time::Duration;

use futures::future::try_join_all;
use kube::api::{DeleteParams, ListParams, Patch, PatchParams, PostParams, Preconditions, PropagationPolicy};
use kube::core::DynamicObject;
use kube::{Api, Client, ResourceExt};
use serde_json::{Value, json};

use crate::bundle::{Bundle, Compared, Standing, entries};
use crate::cluster_kinds::{api_of, pruned};
use crate::error::{Error, is_status};
use crate::ownership::merge;

/// The API server establishes a definition within a second or two, or never.
const ESTABLISH: Duration = Duration::from_secs(30);
const PAUSE: Duration = Duration::from_millis(200);

/// What was done to an object.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Done {
    Created,
    Changed,
    Unchanged,
    Removed,
}

/// How everything of a bundle stands, what is left over included.
pub async fn compare(client: &Client, bundle: &Bundle) -> Result<Vec<Compared>, Error> {
    let looked = bundle.objects.iter().map(|wanted| async move {
        let seen = look(client, bundle, wanted).await?;
        Ok::<_, Error>(Compared::of(wanted, seen.standing))
    });
    let mut all = try_join_all(looked).await?;
    for live in left_over(client, bundle).await? {
        all.push(Compared::of(&live, Standing::LeftOver));
    }
    Ok(all)
}

/// Makes everything as the bundle has it; `told` hears of each object. Refuses before the first write if something is another's.
pub async fn write(
    client: &Client,
    bundle: &Bundle,
    told: &mut (dyn FnMut(&Compared, Done) + Send),
) -> Result<(), Error> {
    for compared in compare(client, bundle).await? {
        if compared.standing == Standing::Foreign {
            let Compared { kind, namespace, name, .. } = compared;
            return Err(Error::Others { kind, namespace, name });
        }
    }
    let mut definitions = Vec::new();
    for wanted in &bundle.objects {
        let is_definition =
            wanted.types.as_ref().is_some_and(|types| types.kind == "CustomResourceDefinition");
        if is_definition {
            definitions.push(wanted);
        } else {
            // What is of their kinds comes after them.
            for definition in definitions.drain(..) {
                established(client, definition).await?;
            }
        }
        let seen = look(client, bundle, wanted).await?;
        let done = bring(client, bundle, wanted, &seen).await?;
        told(&Compared::of(wanted, seen.standing), done);
    }
    for definition in definitions {
        established(client, definition).await?;
    }
    for live in left_over(client, bundle).await? {
        remove(client, &live).await?;
        told(&Compared::of(&live, Standing::LeftOver), Done::Removed);
    }
    Ok(())
}

struct Seen {
    standing: Standing,
    live: Option<DynamicObject>,
}

async fn look(client: &Client, bundle: &Bundle, wanted: &DynamicObject) -> Result<Seen, Error> {
    let api = reached(client, wanted)?;
    let name = wanted.name_any();
    let live = match api.get_opt(&name).await {
        Ok(live) => live,
        // Its kind is not served yet.
        Err(error) if is_status(&error, 404) => None,
        Err(error) => return Err(error.into()),
    };
    let Some(live) = live else { return Ok(Seen { standing: Standing::Missing, live: None }) };
    let standing = if live.metadata.deletion_timestamp.is_some() {
        Standing::Going
    } else if !bundle.owns(&live) {
        Standing::Foreign
    } else {
        match apply(&api, bundle, wanted, &live, true).await {
            Ok(would) => bundle.judge(wanted, &live, &would),
            // What is immutable, say: the others are told all the same.
            Err(Error::Rejected { reason, .. }) => Standing::Refused { why: reason },
            Err(error) => return Err(error),
        }
    };
    Ok(Seen { standing, live: Some(live) })
}

async fn bring(client: &Client, bundle: &Bundle, wanted: &DynamicObject, seen: &Seen) -> Result<Done, Error> {
    let api = reached(client, wanted)?;
    let Some(live) = &seen.live else {
        let params = PostParams { field_manager: Some(bundle.manager.clone()), ..PostParams::default() };
        let created = api.create(&params, wanted).await.map_err(|error| refused(error, wanted))?;
        let applied = apply(&api, bundle, wanted, &created, false).await?;
        forget_creation(&api, bundle, &applied).await?;
        return Ok(Done::Created);
    };
    match &seen.standing {
        Standing::Foreign => {
            let Compared { kind, namespace, name, .. } = Compared::of(wanted, Standing::Foreign);
            Err(Error::Others { kind, namespace, name })
        }
        Standing::Going => {
            let kind = Compared::of(wanted, Standing::Going).place();
            Err(Error::StillGoing { what: kind })
        }
        Standing::Differs { .. } => {
            take_back(&api, bundle, live).await?;
            let applied = apply(&api, bundle, wanted, live, false).await?;
            forget_creation(&api, bundle, &applied).await?;
            Ok(Done::Changed)
        }
        Standing::Refused { why } if !is_made_anew(wanted) => {
            let what = Compared::of(wanted, Standing::Missing).place();
            Err(Error::Rejected { what, reason: why.clone() })
        }
        Standing::Refused { .. } => {
            remove(client, live).await?;
            let params = PostParams { field_manager: Some(bundle.manager.clone()), ..PostParams::default() };
            let created = api.create(&params, wanted).await.map_err(|error| refused(error, wanted))?;
            let applied = apply(&api, bundle, wanted, &created, false).await?;
            forget_creation(&api, bundle, &applied).await?;
            Ok(Done::Changed)
        }
        // One that was killed right after creating it has left this to do.
        Standing::Same | Standing::Missing | Standing::LeftOver => {
            if entries(live).iter().any(|entry| created_by(bundle, entry)) {
                let applied = apply(&api, bundle, wanted, live, false).await?;
                forget_creation(&api, bundle, &applied).await?;
            }
            Ok(Done::Unchanged)
        }
    }
}

/// Of what holds nothing and nobody feels the lack of for a moment: volumes know their class by name.
fn is_made_anew(wanted: &DynamicObject) -> bool {
    wanted.types.as_ref().is_some_and(|types| types.kind == "StorageClass")
}

fn reached(client: &Client, wanted: &DynamicObject) -> Result<Api<DynamicObject>, Error> {
    api_of(client, wanted).ok_or_else(|| Error::UnknownKind { name: wanted.name_any() })
}

fn refused(error: kube::Error, wanted: &DynamicObject) -> Error {
    match error {
        kube::Error::Api(status) if matches!(status.code, 400 | 403 | 422) => {
            let what = Compared::of(wanted, Standing::Missing).place();
            Error::Rejected { what, reason: status.message.clone() }
        }
        other => other.into(),
    }
}

async fn apply(
    api: &Api<DynamicObject>,
    bundle: &Bundle,
    wanted: &DynamicObject,
    live: &DynamicObject,
    dry_run: bool,
) -> Result<DynamicObject, Error> {
    let mut object = wanted.clone();
    // The UID is a fence: if the object was replaced meanwhile, the apply fails.
    object.metadata.uid = live.uid();
    let params = PatchParams { dry_run, ..PatchParams::apply(&bundle.manager).force() };
    let applied = api.patch(&wanted.name_any(), &params, &Patch::Apply(&object)).await;
    applied.map_err(|error| refused(error, wanted))
}

fn created_by(
    bundle: &Bundle,
    entry: &k8s_openapi::apimachinery::pkg::apis::meta::v1::ManagedFieldsEntry,
) -> bool {
    entry.manager.as_deref() == Some(bundle.manager.as_str())
        && entry.operation.as_deref() == Some("Update")
        && entry.subresource.as_deref().unwrap_or_default().is_empty()
}

/// Whoever creates an object owns all of it, defaults included, and a field that is asked for no more would stay. From now on the
/// entry of the apply alone counts.
async fn forget_creation(
    api: &Api<DynamicObject>,
    bundle: &Bundle,
    live: &DynamicObject,
) -> Result<(), Error> {
    let (creation, rest): (Vec<_>, Vec<_>) =
        entries(live).iter().cloned().partition(|entry| created_by(bundle, entry));
    if creation.is_empty() {
        return Ok(());
    }
    write_entries(api, bundle, live, &json!(rest)).await
}

/// Folds what others have added into our own entry, so that the apply which follows removes it.
async fn take_back(api: &Api<DynamicObject>, bundle: &Bundle, live: &DynamicObject) -> Result<(), Error> {
    let (strange, mut kept): (Vec<_>, Vec<_>) =
        entries(live).iter().cloned().partition(|entry| bundle.is_strange(entry));
    let ours = kept.iter_mut().find(|entry| {
        entry.manager.as_deref() == Some(bundle.manager.as_str())
            && entry.operation.as_deref() == Some("Apply")
    });
    let Some(ours) = ours.filter(|_| !strange.is_empty()) else { return Ok(()) };
    let mut fields = ours.fields_v1.take().map_or_else(|| json!({}), |fields| fields.0);
    for entry in &strange {
        if let Some(theirs) = &entry.fields_v1 {
            merge(&mut fields, &theirs.0);
        }
    }
    ours.fields_v1 = Some(k8s_openapi::apimachinery::pkg::apis::meta::v1::FieldsV1(fields));
    write_entries(api, bundle, live, &json!(kept)).await
}

async fn write_entries(
    api: &Api<DynamicObject>,
    bundle: &Bundle,
    live: &DynamicObject,
    entries: &Value,
) -> Result<(), Error> {
    let patch = json!({"metadata": {"resourceVersion": live.resource_version(), "managedFields": entries}});
    let params = PatchParams { field_manager: Some(bundle.manager.clone()), ..PatchParams::default() };
    api.patch_metadata(&live.name_any(), &params, &Patch::Merge(&patch)).await?;
    Ok(())
}

async fn established(client: &Client, definition: &DynamicObject) -> Result<(), Error> {
    let api = reached(client, definition)?;
    let name = definition.name_any();
    let begun = tokio::time::Instant::now();
    loop {
        let live = api.get(&name).await?;
        let conditions = live.data.pointer("/status/conditions").and_then(Value::as_array);
        let is = |word: &str| {
            conditions.into_iter().flatten().any(|one| one["type"] == word && one["status"] == "True")
        };
        if is("Established") {
            return Ok(());
        }
        if begun.elapsed() > ESTABLISH {
            let why = conditions.into_iter().flatten().filter_map(|one| one["message"].as_str());
            let reason = format!("it was not established: {}", why.collect::<Vec<_>>().join("; "));
            return Err(Error::Rejected { what: format!("CustomResourceDefinition {name}"), reason });
        }
        tokio::time::sleep(PAUSE).await;
    }
}

/// What has the mark and is none of the objects, of kinds that take nothing along.
async fn left_over(client: &Client, bundle: &Bundle) -> Result<Vec<DynamicObject>, Error> {
    if !bundle.prunes {
        return Ok(Vec::new());
    }
    let marked = ListParams::default().labels(&format!("{}={}", bundle.mark.0, bundle.mark.1));
    let wanted = |live: &DynamicObject| {
        bundle.objects.iter().any(|object| {
            object.types == live.types
                && object.name_any() == live.name_any()
                && object.namespace() == live.namespace()
        })
    };
    let listed = pruned(client).map(|(types, api)| {
        let marked = &marked;
        async move {
            match api.list(marked).await {
                Ok(list) => Ok((types, list.items)),
                // Its kind is not served here.
                Err(error) if is_status(&error, 404) => Ok((types, Vec::new())),
                Err(error) => Err(Error::from(error)),
            }
        }
    });
    let mut found = Vec::new();
    for (types, items) in try_join_all(listed).await? {
        // What belongs to another object goes with it.
        let own = |live: &DynamicObject| live.metadata.owner_references.as_ref().is_none_or(Vec::is_empty);
        for mut live in items.into_iter().filter(own) {
            // Items of a list come without their kind.
            live.types = Some(types.clone());
            if !wanted(&live) {
                found.push(live);
            }
        }
    }
    Ok(found)
}

async fn remove(client: &Client, live: &DynamicObject) -> Result<(), Error> {
    let api = reached(client, live)?;
    let params = DeleteParams {
        propagation_policy: Some(PropagationPolicy::Background),
        preconditions: Some(Preconditions { uid: live.uid(), resource_version: None }),
        ..DeleteParams::default()
    };
    match api.delete(&live.name_any(), &params).await {
        Ok(_) => Ok(()),
        Err(error) if is_status(&error, 404) || is_status(&error, 409) => Ok(()),
        Err(error) => Err(error.into()),
    }
}
