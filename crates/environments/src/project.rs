//! Reconciles a Project: checks it and stores its revision. Changes no environment.

use std::sync::Arc;
use std::time::Duration;

use api::marks::ProjectOwner;
use api::{Project, ProjectRevision, ProjectStatus};
use kube::ResourceExt;
use kube::api::{Api, Patch, PatchParams};
use kube::runtime::controller::Action;
use serde_json::json;
use tracing::warn;

use crate::access;
use crate::context::Context;
use crate::error::Error;
use crate::plan::{self, validate};
use crate::revisions::Revisions;

/// A project is looked at again after this long, should an event have been missed.
const RESYNC: Duration = Duration::from_secs(300);

/// How soon to look again at a project that nothing can be stored for.
const GOING: Duration = Duration::from_secs(10);

pub async fn reconcile(project: Arc<Project>, context: Arc<Context>) -> Result<Action, Error> {
    if project.metadata.deletion_timestamp.is_some() {
        return Ok(Action::await_change());
    }
    let namespace = project.namespace().unwrap_or_default();
    let people = people(&project, &namespace, &context).await;
    // Rights that cannot be given now keep no revision from being stored; they are tried again soon.
    let (access, again) = match people {
        Ok(access) => (access, RESYNC),
        Err(error) => (Some(format!("people may not have the rights that `access` says: {error}")), GOING),
    };
    let problems = validate::project(&project.name_any(), &project.spec);
    let generation = project.metadata.generation.unwrap_or(0);
    let previous = project.status.as_ref().and_then(|status| status.revision.clone());
    let status = if problems.is_empty() {
        let revision = ProjectRevision { project: project.name_any(), spec: project.spec.of_environments() };
        let revisions = Revisions::new(&context.client, &namespace, &context.settings.install);
        let name = match revisions.store_project(&project, &revision).await {
            // Its namespace is going and the project with it, or a right is missing: neither passes in a moment.
            Err(Error::Kube(error)) if apply::error::is_status(&error, 403) => {
                warn!(%namespace, "cannot store a revision of {} for now: {error}", project.name_any());
                return Ok(Action::requeue(GOING));
            }
            stored => stored?,
        };
        ProjectStatus { observed_generation: generation, revision: Some(name), problem: None, access }
    } else {
        let all: Vec<String> =
            problems.iter().map(|problem| format!("{}: {}", problem.pointer, problem.message)).collect();
        ProjectStatus {
            observed_generation: generation,
            revision: previous,
            problem: Some(all.join("; ")),
            access,
        }
    };
    if project.status.as_ref() != Some(&status) {
        let api = Api::<Project>::namespaced(context.client.clone(), &namespace);
        // Explicit nulls: a merge patch keeps what it does not name.
        let patch = json!({"status": {
            "observedGeneration": status.observed_generation, "revision": status.revision, "problem": status.problem,
            "access": status.access,
        }});
        api.patch_status(&project.name_any(), &PatchParams::default(), &Patch::Merge(&patch)).await?;
    }
    Ok(Action::requeue(again))
}

/// Who may do what here, also while the rest of the project is wrong; why somebody does not get the rights of `access`.
async fn people(project: &Project, namespace: &str, context: &Context) -> Result<Option<String>, Error> {
    let owner = ProjectOwner {
        install: context.settings.install.clone(),
        control_namespace: namespace.to_owned(),
        project: project.name_any(),
    };
    let bindings = plan::access::control(&owner, project);
    let view = context.watches.view(namespace);
    let verdict = access::keep(namespace, &owner, &bindings, &view, context).await?;
    Ok(verdict.map(|verdict| format!("{}; {}", verdict.message, verdict.fix)))
}
