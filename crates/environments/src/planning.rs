//! Answers Plans: what a change would do, worked out with the same hands that would do it. Changes nothing.

use std::sync::Arc;

use api::marks::Owner;
use api::plan::DemandChange;
use api::revision::EnvironmentRevision;
use api::{Cause, Environment, Plan, PlanStatus, Verdict};
use apply::{Claim, claim};
use k8s_openapi::api::core::v1::Namespace;
use k8s_openapi::jiff::Timestamp;
use kube::ResourceExt;
use kube::api::{Api, Patch, PatchParams};
use kube::runtime::controller::Action;
use serde_json::json;

use crate::context::Context;
use crate::draft::{self, Draft, Request};
use crate::error::Error;
use crate::plan::hold::Hold;
use crate::plan::{changes, demand, drift, keep, limits, order, overrides, quota, volumes};
use crate::questions::{LIFETIME, sweep};
use crate::quotas;
use crate::restore;
use crate::revisions::{Newest, Revisions};
use crate::trial::{self, Tried};

pub async fn reconcile(plan: Arc<Plan>, context: Arc<Context>) -> Result<Action, Error> {
    if plan.metadata.deletion_timestamp.is_some() {
        return Ok(Action::await_change());
    }
    let control = plan.namespace().unwrap_or_default();
    let api = Api::<Plan>::namespaced(context.client.clone(), &control);
    if plan.status.is_some() {
        return sweep(plan.as_ref(), &api).await;
    }
    let spec = &plan.spec;
    let name = spec.environment.as_str();
    let revisions = Revisions::new(&context.client, &control, &context.settings.install);
    let newest = revisions.newest(&spec.wanted.project, name, None).await?;
    let request = Request { name, control: &control, spec: &spec.wanted, refresh: &spec.refresh };
    let drafted = draft::make(&request, &newest, &revisions, &context).await?;
    let drafted = match (drafted, &spec.promotes) {
        (Ok(draft), Some(source)) => tested(draft, source, &revisions).await?,
        (drafted, _) => drafted,
    };
    // The environment waits for a place: what it would be is of no use yet.
    let drafted = drafted.and_then(|draft| {
        let waits = context.owners.would_wait(name, &spec.wanted, &draft.project);
        waits.map_or(Ok(draft), Err)
    });
    let status = match drafted {
        Ok(draft) => shown(&plan, &draft, &newest, &context).await?,
        Err(verdict) => refused(verdict, newest.number),
    };
    let patch = json!({"status": status});
    api.patch_status(&plan.name_any(), &PatchParams::default(), &Patch::Merge(&patch)).await?;
    Ok(Action::requeue(LIFETIME))
}

/// A host that another environment has may never be given back: that is nothing to wait for, but a no.
fn refused(mut verdict: Verdict, newest: i64) -> PlanStatus {
    verdict.holds &= verdict.cause != Cause::HostTaken;
    PlanStatus {
        from_revision: newest,
        waits: order::held(&verdict),
        verdict: Some(verdict),
        ..PlanStatus::default()
    }
}

/// Everything that there is to say about a draft, before it is stored.
async fn shown(plan: &Plan, draft: &Draft, newest: &Newest, context: &Context) -> Result<PlanStatus, Error> {
    let (name, revision) = (plan.spec.environment.as_str(), &draft.revision);
    let control = plan.namespace().unwrap_or_default();
    let environment = Api::<Environment>::namespaced(context.client.clone(), &control).get_opt(name).await?;
    let namespace = format!("{}-{name}", revision.project);
    let there = is_there(&namespace, name, revision, &control, context).await?;
    let mut kept = None;
    if environment.is_none() {
        let owner = owner(name, revision, &control, context);
        if there && plan.spec.wanted.restores_volumes.is_some() {
            return Ok(refused(volumes::restore::runs_on(&owner, &namespace), newest.number));
        }
        match restore::look(&plan.spec.wanted, &owner, &namespace, revision, context).await? {
            Ok(record) => kept = record,
            Err(verdict) => return Ok(refused(verdict, newest.number)),
        }
    }
    // What an earlier environment of this name had is gone with its namespace.
    let from = newest.stored.as_ref().map(|stored| &stored.revision).filter(|_| there);
    let keeping = revision.keeps.is_some() && from.is_some_and(|from| from.keeps != revision.keeps);
    let mut changes = changes::between(from, revision);
    let mut notes = changes::notes(from, revision);
    if let Some(record) = &kept {
        volumes::restore::say(&mut changes, record);
        notes.extend(volumes::restore::notes(record, revision.restores));
    }
    let frozen = plan.spec.wanted.freeze.as_ref().map(|freeze| freeze.until.0);
    let mut waits = Vec::new();
    if keeping {
        keep::say_that_it_stands(&mut changes);
    } else {
        let frozen =
            environment.as_ref().map_or(frozen, |found| drift::frozen_until(found, Timestamp::now()));
        waits = order::waits(&changes, frozen, plan.spec.wanted.freeze.as_ref());
        let overlays = environment.as_ref().map_or(&plan.spec.wanted.overlays, |found| &found.spec.overlays);
        waits.extend(Hold::of(overlays, Timestamp::now()).map(|hold| hold.waits()));
        let standing = environment.and_then(|found| found.status).unwrap_or_default().drift;
        notes.extend(drift::put_back(name, &standing).filter(|_| !changes.is_empty()));
    }
    let (mut live, mut tried) = (Vec::new(), Tried::default());
    if there {
        live = quotas::of(&namespace, context).await?;
        tried = trial::all(name, &namespace, revision, &changes, context).await;
    }
    let quotas = quota::effects(&limits::quotas_with(&live, revision), from, revision);
    notes.extend(tried.note);
    Ok(PlanStatus {
        // Without a hash it cannot be carried out.
        hash: tried.verdict.is_none().then(|| draft.hash.clone()),
        from_revision: newest.number,
        digests: revision.digests.clone(),
        changes,
        notes,
        demand: DemandChange { from: from.map(demand::of).unwrap_or_default(), to: demand::of(revision) },
        quotas,
        waits,
        verdict: tried.verdict,
    })
}

fn owner(name: &str, revision: &EnvironmentRevision, control: &str, context: &Context) -> Owner {
    Owner {
        install: context.settings.install.clone(),
        control_namespace: control.to_owned(),
        project: revision.project.clone(),
        environment: name.to_owned(),
    }
}

/// Whether the environment's namespace exists and is its own.
async fn is_there(
    namespace: &str,
    name: &str,
    revision: &EnvironmentRevision,
    control: &str,
    context: &Context,
) -> Result<bool, Error> {
    let owner = owner(name, revision, control, context);
    let found = Api::<Namespace>::all(context.client.clone()).get_opt(namespace).await?;
    Ok(found.is_some_and(|found| matches!(claim::judge(&found, &owner), Claim::Held { .. })))
}

/// Lets a promotion pass only if it is exactly what has been ready in its source.
async fn tested(draft: Draft, source: &str, revisions: &Revisions) -> Result<Result<Draft, Verdict>, Error> {
    let refuse = |message: String, evidence: Vec<String>, fix: String| {
        let about = format!("environment {source}");
        Ok(Err(Verdict {
            cause: Cause::Invalid,
            about,
            message,
            evidence,
            fix,
            terminal: true,
            holds: false,
        }))
    };
    let found = revisions.newest(&draft.revision.project, source, None).await?.stored;
    let Some(from) = found else {
        return refuse(
            format!("{source} has no revision to promote"),
            vec![],
            format!("promote an environment of project {}", draft.revision.project),
        );
    };
    if !from.ready {
        return refuse(
            format!(
                "revision {} of {source} has never been ready: only what was tested is promoted",
                from.number
            ),
            vec![],
            format!("outboard env show {source} says what it waits for"),
        );
    }
    if keep::by_hand(&from.revision) {
        let by_hand = from.revision.kept.iter().map(|kept| kept.object.clone()).collect();
        return refuse(
            format!(
                "revision {} of {source} keeps changes made by hand: only what outboard.yaml says is promoted",
                from.number
            ),
            by_hand,
            format!("put them into outboard.yaml, apply it, and test it with outboard env update {source}"),
        );
    }
    let by_hand = overrides::shown(&from.revision.overrides);
    if !by_hand.is_empty() {
        return refuse(
            format!(
                "revision {} of {source} differs by hand from its project: only what outboard.yaml says is promoted",
                from.number
            ),
            by_hand.into_iter().map(|(setting, value)| format!("{setting}={value}")).collect(),
            format!(
                "put it into outboard.yaml, or take it away with outboard env set {source} --unset SETTING, and test that"
            ),
        );
    }
    let other = draft::untested(&draft.revision, &from.revision.digests);
    if !other.is_empty() || from.revision.project_revision != draft.revision.project_revision {
        return refuse(
            format!("{source} has changed while it was to be promoted"),
            other.into_iter().map(|image| format!("{image} is not what {source} runs")).collect(),
            "ask for it again".to_owned(),
        );
    }
    Ok(Ok(draft))
}
