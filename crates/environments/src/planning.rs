//! Answers Plans: what a change would do, worked out with the same hands that would do it. Changes nothing.

use std::sync::Arc;
use std::time::Duration;

use api::plan::DemandChange;
use api::{Cause, Plan, PlanStatus, Verdict};
use k8s_openapi::jiff::Timestamp;
use kube::ResourceExt;
use kube::api::{Api, DeleteParams, Patch, PatchParams};
use kube::runtime::controller::Action;
use serde_json::json;

use crate::controller::Context;
use crate::draft::{self, Draft, Request};
use crate::error::Error;
use crate::plan::{changes, demand};
use crate::revisions::{Newest, Revisions};

/// A plan that nobody deleted is gone after this long.
const LIFETIME: Duration = Duration::from_secs(900);

pub async fn reconcile(plan: Arc<Plan>, context: Arc<Context>) -> Result<Action, Error> {
    if plan.metadata.deletion_timestamp.is_some() {
        return Ok(Action::await_change());
    }
    let control = plan.namespace().unwrap_or_default();
    let api = Api::<Plan>::namespaced(context.client.clone(), &control);
    if plan.status.is_some() {
        return sweep(&plan, &api).await;
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
    let status = match drafted {
        Ok(draft) => shown(&draft, &newest),
        Err(verdict) => {
            PlanStatus { from_revision: newest.number, verdict: Some(verdict), ..PlanStatus::default() }
        }
    };
    let patch = json!({"status": status});
    api.patch_status(&plan.name_any(), &PatchParams::default(), &Patch::Merge(&patch)).await?;
    Ok(Action::requeue(LIFETIME))
}

fn shown(draft: &Draft, newest: &Newest) -> PlanStatus {
    let from = newest.stored.as_ref().map(|stored| &stored.revision);
    PlanStatus {
        hash: Some(draft.hash.clone()),
        from_revision: newest.number,
        digests: draft.revision.digests.clone(),
        changes: changes::between(from, &draft.revision),
        notes: changes::notes(from, &draft.revision),
        demand: DemandChange {
            from: from.map(demand::of).unwrap_or_default(),
            to: demand::of(&draft.revision),
        },
        verdict: None,
    }
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

async fn sweep(plan: &Plan, api: &Api<Plan>) -> Result<Action, Error> {
    let made = plan.metadata.creation_timestamp.as_ref().map_or_else(Timestamp::now, |time| time.0);
    let age = Timestamp::now().duration_since(made).unsigned_abs();
    if age < LIFETIME {
        return Ok(Action::requeue(LIFETIME.saturating_sub(age) + Duration::from_secs(1)));
    }
    match api.delete(&plan.name_any(), &DeleteParams::default()).await {
        Err(error) if !apply::error::is_status(&error, 404) => Err(error.into()),
        _ => Ok(Action::await_change()),
    }
}
