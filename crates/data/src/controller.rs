//! The controller of the slice: gather → plan → apply → status. Level-triggered: a look never learns why it is taken, and
//! finishes whatever an earlier one began.

use std::fmt::Debug;
use std::sync::Arc;
use std::time::Duration;

use api::datacopy::{BackupPlace, CopyPhase};
use api::marks::{self, CopyOwner};
use api::{DataCopy, DataCopyStatus, Environment};
use apply::watch::steady;
use futures::{Stream, StreamExt};
use k8s_openapi::api::batch::v1::Job;
use k8s_openapi::api::core::v1::{ConfigMap, Namespace, Pod};
use k8s_openapi::jiff::Timestamp;
use kube::api::{Api, DeleteParams, ListParams, Patch, PatchParams, Preconditions};
use kube::runtime::controller::{Action, Config, Controller};
use kube::runtime::reflector::{self, ObjectRef};
use kube::runtime::{WatchStreamExt, watcher};
use kube::{Client, Resource, ResourceExt};
use serde::de::DeserializeOwned;
use serde_json::json;
use tracing::{info, warn};

use crate::acts;
use crate::context::{Context, Observer, Settings, Stop};
use crate::gather;
use crate::plan::backup::due::brought_back;
use crate::plan::between::next::{self, Act, Ground, Next};
use crate::plan::between::verdict::failed;
use crate::sweep::{Swept, sweep};
use crate::{quiesce, schedule};

/// Below every idle limit that a load balancer is known to have.
const WATCH_SECONDS: u32 = 200;
/// What was just written comes back as an event; this is for when it does not.
const SOON: Duration = Duration::from_secs(1);
/// What is left of a backup that failed is removed so often in vain, and for so long.
const LATER: Duration = Duration::from_secs(600);
const PATIENCE_SECONDS: i64 = 24 * 3600;
/// How the note begins that tells why a backup is still there.
const STAYS: &str = "it cannot be removed from its bucket";

/// Looks after DataCopies until `shutdown` resolves; what is in flight is finished.
pub async fn run(
    client: Client,
    settings: Settings,
    observer: Arc<dyn Observer>,
    shutdown: impl Future<Output = ()> + Send + Sync + 'static,
) {
    let ours = format!("{}={},{}={}", marks::INSTALL, settings.install, marks::SLICE, marks::SLICE_DATA);
    let concurrency = settings.concurrency;
    let (known, store) = reflector::store();
    observer.copies(known.clone());
    let changed = watched::<DataCopy>(&client, "").reflect(store).applied_objects();
    let copies = Controller::for_stream(changed, known.clone());
    let context = Arc::new(Context::new(client.clone(), settings, observer));
    let schedule = context.clone();
    let looks = copies
        .with_config(Config::default().concurrency(concurrency))
        .watches_stream(watched::<ConfigMap>(&client, &ours).touched_objects(), |object| of(&object))
        .watches_stream(watched::<Job>(&client, &ours).touched_objects(), |object| of(&object))
        .watches_stream(watched::<Pod>(&client, &ours).touched_objects(), |object| of(&object))
        .watches_stream(watched::<Namespace>(&client, &ours).touched_objects(), |object| of(&object))
        .watches_stream(watched::<Environment>(&client, "").touched_objects(), move |environment| {
            let meets = |copy: &DataCopy| {
                let name = environment.name_any();
                let ended = copy.status.as_ref().is_some_and(|status| status.phase.is_final());
                !ended
                    && copy.namespace() == environment.namespace()
                    && (copy.spec.from.environment == name || copy.spec.to.environment == name)
            };
            let found = known.state_filter(|copy| meets(copy));
            found.iter().map(|copy| ObjectRef::from_obj(copy.as_ref())).collect::<Vec<_>>()
        })
        .graceful_shutdown_on(shutdown)
        .run(
            |copy, context: Arc<Context>| async move {
                Box::pin(context.look(Box::pin(reconcile(&copy, &context)))).await
            },
            |copy, stop, context| context.failed(copy.as_ref(), stop),
            context,
        )
        .for_each(|_| std::future::ready(()));
    // Until what is in flight is finished.
    tokio::select! {
        () = looks => {}
        () = schedule::run(&schedule) => {}
    }
}

/// Everything of a kind with these labels, in the whole cluster and for ever.
fn watched<K>(
    client: &Client,
    labels: &str,
) -> impl Stream<Item = watcher::Result<watcher::Event<K>>> + use<K>
where
    K: Resource<DynamicType = ()> + Clone + DeserializeOwned + Debug + Send + 'static,
{
    let config = watcher::Config::default().timeout(WATCH_SECONDS).labels(labels);
    steady(watcher(Api::<K>::all(client.clone()), config))
}

/// The copy that an object belongs to.
fn of(object: &impl ResourceExt) -> Option<ObjectRef<DataCopy>> {
    let labels = object.labels();
    let (control, copy) = (labels.get(marks::CONTROL_NAMESPACE)?, labels.get(marks::COPY)?);
    Some(ObjectRef::new(copy).within(control))
}

/// One look at one copy.
async fn reconcile(copy: &DataCopy, context: &Context) -> Result<Action, Stop> {
    let owner = CopyOwner {
        install: context.settings.install.clone(),
        control_namespace: copy.namespace().unwrap_or_default(),
        copy: copy.name_any(),
    };
    if copy.metadata.deletion_timestamp.is_some() {
        return teardown(copy, &owner, context).await;
    }
    let current = copy.status.clone().unwrap_or_default();
    if current.phase.is_final() {
        return retire(copy, &current, context).await;
    }
    if hold(copy, context).await? {
        // The next look sees it with its finalizer.
        return Ok(Action::requeue(SOON));
    }

    // gather
    let ends = gather::ends(copy, context).await?;
    let mut seen = gather::seen(copy, &owner, &ends, context).await?;
    // One after the other until it is written down: of two that meet the second sees the first.
    let mut beginning = None;
    if matches!(seen.admitted, Some(Ok(_))) {
        beginning = Some(context.begins(&owner.control_namespace).await);
        seen.admitted = Some(gather::admitted(copy, &ends, context).await?);
    }

    // plan
    let Next { mut status, acts, mut again } = next::next(&copy.spec, &current, &seen);

    // apply
    for act in &acts {
        if let Err(verdict) = acts::carry_out(act, copy, &owner, &ends, context).await? {
            next::refuse(&mut status, act.service(), &verdict, seen.now);
            again = again.max(SOON);
        }
    }

    // status
    status.namespace = (seen.ground == Ground::Ours && !status.phase.is_final()).then(|| owner.namespace());
    if status != current {
        if status.phase.is_final() {
            info!(copy = %owner.copy, "copy {} has ended: {}", owner.copy, status.phase.as_str());
        }
        context.write_status(copy, &status).await?;
        drop(beginning);
        if status.phase == CopyPhase::Failed {
            tell(copy, &status, &ends, context).await;
        }
    }
    Ok(Action::requeue(again.max(Duration::from_millis(50))))
}

/// Tells of one that failed, where people look for it.
async fn tell(copy: &DataCopy, status: &DataCopyStatus, ends: &gather::Ends, context: &Context) {
    let (reason, note) = failed(copy, status);
    context.warn(copy, reason, &note).await;
    if let Some(environment) = &ends.to {
        context.warn(environment, reason, &note).await;
    }
}

/// Adds our finalizer before anything is made that deleting would have to undo; whether it had to be added.
async fn hold(copy: &DataCopy, context: &Context) -> Result<bool, Stop> {
    if copy.finalizers().iter().any(|finalizer| finalizer == marks::FINALIZER_DATA) {
        return Ok(false);
    }
    let mut finalizers = copy.finalizers().to_vec();
    finalizers.push(marks::FINALIZER_DATA.to_owned());
    finalizers_are(copy, &finalizers, context).await?;
    Ok(true)
}

async fn finalizers_are(copy: &DataCopy, finalizers: &[String], context: &Context) -> Result<(), Stop> {
    let patch = json!({"metadata": {"finalizers": finalizers, "resourceVersion": copy.resource_version()}});
    let api = Api::<DataCopy>::namespaced(context.client.clone(), &copy.namespace().unwrap_or_default());
    match api.patch(&copy.name_any(), &PatchParams::default(), &Patch::Merge(&patch)).await {
        Ok(_) => Ok(()),
        Err(error) if apply::error::is_status(&error, 404) => Ok(()),
        Err(error) => Err(error.into()),
    }
}

/// One that has ended is kept for a while, for whoever wants to read what it did.
async fn retire(copy: &DataCopy, status: &DataCopyStatus, context: &Context) -> Result<Action, Stop> {
    let now = Timestamp::now();
    if copy.spec.forget {
        return forget(copy, status, context).await;
    }
    let Some(until) = status.kept_until.as_ref().map(|until| until.0) else {
        return Ok(Action::await_change());
    };
    if until > now {
        return Ok(Action::requeue(until.duration_since(now).unsigned_abs()));
    }
    // What a backup that failed has stored is of no use. Where it cannot be removed, the bucket's own rules have to.
    if let Some(backup) = status.backup.as_ref().filter(|_| copy.spec.backup) {
        match sweep(backup, &copy.namespace().unwrap_or_default(), context).await? {
            Swept::Gone => {}
            Swept::Some => return Ok(Action::requeue(SOON)),
            Swept::Stays(why) if now.duration_since(until).as_secs() < PATIENCE_SECONDS => {
                warn!(copy = %copy.name_any(), "what backup {} has left cannot be removed: {why}", copy.name_any());
                return Ok(Action::requeue(LATER));
            }
            Swept::Stays(_) => {}
        }
    }
    gone(copy, context).await
}

/// A backup that nobody is to have any more: first what makes it one goes, then all else, then what is said of it.
async fn forget(copy: &DataCopy, status: &DataCopyStatus, context: &Context) -> Result<Action, Stop> {
    let copies = Api::<DataCopy>::namespaced(context.client.clone(), &copy.namespace().unwrap_or_default());
    if brought_back(&copies.list(&ListParams::default()).await?.items, &copy.name_any()) {
        return Ok(Action::requeue(LATER));
    }
    if let Some(backup) = &status.backup {
        match sweep(backup, &copy.namespace().unwrap_or_default(), context).await? {
            Swept::Gone => {}
            Swept::Some => return Ok(Action::requeue(SOON)),
            Swept::Stays(why) => {
                // Once: a store that finds other words each time would have it written, and looked at, for ever.
                if !status.notes.iter().any(|note| note.starts_with(STAYS)) {
                    let mut told = status.clone();
                    told.notes.push(format!("{STAYS}: {why}"));
                    context.write_status(copy, &told).await?;
                }
                return Ok(Action::requeue(LATER));
            }
        }
    }
    info!(copy = %copy.name_any(), "backup {} was removed from its bucket", copy.name_any());
    gone(copy, context).await
}

async fn gone(copy: &DataCopy, context: &Context) -> Result<Action, Stop> {
    let api = Api::<DataCopy>::namespaced(context.client.clone(), &copy.namespace().unwrap_or_default());
    let params = DeleteParams {
        preconditions: Some(Preconditions { uid: copy.uid(), resource_version: None }),
        ..DeleteParams::default()
    };
    match api.delete(&copy.name_any(), &params).await {
        Ok(_) => Ok(Action::await_change()),
        Err(error) if apply::error::is_status(&error, 404) => Ok(Action::await_change()),
        Err(error) => Err(error.into()),
    }
}

/// What a backup that nobody waits for any more has stored. Where it cannot be removed, the bucket's own rules have to.
fn half_made(copy: &DataCopy) -> Option<&BackupPlace> {
    let status = copy.status.as_ref()?;
    status
        .backup
        .as_ref()
        .filter(|_| copy.spec.backup && (copy.spec.forget || status.phase != CopyPhase::Done))
}

/// One that was deleted: its pods end, what it held is let go, its namespace goes; then the finalizer does.
async fn teardown(copy: &DataCopy, owner: &CopyOwner, context: &Context) -> Result<Action, Stop> {
    if !copy.finalizers().iter().any(|finalizer| finalizer == marks::FINALIZER_DATA) {
        return Ok(Action::await_change());
    }
    let ends = gather::ends(copy, context).await?;
    let mut seen = gather::seen(copy, owner, &ends, context).await?;
    seen.admitted = None;
    for one in seen.tries.iter().filter(|one| !one.going) {
        let stop = Act::Stop { service: one.service.clone(), number: one.number };
        // Stopping cannot be refused.
        let _ = acts::carry_out(&stop, copy, owner, &ends, context).await?;
    }
    if seen.pods > 0 {
        return Ok(Action::requeue(SOON));
    }
    quiesce::let_write(copy, context).await?;
    if let Some(backup) = half_made(copy) {
        match sweep(backup, &owner.control_namespace, context).await? {
            Swept::Gone => {}
            Swept::Some => return Ok(Action::requeue(SOON)),
            Swept::Stays(why) => {
                warn!(copy = %owner.copy, "what backup {} has stored cannot be removed: {why}", owner.copy);
            }
        }
    }
    acts::clear(owner, context).await?;
    if matches!(seen.ground, Ground::Ours | Ground::Going) {
        return Ok(Action::requeue(SOON));
    }
    let others: Vec<String> =
        copy.finalizers().iter().filter(|name| *name != marks::FINALIZER_DATA).cloned().collect();
    finalizers_are(copy, &others, context).await?;
    Ok(Action::await_change())
}
