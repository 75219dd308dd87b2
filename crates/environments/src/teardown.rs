//! Destroys an environment, or lets go of it when outboard itself is being removed.
//!
//! Destroying is an intent on the Environment. When its definition or its control namespace goes, that is
//! no intent to destroy what runs: everything is left as it is.

use api::environment::Teardown;
use api::marks::{self, Owner};
use api::{Environment, EnvironmentStatus, Verdict, crds};
use apply::kinds::Kind;
use apply::{Seen, View};
use k8s_openapi::api::core::v1::{Namespace, PersistentVolume};
use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::CustomResourceDefinition;
use kube::ResourceExt;
use kube::api::{Api, DeleteParams, ListParams, Patch, PatchParams, Preconditions, PropagationPolicy};
use kube::runtime::controller::Action;
use serde_json::json;
use std::time::Duration;
use tracing::info;

use crate::context::Context;
use crate::error::Error;
use crate::hosts;
use crate::plan::volumes as marked;
use crate::retention;
use crate::stuck;
use crate::volumes::{self, Fates};

/// How soon to look again while something is going away that no watch reports.
const POLL: Duration = Duration::from_millis(500);
/// How soon to look again at what a watch reports, should an event have been missed.
const WATCHED: Duration = Duration::from_secs(5);

/// One step of teardown; the finalizer goes when nothing is left.
pub async fn step(
    environment: &Environment,
    owner: &Owner,
    namespace: &str,
    context: &Context,
) -> Result<Action, Error> {
    if !environment.finalizers().iter().any(|finalizer| finalizer == marks::FINALIZER) {
        return Ok(Action::await_change());
    }
    let view = context.watches.view(namespace);
    let ours = first(&view, owner);
    if ours.as_ref().is_some_and(|(kind, ours)| says(environment, &removing(*kind)) && all_go(ours)) {
        // Of hundreds that are destroyed at once most are here, woken by every pod that goes: it must cost nothing.
        return Ok(Action::requeue(WATCHED));
    }
    if detaches(environment, context).await? {
        info!(environment = %environment.name_any(), %namespace, "letting go of {namespace}: it goes on running");
        return release(environment, context).await;
    }
    if others_remain(environment) {
        // Other slices still hold something outside the namespace; the namespace goes last.
        return Ok(Action::await_change());
    }
    let namespaces = Api::<Namespace>::all(context.client.clone());
    let Some(live) = namespaces.get_opt(namespace).await? else {
        return finish(environment, owner, namespace, context).await;
    };
    let held = environment.status.as_ref().and_then(|status| status.namespace_uid.as_ref());
    if !owner.owns(live.labels()) && (held.is_none() || live.uid().as_ref() != held) {
        // Somebody else's: this environment never had anything there.
        hosts::give_all_back(owner, context).await?;
        return release(environment, context).await;
    }
    if live.metadata.deletion_timestamp.is_some() {
        let step = format!("waiting for namespace {namespace} to be gone");
        if !says(environment, &step) {
            // Whoever deleted it: its claims may still be there.
            volumes::keep(environment, owner, &live, context).await?;
        }
        let verdict = stuck::explain(&context.client, &live).await;
        report(environment, context, namespace, Step { step: &step, fates: None, verdict }).await?;
        return Ok(Action::requeue(WATCHED));
    }
    let begun = environment.status.as_ref().is_some_and(|status| status.teardown.is_some());
    // Before anything goes, and once more before the namespace does.
    let fates = match begun && ours.is_some() {
        true => None,
        false => Some(volumes::keep(environment, owner, &live, context).await?),
    };
    if let Some((kind, ours)) = ours {
        report(environment, context, namespace, Step::new(&removing(kind), fates.as_ref())).await?;
        for seen in ours.iter().filter(|seen| !seen.deleting) {
            context.writer.delete(namespace, seen, PropagationPolicy::Foreground).await?;
        }
        return Ok(Action::requeue(WATCHED));
    }
    let params = DeleteParams {
        preconditions: Some(Preconditions { uid: live.uid(), resource_version: None }),
        ..DeleteParams::default()
    };
    let step = format!("removing namespace {namespace}");
    report(environment, context, namespace, Step::new(&step, fates.as_ref())).await?;
    match namespaces.delete(namespace, &params).await {
        Ok(_) => {}
        Err(error) if apply::error::is_status(&error, 404) || apply::error::is_status(&error, 409) => {}
        Err(error) => return Err(error.into()),
    }
    Ok(Action::requeue(WATCHED))
}

/// What of ours goes next. In order: traffic stops before servers do, servers before the data they use. Each is gone,
/// pods and all, before the next is touched.
fn first<'a>(view: &'a View, owner: &Owner) -> Option<(Kind, Vec<&'a Seen>)> {
    Kind::TEARDOWN.into_iter().find_map(|kind| {
        let ours: Vec<_> = view.iter().filter(|seen| seen.kind == kind && seen.belongs_to(owner)).collect();
        (!ours.is_empty()).then_some((kind, ours))
    })
}

fn all_go(ours: &[&Seen]) -> bool {
    ours.iter().all(|seen| seen.deleting)
}

fn removing(kind: Kind) -> String {
    format!("removing {}", words(kind))
}

fn says(environment: &Environment, step: &str) -> bool {
    let teardown = environment.status.as_ref().and_then(|status| status.teardown.as_ref());
    teardown.is_some_and(|teardown| teardown.step == step)
}

/// Whether to leave everything running: the definition or the control namespace itself is going.
async fn detaches(environment: &Environment, context: &Context) -> Result<bool, Error> {
    let definitions = Api::<CustomResourceDefinition>::all(context.client.clone());
    // Without its schema, which is most of it.
    let definition = definitions.get_metadata_opt(crds::ENVIRONMENTS).await?;
    if definition.is_none_or(|found| found.metadata.deletion_timestamp.is_some()) {
        return Ok(true);
    }
    let control = environment.namespace().unwrap_or_default();
    let namespace = Api::<Namespace>::all(context.client.clone()).get_metadata_opt(&control).await?;
    Ok(namespace.is_none_or(|found| found.metadata.deletion_timestamp.is_some()))
}

fn others_remain(environment: &Environment) -> bool {
    let prefix = format!("{}/", api::GROUP);
    environment
        .finalizers()
        .iter()
        .any(|finalizer| finalizer.starts_with(&prefix) && finalizer != marks::FINALIZER)
}

/// The namespace is gone: wait for its volumes, give its hosts back, then let the Environment go.
async fn finish(
    environment: &Environment,
    owner: &Owner,
    namespace: &str,
    context: &Context,
) -> Result<Action, Error> {
    let volumes = Api::<PersistentVolume>::all(context.client.clone()).list(&ListParams::default()).await?;
    let remaining: Vec<String> = volumes
        .iter()
        .filter(|volume| {
            let spec = volume.spec.as_ref();
            let ours =
                spec.and_then(|spec| spec.claim_ref.as_ref()).and_then(|claim| claim.namespace.as_deref());
            // What is kept, by its class or by its storage class, is kept on purpose.
            let goes =
                spec.and_then(|spec| spec.persistent_volume_reclaim_policy.as_deref()) == Some("Delete");
            // One that an earlier environment of the name had goes in its own time.
            ours == Some(namespace) && goes && !marked::is_marked(volume)
        })
        .map(ResourceExt::name_any)
        .collect();
    if !remaining.is_empty() {
        let step = format!("waiting for volumes to be gone: {}", remaining.join(", "));
        report(environment, context, namespace, Step::new(&step, None)).await?;
        return Ok(Action::requeue(POLL));
    }
    hosts::give_all_back(owner, context).await?;
    context.writer.forget(namespace);
    let control = environment.namespace().unwrap_or_default();
    let until = retention::until(context, owner).await?;
    let project = &environment.spec.project;
    retention::begin(&context.client, &control, project, &environment.name_any(), until).await?;
    info!(environment = %environment.name_any(), %namespace, "destroyed {namespace}");
    release(environment, context).await
}

/// Removes our finalizer, and nobody else's.
async fn release(environment: &Environment, context: &Context) -> Result<Action, Error> {
    let kept: Vec<&String> =
        environment.finalizers().iter().filter(|name| *name != marks::FINALIZER).collect();
    let patch = json!({"metadata": {"finalizers": kept, "resourceVersion": environment.resource_version()}});
    let api =
        Api::<Environment>::namespaced(context.client.clone(), &environment.namespace().unwrap_or_default());
    match api.patch(&environment.name_any(), &PatchParams::default(), &Patch::Merge(&patch)).await {
        Ok(_) => Ok(Action::await_change()),
        Err(error) if apply::error::is_status(&error, 404) => Ok(Action::await_change()),
        Err(error) => Err(error.into()),
    }
}

/// How far a teardown has come.
struct Step<'a> {
    step: &'a str,
    /// What becomes of its volumes, where that was looked at.
    fates: Option<&'a Fates>,
    /// Why it does not go on.
    verdict: Option<Verdict>,
}

impl<'a> Step<'a> {
    fn new(step: &'a str, fates: Option<&'a Fates>) -> Self {
        Self { step, fates, verdict: None }
    }
}

/// Says in the status how far it has come. Once seen, the volumes stay listed: they are part of the receipt.
async fn report(
    environment: &Environment,
    context: &Context,
    namespace: &str,
    at: Step<'_>,
) -> Result<(), Error> {
    let Step { step, fates, verdict } = at;
    let current = environment.status.clone().unwrap_or_default();
    let before = current.teardown.clone().unwrap_or_default();
    let seen = fates.filter(|fates| !fates.go.is_empty() || !fates.kept.is_empty());
    let (volumes, kept) = match seen {
        Some(fates) => (fates.go.clone(), fates.kept.clone()),
        None => (before.volumes, before.kept),
    };
    let teardown = Teardown { step: step.to_owned(), volumes, kept };
    if current.teardown.as_ref() == Some(&teardown) && current.verdict == verdict {
        return Ok(());
    }
    let next = EnvironmentStatus {
        namespace: Some(namespace.to_owned()),
        teardown: Some(teardown),
        verdict,
        ..current.clone()
    };
    context.write_status(environment, &next).await?;
    if let Some(verdict) = next.verdict.filter(|verdict| current.verdict.as_ref() != Some(verdict)) {
        context.tell_verdict(environment, &verdict).await;
    }
    Ok(())
}

fn words(kind: Kind) -> &'static str {
    match kind {
        Kind::HttpRoute => "routes",
        Kind::Deployment => "components",
        Kind::CronJob => "schedules",
        Kind::NetworkPolicy => "network policies",
        Kind::ResourceQuota => "quotas",
        Kind::LimitRange => "limits",
        Kind::RoleBinding => "rights of people",
        Kind::HorizontalPodAutoscaler => "autoscalers",
        Kind::PodDisruptionBudget => "disruption budgets",
        Kind::ConfigMap => "files",
        Kind::ServiceAccount => "identities",
        Kind::Job => "jobs",
        Kind::Service => "addresses",
        Kind::StatefulSet => "services",
    }
}
