//! Which revision an environment is to have: the one it has, a new one drafted for what it asks now, or the one
//! before because what it asks was refused. Never touches what runs.

use api::{Cause, Environment, EnvironmentSpec, Verdict};
use k8s_openapi::jiff::Timestamp;
use kube::ResourceExt;
use tracing::info;

use crate::context::Context;
use crate::draft::{self, Request};
use crate::error::Error;
use crate::plan::decide;
use crate::retention;
use crate::revisions::{Revisions, Stored};

/// The revision to apply, and why the spec was refused if it was: then an earlier one goes on being kept.
pub struct Wanted {
    pub stored: Option<Stored>,
    pub refusal: Option<Verdict>,
}

impl Wanted {
    /// Whether changes by hand are to be kept and are not yet: to heal now would undo them.
    pub fn is_to_keep(&self, spec: &EnvironmentSpec) -> bool {
        spec.keeps.is_some() && self.stored.as_ref().is_none_or(|stored| stored.revision.keeps != spec.keeps)
    }
}

/// `is_there`: whether its namespace is.
pub async fn revision(
    environment: &Environment,
    revisions: &Revisions,
    frozen: Option<Timestamp>,
    is_there: bool,
    context: &Context,
) -> Result<Wanted, Error> {
    let (name, spec) = (environment.name_any(), &environment.spec);
    let control = environment.namespace().unwrap_or_default();
    let project = context.watches.project(&control, &spec.project);
    if let Some(refusal) = context.owners.admit(environment, project.as_deref(), is_there) {
        return Ok(Wanted { stored: None, refusal: Some(refusal) });
    }
    let hint = environment.status.as_ref().and_then(|status| status.revision);
    let at_hand = hint.and_then(|number| context.underway.revision(environment, number));
    if let Some(stored) = at_hand.filter(|stored| decide::is_current(spec, &stored.revision)) {
        return Ok(Wanted { stored: Some(stored), refusal: None });
    }
    let mut newest = revisions.newest(&spec.project, &name, hint).await?;
    if hint.is_some()
        && newest.stored.as_ref().is_none_or(|stored| !decide::is_current(spec, &stored.revision))
    {
        // The status may be behind: a run that was killed may have stored one more.
        let last = newest.number;
        newest = revisions.newest(&spec.project, &name, None).await?;
        newest.number = newest.number.max(last);
    }
    if newest.stored.as_ref().is_some_and(|stored| stored.retired) {
        // An environment of this name was destroyed, and this one goes on where it ended: nothing may be swept any more.
        retention::end(&context.client, &control, &spec.project, &name).await?;
    }
    if let Some(stored) = newest.stored.as_ref().filter(|stored| decide::is_current(spec, &stored.revision)) {
        context.underway.remember(environment, stored);
        return Ok(Wanted { stored: newest.stored, refusal: None });
    }
    if let Some(until) = frozen {
        return Ok(Wanted { stored: newest.stored, refusal: Some(waits(&name, until)) });
    }
    let request = Request { name: &name, control: &control, spec, refresh: &[] };
    let drafted = draft::make(&request, &newest, revisions, context).await?;
    let drafted =
        drafted.and_then(|draft| match spec.change.as_ref().and_then(|change| change.plan.as_ref()) {
            Some(shown) if *shown != draft.hash => Err(stale(&name)),
            _ => Ok(draft),
        });
    let draft = match drafted {
        Ok(draft) => draft,
        Err(verdict) => return Ok(Wanted { stored: newest.stored, refusal: Some(verdict) }),
    };
    let stored = revisions.store(&draft.project, &name, &newest, draft.revision).await?;
    info!(environment = %name, revision = stored.number, "stored revision {} of {name}", stored.number);
    let settled = environment.status.as_ref().and_then(|status| status.settled_revision);
    revisions.expire(&name, stored.number, settled).await?;
    Ok(Wanted { stored: Some(stored), refusal: None })
}

/// The verdict on a change during a freeze.
fn waits(environment: &str, until: Timestamp) -> Verdict {
    Verdict {
        cause: Cause::Frozen,
        about: format!("environment {environment}"),
        message: format!("frozen until {until}: the change waits"),
        evidence: vec![],
        fix: format!("it follows when the freeze ends; end it now with outboard env thaw {environment}"),
        terminal: true,
        holds: true,
    }
}

/// The verdict on a change whose plan no longer holds.
fn stale(environment: &str) -> Verdict {
    Verdict {
        cause: Cause::PlanStale,
        about: format!("environment {environment}"),
        message: "what would be applied is no longer what the plan showed".to_owned(),
        evidence: vec![],
        fix: "nothing was changed; ask for it again to see the new plan".to_owned(),
        terminal: true,
        holds: false,
    }
}
