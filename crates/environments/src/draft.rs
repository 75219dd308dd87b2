//! Drafts the revision that a spec asks for: validated, its images resolved, rendered. Stores nothing, so that a
//! plan and the change it announces are made by the same hands.

use std::collections::BTreeMap;

use api::marks::Owner;
use api::revision::{EnvironmentRevision, short_hash};
use api::{Cause, Environment, EnvironmentSpec, Project, Verdict, marks};
use aws::Freshness;
use k8s_openapi::api::core::v1::Secret;
use kube::ResourceExt;
use kube::api::Api;

use crate::context::Context;
use crate::error::Error;
use crate::hosts;
use crate::keep;
use crate::plan::{bounds, images, logs, pull, render, restart, rotation, standard, validate};
use crate::registry::{self, Credentials, Failure};
use crate::revisions::{Newest, Revisions};
use crate::sources::{self, Keepers};

/// What a revision is asked for.
pub struct Request<'a> {
    pub name: &'a str,
    pub control: &'a str,
    pub spec: &'a EnvironmentSpec,
    /// Parts whose images are looked up anew.
    pub refresh: &'a [String],
}

/// A revision that could be stored.
pub struct Draft {
    pub project: Project,
    pub revision: EnvironmentRevision,
    /// Stands for it and for what it starts from: a plan that was shown carries the same.
    pub hash: String,
}

/// Drafts, or says why not.
pub async fn make(
    request: &Request<'_>,
    newest: &Newest,
    revisions: &Revisions,
    context: &Context,
) -> Result<Result<Draft, Verdict>, Error> {
    let Request { name, control, spec, .. } = *request;
    let refuse = |cause: Cause, message: String, evidence: Vec<String>, fix: String| {
        let about = format!("environment {name}");
        Ok(Err(Verdict { cause, about, message, evidence, fix, terminal: true, holds: false }))
    };
    let Some(project) =
        Api::<Project>::namespaced(context.client.clone(), control).get_opt(&spec.project).await?
    else {
        let message = format!("there is no project {} in namespace {control}", spec.project);
        let fix = "apply it first: outboard project apply".to_owned();
        return refuse(Cause::ProjectNotFound, message, vec![], fix);
    };
    if let Some(number) = spec.restores.filter(|_| spec.keeps.is_none()) {
        return match restored(request, number, newest, revisions).await? {
            Ok(revision) => finish(project, revision, request, newest, context).await,
            Err(verdict) => Ok(Err(verdict)),
        };
    }
    if let Some(number) = spec.keeps {
        return match keep::revision(request, number, newest, context).await? {
            Ok(revision) => finish(project, revision, request, newest, context).await,
            Err(verdict) => Ok(Err(verdict)),
        };
    }
    let found = revisions.project(&spec.project_revision).await?;
    let Some(found) = found.filter(|found| found.project == spec.project) else {
        let message = format!("project {} has no revision {}", spec.project, spec.project_revision);
        let fix = "choose one that `outboard project list` shows".to_owned();
        return refuse(Cause::RevisionNotFound, message, vec![], fix);
    };
    let validated = match validate::environment(name, spec, &found) {
        Ok(validated) => validated,
        Err(problems) => {
            let evidence = problems.iter().filter_map(|problem| problem.hint.clone()).collect();
            let message: Vec<String> = problems.iter().map(|problem| problem.message.clone()).collect();
            let fix = format!("correct it with outboard env set {name} …");
            return refuse(Cause::Invalid, message.join("; "), evidence, fix);
        }
    };
    let references = images::references(&validated);
    let before = newest.stored.as_ref().map(|stored| &stored.revision);
    let (mut digests, unknown) = images::resolve(&references, spec, before, request.refresh);
    let credentials = credentials(control, &spec.class, context).await?;
    let pulls = credentials.is_some();
    if !unknown.is_empty() {
        let credentials = credentials.unwrap_or_default();
        let answers =
            registry::digests(unknown.into_iter().collect(), &context.settings, &credentials, &context.aws)
                .await;
        for (reference, answer) in answers {
            match answer {
                Ok(digest) => drop(digests.insert(reference, digest)),
                Err(failure) => {
                    let part = references
                        .iter()
                        .find(|(_, image)| **image == reference)
                        .map_or("", |(part, _)| part);
                    return Ok(Err(unresolved(part, &reference, failure)));
                }
            }
        }
    }
    let mut revision = render::revision(&validated, &context.settings, &digests, control, pulls);
    if let Some(before) = before {
        logs::keep_images(&mut revision, before);
    }
    finish(project, revision, request, newest, context).await
}

/// The draft, if everything can be had that others keep, and no host of it is another's.
async fn finish(
    project: Project,
    revision: EnvironmentRevision,
    request: &Request<'_>,
    newest: &Newest,
    context: &Context,
) -> Result<Result<Draft, Verdict>, Error> {
    let owner = Owner {
        install: context.settings.install.clone(),
        control_namespace: request.control.to_owned(),
        project: revision.project.clone(),
        environment: request.name.to_owned(),
    };
    // Whoever asks may have mended just now what was told a moment ago.
    let keepers = Keepers { client: &context.client, aws: &context.aws, freshness: Freshness::Anew };
    let sources = sources::read(keepers, &owner, &revision.class, &revision.secrets).await?;
    let before = newest.stored.as_ref().map(|stored| &stored.revision);
    let lacking = sources.verdict(&revision.secrets, &owner, &revision.class);
    let refused = lacking
        .or_else(|| standard::verdict(request.name, &revision, before))
        .or_else(|| bounds::verdict(request.name, &revision));
    let refused = match refused {
        None => rotating(request, &revision, context).await?,
        refused => refused,
    };
    let refusal = match refused {
        None => hosts::refusal(&revision, &owner, context).await?,
        refused => refused,
    };
    Ok(match refusal {
        Some(verdict) => Err(verdict),
        None => Ok(Draft { project, hash: hash(newest, &revision), revision }),
    })
}

/// Why it has to wait until a password is changed.
async fn rotating(
    request: &Request<'_>,
    revision: &EnvironmentRevision,
    context: &Context,
) -> Result<Option<Verdict>, Error> {
    if rotation::untold(revision).next().is_none() {
        return Ok(None);
    }
    let found = Api::<Environment>::namespaced(context.client.clone(), request.control);
    let status = found.get_opt(request.name).await?.and_then(|found| found.status).unwrap_or_default();
    Ok(rotation::waits(request.name, revision, &status.rotations))
}

fn hash(newest: &Newest, revision: &EnvironmentRevision) -> String {
    short_hash(&(newest.number, revision.content_hash()), 16)
}

/// An earlier revision as it was, without its jobs: what they did to the data is done.
async fn restored(
    request: &Request<'_>,
    number: i64,
    newest: &Newest,
    revisions: &Revisions,
) -> Result<Result<EnvironmentRevision, Verdict>, Error> {
    let Request { name, spec, .. } = *request;
    let refuse = |cause: Cause, message: String, fix: String| {
        let about = format!("environment {name}");
        Ok(Err(Verdict { cause, about, message, evidence: vec![], fix, terminal: true, holds: false }))
    };
    let history = format!("outboard env history {name} lists those that can be had");
    let Some(old) = revisions.get(name, number).await?.filter(|old| old.revision.project == spec.project)
    else {
        let message = if number > newest.number {
            format!("{name} has no revision {number} yet")
        } else {
            format!("revision {number} of {name} is no longer kept")
        };
        return refuse(Cause::RevisionNotFound, message, history);
    };
    if !old.ready {
        return refuse(Cause::Invalid, format!("revision {number} of {name} was never ready"), history);
    }
    let same = old.revision.project_revision == spec.project_revision
        && old.revision.requested == spec.versions
        && old.revision.overrides == spec.overrides
        && old.revision.class == spec.class;
    if !same {
        let message = format!("the settings are not those of revision {number}, which they are to restore");
        return refuse(
            Cause::Invalid,
            message,
            format!("outboard env rollback {name} --to {number} sets both"),
        );
    }
    let mut revision = EnvironmentRevision {
        restores: Some(number),
        keeps: None,
        restarts: spec.restarts.clone(),
        change: spec.change.clone(),
        ..old.revision
    };
    revision.parts.retain(|part| !part.role.completes());
    restart::stamp(&mut revision.parts, &spec.restarts);
    Ok(Ok(revision))
}

/// Credentials for registries, if the control namespace keeps any for this class.
pub(crate) async fn credentials(
    control: &str,
    class: &str,
    context: &Context,
) -> Result<Option<Credentials>, Error> {
    let secrets = Api::<Secret>::namespaced(context.client.clone(), control);
    let Some(secret) = secrets.get_opt(pull::NAME).await? else { return Ok(None) };
    let serves = marks::serves(secret.annotations().get(marks::CLASSES).map(String::as_str), class);
    let config = secret.data.as_ref().and_then(|data| data.get(pull::KEY)).filter(|_| serves);
    Ok(config.map(|config| Credentials::parse(&config.0)))
}

/// The verdict on an image without a digest. All of them hold: the operator goes on as soon as it can.
fn unresolved(part: &str, reference: &str, failure: Failure) -> Verdict {
    let about = format!("component {part}");
    let verdict = |cause, message, evidence: Vec<String>, fix: &str, terminal| Verdict {
        cause,
        about: about.clone(),
        message,
        evidence,
        fix: fix.to_owned(),
        terminal,
        holds: true,
    };
    match failure {
        Failure::Missing => verdict(
            Cause::ImageNotFound,
            format!("waiting for image {reference}: its registry has no such image"),
            vec![],
            "push the image and it goes on by itself, or choose a version that exists",
            true,
        ),
        Failure::Denied => verdict(
            Cause::ImageDenied,
            format!("the registry does not let us see image {reference}"),
            vec![format!(
                "looked for credentials in Secret {}, annotated {}: CLASS or *",
                pull::NAME,
                marks::CLASSES
            )],
            "check the image's name, or put credentials that may read it into that Secret of the control namespace",
            true,
        ),
        Failure::NoRight => verdict(
            Cause::ImageDenied,
            format!("AWS does not let the operator's role see image {reference}"),
            vec![format!("Secret {} of the control namespace has no entry for this registry", pull::NAME)],
            "let the role do ecr:BatchGetImage and ecr:GetDownloadUrlForLayer on the repository; one of another account \
             allows it in its own policy, too",
            true,
        ),
        Failure::NoLogin(why) => no_login(&about, reference, &why),
        Failure::Limited(why) => verdict(
            Cause::RateLimited,
            format!("the registry of image {reference} refuses for now: its rate limit is reached"),
            vec![why],
            "it is asked again until it answers; with credentials in Secret outboard-registries the limit is usually higher",
            false,
        ),
        Failure::Unreachable(why) => verdict(
            Cause::RegistryUnreachable,
            format!("the registry of image {reference} does not answer"),
            vec![why],
            "what runs goes on; the change follows as soon as the registry answers",
            false,
        ),
        Failure::Malformed(why) => Verdict {
            holds: false,
            ..verdict(
                Cause::Invalid,
                format!("`{reference}` is not an image reference"),
                vec![why],
                "correct the component's image in outboard.yaml",
                true,
            )
        },
    }
}

/// The verdict on an image of ECR, for which AWS gave no login.
pub(crate) fn no_login(about: &str, reference: &str, why: &aws::Failure) -> Verdict {
    let (words, fix) = match why {
        aws::Failure::NoCredentials(words) => (
            words.clone(),
            "give the operator a role: outboard install --aws-role ARN, or another of the guide's ways",
        ),
        aws::Failure::Denied(words) => {
            (words.clone(), "let the operator's role do ecr:GetAuthorizationToken")
        }
        aws::Failure::Throttled(words) | aws::Failure::Unreachable(words) => {
            (words.clone(), "what runs goes on; the change follows as soon as AWS answers")
        }
        other => (format!("{other:?}"), "put credentials that may read it into Secret outboard-registries"),
    };
    Verdict {
        cause: if why.passes() { Cause::RegistryUnreachable } else { Cause::ImageDenied },
        about: about.to_owned(),
        message: format!("AWS gives no login for the registry of image {reference}"),
        evidence: vec![
            words,
            format!("Secret {} of the control namespace has no entry for this registry", pull::NAME),
        ],
        fix: fix.to_owned(),
        terminal: !why.passes(),
        holds: true,
    }
}

/// Digests by reference, without those that other images were promoted with.
pub fn untested<'a>(revision: &'a EnvironmentRevision, tested: &BTreeMap<String, String>) -> Vec<&'a String> {
    revision
        .digests
        .iter()
        .filter(|(image, digest)| tested.get(*image) != Some(digest))
        .map(|(image, _)| image)
        .collect()
}
