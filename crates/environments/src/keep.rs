//! Drafts a revision that keeps what others changed by hand, from the newest one and what is there. Writes nothing.

use api::marks::Owner;
use api::revision::EnvironmentRevision;
use api::{Cause, Verdict};
use apply::kinds::Kind;
use apply::writer;
use k8s_openapi::jiff::Timestamp;
use kube::ResourceExt;
use kube::api::{Api, DynamicObject, ListParams};

use crate::context::Context;
use crate::draft::Request;
use crate::error::Error;
use crate::plan::hold::Hold;
use crate::plan::keep::{self, Live};
use crate::plan::restart;
use crate::revisions::{Newest, Stored};

/// The revision after number `number`, with what others changed since; or why there can be none.
pub async fn revision(
    request: &Request<'_>,
    number: i64,
    newest: &Newest,
    context: &Context,
) -> Result<Result<EnvironmentRevision, Verdict>, Error> {
    let Request { name, control, spec, .. } = *request;
    let refuse = |cause: Cause, message: String, fix: String| {
        let about = format!("environment {name}");
        Ok(Err(Verdict { cause, about, message, evidence: vec![], fix, terminal: true, holds: false }))
    };
    let again = format!("ask for it again: outboard env keep {name}");
    if spec.restores.is_some() {
        let message = "a revision is either restored or kept with changes by hand, not both".to_owned();
        return refuse(Cause::Invalid, message, again);
    }
    if let Some(hold) = Hold::of(&spec.overlays, Timestamp::now()) {
        let message = format!("{name} is {}: that nothing runs is nobody's change", hold.sentence());
        return refuse(
            Cause::Invalid,
            message,
            format!("keep it once it runs again: outboard env show {name}"),
        );
    }
    let Some(stored) = &newest.stored else {
        let message = format!("{name} has no revision yet, so nothing of it can have been changed");
        return refuse(
            Cause::RevisionNotFound,
            message,
            format!("outboard env show {name} says how far it is"),
        );
    };
    let same = stored.revision.project_revision == spec.project_revision
        && stored.revision.requested == spec.versions
        && stored.revision.overrides == spec.overrides
        && stored.revision.class == spec.class;
    if !same {
        let message =
            format!("the settings are not those of revision {}, which is to be kept", stored.number);
        return refuse(Cause::Invalid, message, again);
    }
    let mut revision = if stored.number == number {
        if !stored.ready {
            let message =
                format!("revision {number} has never been ready: what is missing may only not be there yet");
            let fix = format!(
                "outboard env show {name} says what it waits for; heal it with outboard env thaw {name} --heal"
            );
            return refuse(Cause::Invalid, message, fix);
        }
        match as_it_stands(stored, name, control, context).await? {
            Ok(revision) => revision,
            Err(verdict) => return Ok(Err(verdict)),
        }
    } else if stored.revision.keeps == Some(number) {
        // Kept already: it is asked for new pods of that.
        stored.revision.clone()
    } else {
        let message = format!("revision {number} is not the newest any more: that is {}", stored.number);
        return refuse(Cause::PlanStale, message, again);
    };
    // Only what was asked for since: a template is stamped anew only for new pods.
    let mut restarts = spec.restarts.clone();
    restarts.retain(|part, moment| stored.revision.restarts.get(part) != Some(moment));
    restart::stamp(&mut revision.parts, &restarts);
    revision.keeps = Some(number);
    revision.restarts.clone_from(&spec.restarts);
    revision.change.clone_from(&spec.change);
    Ok(Ok(revision))
}

async fn as_it_stands(
    stored: &Stored,
    name: &str,
    control: &str,
    context: &Context,
) -> Result<Result<EnvironmentRevision, Verdict>, Error> {
    let owner = Owner {
        install: context.settings.install.clone(),
        control_namespace: control.to_owned(),
        project: stored.revision.project.clone(),
        environment: name.to_owned(),
    };
    let namespace = format!("{}-{name}", stored.revision.project);
    let refuse = |message: String, fix: String| {
        Ok(Err(Verdict {
            cause: Cause::Invalid,
            about: format!("environment {name}"),
            message,
            evidence: vec![],
            fix,
            terminal: true,
            holds: false,
        }))
    };
    let objects = || stored.revision.parts.iter().flat_map(|part| &part.objects);
    let mut live = Live::new();
    // A job that has run is done with.
    let kept = |kind: &Kind| *kind != Kind::Job && objects().any(|object| object["kind"] == kind.name());
    for kind in Kind::ALL.into_iter().filter(kept) {
        let api = Api::<DynamicObject>::namespaced_with(context.client.clone(), &namespace, &kind.resource());
        for object in api.list(&ListParams::default()).await? {
            // What is on its way out is gone for whoever deleted it.
            if object.metadata.deletion_timestamp.is_none() {
                live.insert((kind, object.name_any()), object);
            }
        }
    }
    let wanted = |kind: Kind, name: &str| {
        objects().any(|object| object["kind"] == kind.name() && object["metadata"]["name"] == name)
    };
    let foreign = live.iter().find(|((kind, object), there)| {
        wanted(*kind, object) && !owner.owns(there.labels()) && !writer::wrote(there)
    });
    if let Some(((kind, object), _)) = foreign {
        return refuse(
            format!(
                "{} {object} was not made by this environment, so it cannot be kept as its own",
                kind.name()
            ),
            "remove or rename that object; outboard never takes over what it did not make".to_owned(),
        );
    }
    let revision = keep::revision(&stored.revision, &live, context.writer.managers());
    if revision.parts.iter().all(|part| part.role.completes()) {
        return refuse(
            format!("nothing of {name} is there any more"),
            format!("heal it with outboard env thaw {name} --heal, or destroy it"),
        );
    }
    Ok(Ok(revision))
}
