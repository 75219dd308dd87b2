//! Which revision an environment is to have: the one it has, a new one rendered for what it asks now, or the one
//! before because what it asks was refused. Never touches what runs.

use api::{Cause, Environment, Project, Verdict};
use kube::ResourceExt;
use kube::api::Api;
use tracing::info;

use crate::controller::Context;
use crate::error::Error;
use crate::plan::{decide, render, validate};
use crate::revisions::{Revisions, Stored};

/// The revision to apply, and why the spec was refused if it was: then an earlier one goes on being kept.
pub struct Wanted {
    pub stored: Option<Stored>,
    pub refusal: Option<Verdict>,
}

pub async fn revision(
    environment: &Environment,
    revisions: &Revisions,
    context: &Context,
) -> Result<Wanted, Error> {
    let (name, spec) = (environment.name_any(), &environment.spec);
    let hint = environment.status.as_ref().and_then(|status| status.revision);
    let mut newest = revisions.newest(&spec.project, &name, hint).await?;
    if hint.is_some()
        && newest.stored.as_ref().is_none_or(|stored| !decide::is_current(spec, &stored.revision))
    {
        // The status may be behind: a run that was killed may have stored one more.
        let last = newest.number;
        newest = revisions.newest(&spec.project, &name, None).await?;
        newest.number = newest.number.max(last);
    }
    if newest.stored.as_ref().is_some_and(|stored| decide::is_current(spec, &stored.revision)) {
        return Ok(Wanted { stored: newest.stored, refusal: None });
    }
    let refuse = |cause: Cause, message: String, evidence: Vec<String>, fix: String| {
        let verdict =
            Verdict { cause, about: format!("environment {name}"), message, evidence, fix, terminal: true };
        Wanted { stored: newest.stored.clone(), refusal: Some(verdict) }
    };
    let control = environment.namespace().unwrap_or_default();
    let Some(project) =
        Api::<Project>::namespaced(context.client.clone(), &control).get_opt(&spec.project).await?
    else {
        let message = format!("there is no project {} in namespace {control}", spec.project);
        return Ok(refuse(
            Cause::ProjectNotFound,
            message,
            vec![],
            "apply it first: outboard project apply".to_owned(),
        ));
    };
    let revision =
        revisions.project(&spec.project_revision).await?.filter(|found| found.project == spec.project);
    let Some(revision) = revision else {
        let message = format!("project {} has no revision {}", spec.project, spec.project_revision);
        let fix = "choose one that `outboard project list` shows".to_owned();
        return Ok(refuse(Cause::RevisionNotFound, message, vec![], fix));
    };
    match validate::environment(&name, spec, &revision) {
        Err(problems) => {
            let evidence = problems.iter().filter_map(|problem| problem.hint.clone()).collect();
            let message =
                problems.iter().map(|problem| problem.message.clone()).collect::<Vec<_>>().join("; ");
            Ok(refuse(
                Cause::Invalid,
                message,
                evidence,
                format!("correct it with outboard env set {name} …"),
            ))
        }
        Ok(validated) => {
            let rendered = render::revision(&validated, &context.settings, &control);
            let stored = revisions.store(&project, &name, newest.number, rendered).await?;
            info!(environment = %name, revision = stored.number, "stored revision {} of {name}", stored.number);
            Ok(Wanted { stored: Some(stored), refusal: None })
        }
    }
}
