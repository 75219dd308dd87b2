//! The controllers of the slice: gather → plan → apply → status. Level-triggered: a reconcile never learns
//! why it runs, and finishes whatever an earlier one began.

use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use api::marks::{self, Home, Owner};
use api::names::{self, EnvironmentName, ProjectName};
use api::{Cause, DriftPolicy, Environment, EnvironmentStatus, Plan, Project, Verdict, VersionQuery};
use apply::watch::Retry;
use apply::{Claim, View, claim_namespace};
use futures::{FutureExt, StreamExt};
use k8s_openapi::api::core::v1::Namespace;
use k8s_openapi::jiff::Timestamp;
use kube::api::{Api, Patch, PatchParams};
use kube::runtime::controller::{Action, Config, Controller};
use kube::runtime::reflector::{self, ObjectRef};
use kube::runtime::{WatchStreamExt, watcher};
use kube::{Client, ResourceExt};
use serde_json::json;
use tokio::task::JoinSet;
use tracing::warn;

use crate::context::Context;
use crate::error::Error;
use crate::observe::Observer;
use crate::plan::access::{self, Bindings};
use crate::plan::drift;
use crate::plan::hold::Hold;
use crate::plan::stamp;
use crate::plan::standard;
use crate::plan::status::{self, Found};
use crate::plan::verdicts;
use crate::rest::Sight;
use crate::restore::Restoring;
use crate::revisions::{Revisions, Stored};
use crate::rollout::{self, Rollout, Target};
use crate::watch::{Watches, lean};
use crate::{
    Settings, announce, planning, project, restore, retention, rotation, secrets, stuck, takes, teardown,
    versions, wanted,
};

/// A settled environment is looked at again after this long, should an event have been missed.
const RESYNC: Duration = Duration::from_secs(60);
/// What is on its way is looked at again this soon: some of it (age, answers) no watch reports.
const PROGRESS: Duration = Duration::from_secs(1);
/// What waits for a person; their change wakes it, through the watches.
const STUCK: Duration = Duration::from_secs(15);

/// Reconciles Projects and Environments until `shutdown` resolves; what is in flight is finished.
pub async fn run(
    client: Client,
    settings: Settings,
    observer: Arc<dyn Observer>,
    shutdown: impl Future<Output = ()> + Send + Sync + 'static,
) {
    let mut tasks = JoinSet::new();
    let (watches, triggers, projects_to_see) = Watches::start(&client, &settings.install, &mut tasks);
    let shutdown = shutdown.shared();
    tokio::select! {
        () = watches.ready() => {}
        () = shutdown.clone() => return,
    }
    let concurrency = settings.concurrency;
    let (all, store) = reflector::store();
    observer.environments(all.clone());
    let context = Arc::new(Context::new(client.clone(), settings, watches, all.clone(), observer));
    tasks.spawn(retention::run(context.clone()));
    if let Some(webhook) = context.settings.webhook.clone() {
        tasks.spawn(announce::run(webhook, context.clone()));
    }
    let config = watcher::Config::default().timeout(200);
    let changed = lean(watcher(Api::<Environment>::all(client.clone()), config.clone()));
    let environments = Controller::for_stream(changed.reflect(store).applied_objects(), all)
        .trigger_backoff(Retry::default())
        .with_config(Config::default().concurrency(concurrency))
        .reconcile_on(triggers);
    let known = environments.store();
    let environments = environments
        .watches(Api::<Project>::all(client.clone()), config.clone(), move |project| {
            let of = |environment: &Environment| {
                environment.spec.project == project.name_any()
                    && environment.namespace() == project.namespace()
            };
            known
                .state_filter(|environment| of(environment))
                .iter()
                .map(|found| ObjectRef::from_obj(found.as_ref()))
                .collect::<Vec<_>>()
        })
        .graceful_shutdown_on(shutdown.clone())
        .run(
            |environment, context: Arc<Context>| async move {
                Box::pin(context.look("environment", environment.as_ref(), reconcile(&environment, &context)))
                    .await
            },
            |environment, error, context| context.failed("environment", environment.as_ref(), error),
            context.clone(),
        )
        .for_each(|_| std::future::ready(()));
    let plans = Controller::new(Api::<Plan>::all(client.clone()), config.clone())
        .trigger_backoff(Retry::default())
        .with_config(Config::default().concurrency(concurrency))
        .graceful_shutdown_on(shutdown.clone())
        .run(
            |plan, context: Arc<Context>| async move {
                Box::pin(context.look(
                    "plan",
                    plan.as_ref(),
                    planning::reconcile(plan.clone(), context.clone()),
                ))
                .await
            },
            |plan, error, context| context.failed("plan", plan.as_ref(), error),
            context.clone(),
        )
        .for_each(|_| std::future::ready(()));
    let queries = Controller::new(Api::<VersionQuery>::all(client.clone()), config.clone())
        .trigger_backoff(Retry::default())
        .with_config(Config::default().concurrency(versions::AT_ONCE))
        .graceful_shutdown_on(shutdown.clone())
        .run(
            |query, context: Arc<Context>| async move {
                Box::pin(context.look(
                    "version query",
                    query.as_ref(),
                    versions::reconcile(query.clone(), context.clone()),
                ))
                .await
            },
            |query, error, context| context.failed("version query", query.as_ref(), error),
            context.clone(),
        )
        .for_each(|_| std::future::ready(()));
    let projects = Controller::new(Api::<Project>::all(client), config)
        .trigger_backoff(Retry::default())
        .with_config(Config::default().concurrency(concurrency))
        .reconcile_on(projects_to_see)
        .graceful_shutdown_on(shutdown)
        .run(
            |project, context: Arc<Context>| async move {
                Box::pin(context.look(
                    "project",
                    project.as_ref(),
                    project::reconcile(project.clone(), context.clone()),
                ))
                .await
            },
            |project, error, context| context.failed("project", project.as_ref(), error),
            context,
        )
        .for_each(|_| std::future::ready(()));
    futures::join!(environments, plans, queries, projects);
    tasks.shutdown().await;
}

/// One look at one environment.
async fn reconcile(environment: &Environment, context: &Context) -> Result<Action, Error> {
    let Some((owner, namespace)) = place(environment, context) else {
        // The API server keeps such names out; one that slipped in must not disturb the others.
        warn!(name = %environment.name_any(), "this environment's name or project cannot be used");
        return Ok(Action::await_change());
    };
    if environment.metadata.deletion_timestamp.is_some() {
        context.rest.end(environment);
        context.underway.end(environment);
        return teardown::step(environment, &owner, &namespace, context).await;
    }
    if hold(environment, context).await? {
        // The next look sees it with its finalizer.
        return Ok(Action::requeue(PROGRESS));
    }

    if let Some(wait) = context.underway.wait(environment) {
        return Ok(Action::requeue(wait));
    }

    // gather, plan
    let now = Timestamp::now();
    let frozen = drift::frozen_until(environment, now);
    // The end of a freeze is no event.
    let thaw = frozen.map(|until| until.duration_since(now).unsigned_abs() + Duration::from_millis(100));
    let view = context.watches.view(&namespace);
    let project = context.watches.project(&owner.control_namespace, &owner.project);
    let newest = project.as_ref().and_then(|project| project.status.as_ref()?.revision.clone());
    let protection = access::protection(environment, project.as_deref());
    if environment.status.as_ref().and_then(|status| status.protection.clone()) != protection {
        // Policies go by it: said before anything that may fail. The next look sees it.
        let before = environment.status.clone().unwrap_or_default();
        context.write_status(environment, &EnvironmentStatus { protection, ..before }).await?;
        return Ok(Action::requeue(PROGRESS));
    }
    let people = project
        .as_ref()
        .map(|project| access::inside(&owner, &namespace, &project.spec.access, protection.is_some()));
    let sight = Sight::of(
        environment,
        &view,
        frozen.is_some(),
        (newest.as_deref(), people.as_ref()),
        &context.watches.hosts(&owner),
    );
    if let Some(left) = context.rest.lasts(environment, sight, &context.client, &context.aws).await? {
        let again = RESYNC.min(left);
        return Ok(Action::requeue(thaw.map_or(again, |thaw| again.min(thaw))));
    }
    context.rest.end(environment);
    context.underway.begin(environment);
    let hold = Hold::of(&environment.spec.overlays, now);
    // Nor is the end of a hold.
    let release =
        hold.as_ref().map(|hold| hold.next.duration_since(now).unsigned_abs() + Duration::from_millis(100));
    let revisions = Revisions::new(&context.client, &owner.control_namespace, &owner.install);
    let is_there = context.watches.namespace_labels(&namespace).is_some_and(|labels| owner.owns(&labels));
    let wanted = Box::pin(wanted::revision(environment, &revisions, frozen, is_there, context)).await?;

    // apply
    let outcome = match &wanted.stored {
        Some(stored) => {
            let hands_off = frozen.is_some() || wanted.is_to_keep(&environment.spec);
            let (hold, people) = (hold.as_ref(), people.as_ref());
            let here = Here { owner: &owner, namespace: &namespace, view: &view, hold, people };
            Box::pin(roll_out(environment, &here, stored, &revisions, hands_off, context)).await?
        }
        None => Rollout::default(),
    };

    // status
    let refused = wanted.refusal.is_some();
    let verdict = wanted.refusal.or(outcome.verdict.clone());
    let current = environment.status.clone().unwrap_or_default();
    let parts: Vec<_> = outcome.parts.iter().map(|(part, progress)| (part, progress.clone())).collect();
    let found = Found {
        generation: environment.metadata.generation.unwrap_or(0),
        now,
        namespace: &namespace,
        namespace_uid: outcome.namespace_uid.as_deref(),
        stored: wanted.stored.as_ref(),
        parts: &parts,
        verdict,
        drift: outcome.drift.clone(),
        project_revision: newest.as_deref(),
        refused,
        protection,
        hold: hold.as_ref().map(|hold| (hold, outcome.stopped)),
        rotations: outcome.rotating.as_ref().map(|rotating| &rotating.told),
    };
    let next = status::next(&current, &found);
    if let Some(stored) =
        wanted.stored.as_ref().filter(|stored| !stored.ready && next.settled_revision == Some(stored.number))
    {
        // Before the status says so: what says ready can be promoted.
        revisions.mark_ready(&owner.environment, stored, found.now).await?;
        context.underway.forget(&owner.control_namespace, &owner.environment);
    }
    if let Some(stored) = &wanted.stored {
        // Before anything else may come: pods go, and so may the environment.
        let ready = next.settled_revision == Some(stored.number) && next.verdict.is_none();
        if let Some(noted) = verdicts::noted(&stored.verdicts, next.verdict.as_ref(), ready, found.now) {
            revisions.note_verdicts(&owner.environment, stored.number, &noted).await?;
            context.underway.forget(&owner.control_namespace, &owner.environment);
        }
    }
    if next != current {
        context.write_status(environment, &next).await?;
    }
    if let Some(verdict) = next.verdict.as_ref().filter(|verdict| verdict.terminal) {
        let known = current.verdict.as_ref().filter(|known| known.terminal);
        if !known.is_some_and(|known| verdicts::same(known, verdict)) {
            context.tell_verdict(environment, verdict).await;
        }
    }
    for found in &outcome.drift {
        // What stands so is told once, not at every look.
        if found.reverted
            || !current.drift.iter().any(|known| known.object == found.object && !known.reverted)
        {
            context.tell(environment, found).await;
        }
    }
    let settled =
        next.settled_revision.is_some() && next.settled_revision == next.revision && outcome.all_ready();
    let held = outcome.stopped && outcome.only_waits();
    let stuck = next.verdict.as_ref().is_some_and(|verdict| verdict.terminal || verdict.holds);
    // A change that waits for something outside is to be made as soon as that is there, whatever runs meanwhile.
    let waits = refused
        && frozen.is_none()
        && next.verdict.as_ref().is_some_and(|verdict| verdict.holds || !verdict.terminal);
    let again = match (settled && !waits, stuck) {
        (true, _) => RESYNC,
        (false, true) => STUCK,
        // Whatever happens to it is an event.
        (false, false) if held => RESYNC,
        (false, false) => PROGRESS,
    };
    if settled || stuck || held {
        context.underway.end(environment);
    }
    let quiet = !outcome.wrote && outcome.heal_at.is_none() && outcome.again.is_none();
    if settled && !waits && hold.is_none() && quiet && next == current {
        let has_secrets = wanted.stored.as_ref().is_some_and(|stored| !stored.revision.secrets.is_empty());
        context.rest.begin(environment, sight, has_secrets, outcome.sources);
    }
    let heal = outcome.heal_at.map(|at| at.duration_since(now).unsigned_abs() + Duration::from_millis(100));
    let soon = [Some(again), outcome.again, thaw, heal, release];
    Ok(Action::requeue(soon.into_iter().flatten().min().unwrap_or(again)))
}

/// Whose environment this is and where it runs, if its names can be used at all.
fn place(environment: &Environment, context: &Context) -> Option<(Owner, String)> {
    let project = ProjectName::parse(&environment.spec.project).ok()?;
    let name = EnvironmentName::parse(&environment.name_any()).ok()?;
    let namespace = names::namespace(&project, &name);
    let owner = Owner {
        install: context.settings.install.clone(),
        control_namespace: environment.namespace()?,
        project: project.to_string(),
        environment: name.to_string(),
    };
    Some((owner, namespace))
}

/// Adds our finalizer before anything is made that deleting would have to undo; whether it had to be added.
async fn hold(environment: &Environment, context: &Context) -> Result<bool, Error> {
    if environment.finalizers().iter().any(|finalizer| finalizer == marks::FINALIZER) {
        return Ok(false);
    }
    let mut finalizers = environment.finalizers().to_vec();
    finalizers.push(marks::FINALIZER.to_owned());
    let patch =
        json!({"metadata": {"finalizers": finalizers, "resourceVersion": environment.resource_version()}});
    let api =
        Api::<Environment>::namespaced(context.client.clone(), &environment.namespace().unwrap_or_default());
    api.patch(&environment.name_any(), &PatchParams::default(), &Patch::Merge(&patch)).await?;
    Ok(true)
}

/// Where an environment runs, and what was last seen there.
struct Here<'a> {
    owner: &'a Owner,
    namespace: &'a str,
    view: &'a View,
    hold: Option<&'a Hold>,
    /// Who may do what there; none: the project is gone, and everything stays.
    people: Option<&'a Bindings>,
}

/// Brings the namespace to the revision, as far as may be done now.
async fn roll_out(
    environment: &Environment,
    here: &Here<'_>,
    stored: &Stored,
    revisions: &Revisions,
    hands_off: bool,
    context: &Context,
) -> Result<Rollout, Error> {
    let current = environment.status.clone().unwrap_or_default();
    let Here { owner, namespace, view, hold, people } = *here;
    let about = format!("environment {}", owner.environment);
    let held = current.namespace_uid.as_deref();
    let serves = revisions.standard_that_serves(&owner.environment, stored, current.settled_revision).await?;
    let home = Home { owner, standard: standard::of_namespace(stored.revision.pod_security, serves) };
    let claim = match context.watches.held(namespace, home, held) {
        Some(uid) => Ok(Claim::Held { uid }),
        None => claim_namespace(&context.client, namespace, &home, held).await,
    };
    let claim = match claim {
        Err(error @ apply::Error::Refused { .. }) => {
            return Ok(Rollout::refused(&stored.revision, rollout::refused(&about, &error)));
        }
        claim => claim?,
    };
    let uid = match claim {
        Claim::Held { uid } => uid,
        Claim::Terminating => {
            let waiting =
                Rollout::waiting(&stored.revision, "the namespace of an earlier environment is still going");
            let namespaces = Api::<Namespace>::all(context.client.clone());
            let verdict = match namespaces.get_opt(namespace).await? {
                Some(live) => stuck::explain(&context.client, &live).await,
                None => None,
            };
            return Ok(Rollout { verdict, ..waiting });
        }
        Claim::Taken { by } => {
            let verdict = Verdict {
                cause: Cause::NamespaceTaken,
                about: format!("namespace {namespace}"),
                message: format!("namespace {namespace} belongs to {by}; it was left untouched"),
                evidence: vec![],
                fix: "choose another name for the environment, or remove that namespace yourself".to_owned(),
                terminal: true,
                holds: false,
            };
            return Ok(Rollout::refused(&stored.revision, verdict));
        }
    };
    takes::say(namespace, &stored.revision, context).await?;
    if let Some(people) = people
        && let Some(verdict) = crate::access::keep(namespace, owner, people, view, context).await?
    {
        // What runs is no less ready for it.
        warn!(environment = %owner.environment, "{}: {}", verdict.message, verdict.fix);
        context.tell_verdict(environment, &verdict).await;
    }
    let restoring = restore::step(environment, owner, (namespace, &uid), stored, revisions, context).await;
    if let Err(Error::Apply(error @ apply::Error::Refused { .. })) = &restoring {
        return Ok(Rollout::refused(&stored.revision, rollout::refused(&about, error)));
    }
    match restoring? {
        Restoring::Done => {}
        Restoring::Waits(why) => {
            let waiting = Rollout::waiting(&stored.revision, &why);
            return Ok(Rollout { namespace_uid: Some(uid), wrote: true, ..waiting });
        }
        Restoring::Refused(verdict) => return Ok(Rollout::refused(&stored.revision, verdict)),
    }
    let secrets =
        match secrets::ensure(&context.client, &context.aws, namespace, owner, &stored.revision).await {
            Ok(ensured) => ensured,
            Err(Error::Verdict(verdict)) => return Ok(Rollout::refused(&stored.revision, *verdict)),
            Err(Error::Apply(error @ apply::Error::Foreign { .. })) => {
                return Ok(Rollout::refused(&stored.revision, rollout::taken(&error, &owner.environment)));
            }
            Err(Error::Apply(error @ apply::Error::Refused { .. })) => {
                return Ok(Rollout::refused(&stored.revision, rollout::refused(&about, &error)));
            }
            Err(error) => return Err(error),
        };
    let settled =
        current.settled_revision == Some(stored.number) && current.namespace_uid.as_ref() == Some(&uid);
    let target = Target {
        owner,
        namespace,
        namespace_uid: &uid,
        stored,
        settled,
        // A new revision is made; then what others do to it is only told.
        hands_off: hands_off || (settled && stored.revision.drift == DriftPolicy::Report),
        now: status::whole_seconds(Timestamp::now()),
        view,
        hidden: &secrets.hidden,
        stamps: &stamp::of(&stored.revision.secrets, &secrets.marks),
        frozen: hands_off,
        hold,
        was_held: status::is_held(&current),
    };
    let mut rollout = rollout::run(&target, revisions, context).await?;
    // Last: servers may take their time to answer.
    let hidden = &secrets.hidden;
    let place = rotation::Place { environment, owner, namespace, stored, settled, frozen: hands_off, hidden };
    let rotating = rotation::step(&place, &secrets.credentials, context).await?;
    rollout.again = [secrets.settles.then_some(PROGRESS), rotating.again].into_iter().flatten().min();
    rollout.rotating = Some(rotating);
    // What runs goes on with the values it has.
    rollout.verdict = rollout.verdict.or(secrets.verdict);
    rollout.sources = secrets.sources;
    Ok(rollout)
}
