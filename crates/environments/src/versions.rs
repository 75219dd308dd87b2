//! Answers VersionQueries: which versions of a component its registry has, read with the credentials that serve the class. Changes
//! nothing, and reads no repository but the project's own.

use std::sync::Arc;
use std::time::{Duration, Instant};

use api::{Cause, Project, RegistryVersion, Verdict, VersionQuery, VersionQueryStatus, marks, version_query};
use futures::{StreamExt, stream};
use kube::ResourceExt;
use kube::api::{Api, Patch, PatchParams};
use kube::runtime::controller::Action;
use serde_json::json;
use tokio::time::timeout;

use crate::context::Context;
use crate::draft;
use crate::error::Error;
use crate::plan::{pull, versions};
use crate::questions::{LIFETIME, is_over, sweep};
use crate::registry::repository::Repository;
use crate::registry::shelf::{Asker, IMAGES_AT_ONCE, List, Shelf};
use crate::registry::{Failure, image, tags};
use crate::revisions::Revisions;

/// So many questions are answered at the same time: a slow registry is nobody else's delay but theirs who ask about registries.
pub const AT_ONCE: u16 = 4;
/// Those of a namespace that has its share wait so long at a time, and take no place meanwhile.
const AGAIN: Duration = Duration::from_millis(500);
/// Nobody who types waits longer for a list …
const LISTING: Duration = Duration::from_secs(20);
/// … and then for what its images say.
const LOOKING: Duration = Duration::from_secs(10);

pub async fn reconcile(query: Arc<VersionQuery>, context: Arc<Context>) -> Result<Action, Error> {
    if query.metadata.deletion_timestamp.is_some() {
        return Ok(Action::await_change());
    }
    let control = query.namespace().unwrap_or_default();
    let api = Api::<VersionQuery>::namespaced(context.client.clone(), &control);
    if query.status.is_some() || is_over(query.as_ref()) {
        return sweep(query.as_ref(), &api).await;
    }
    let Some(_seat) = context.seats.take(&control) else { return Ok(Action::requeue(AGAIN)) };
    let status = match repository(&query, &control, &context).await? {
        Ok(repository) => answer(&query, &control, repository, &context).await?,
        Err(verdict) => VersionQueryStatus { verdict: Some(*verdict), ..VersionQueryStatus::default() },
    };
    let patch = json!({"status": status});
    api.patch_status(&query.name_any(), &PatchParams::default(), &Patch::Merge(&patch)).await?;
    Ok(Action::requeue(LIFETIME))
}

/// Which repository is meant: the project says so, not whoever asks.
async fn repository(
    query: &VersionQuery,
    control: &str,
    context: &Context,
) -> Result<Result<String, Box<Verdict>>, Error> {
    let asked = &query.spec;
    let refuse = |cause: Cause, message: String, fix: &str| {
        let about = format!("component {}", asked.component);
        let fix = fix.to_owned();
        let verdict = Verdict { cause, about, message, evidence: vec![], fix, terminal: true, holds: false };
        Ok(Err(Box::new(verdict)))
    };
    let projects = Api::<Project>::namespaced(context.client.clone(), control);
    let Some(project) = projects.get_opt(&asked.project).await? else {
        let message = format!("there is no project {} in namespace {control}", asked.project);
        return refuse(Cause::ProjectNotFound, message, "apply it first: outboard project apply");
    };
    // Secrets are annotated for classes by name; one that the project does not have is nobody's.
    if !project.spec.class_names().contains(&asked.class.as_str()) {
        let message = format!("project {} has no class {}", asked.project, asked.class);
        return refuse(Cause::Invalid, message, "choose a class that `outboard project list` shows");
    }
    let component = match &asked.project_revision {
        None => project.spec.components.get(&asked.component).cloned(),
        Some(name) => {
            let revisions = Revisions::new(&context.client, control, &context.settings.install);
            let found = revisions.project(name).await?.filter(|found| found.project == asked.project);
            let Some(mut found) = found else {
                let message = format!("project {} has no revision {name}", asked.project);
                return refuse(
                    Cause::RevisionNotFound,
                    message,
                    "choose one that `outboard project list` shows",
                );
            };
            found.spec.components.remove(&asked.component)
        }
    };
    match component {
        Some(component) => Ok(Ok(component.image)),
        None => {
            let message = format!("project {} has no component {}", asked.project, asked.component);
            refuse(Cause::Invalid, message, "choose a component that `outboard project list` shows")
        }
    }
}

async fn answer(
    query: &VersionQuery,
    control: &str,
    repository: String,
    context: &Context,
) -> Result<VersionQueryStatus, Error> {
    let asked = &query.spec;
    let credentials = draft::credentials(control, &asked.class, context).await?.unwrap_or_default();
    let (settings, aws) = (&context.settings, &context.aws);
    let refused = |failure| {
        let verdict = Some(unread(&asked.component, &repository, failure));
        Ok(VersionQueryStatus { repository: repository.clone(), verdict, ..VersionQueryStatus::default() })
    };
    let asker =
        Asker { control: control.to_owned(), class: asked.class.clone(), repository: repository.clone() };
    let asker = Arc::new(asker);
    // Whoever asks the same at the same time has that answer, too.
    let turn = context.seats.turn(&asker).await;
    let now = Instant::now();
    if let Some(Err(failure)) = context.shelf.list(&asker, now) {
        return refused(failure);
    }
    let listing = async {
        let opened = Repository::open(&repository, settings, &credentials, aws).await?;
        let list = context.shelf.listed(&asker, now, tags::read(&opened)).await?;
        Ok::<_, Failure>((opened, list))
    };
    let late = || Failure::Unreachable(format!("its tags were not all there within {} s", LISTING.as_secs()));
    let listed = timeout(LISTING, listing).await.unwrap_or_else(|_| Err(late()));
    let (opened, list) = match listed {
        Ok(both) => both,
        Err(failure) => {
            context.shelf.put((*asker).clone(), Err(failure.clone()), Instant::now());
            return refused(failure);
        }
    };
    drop(turn);
    let said = asked.matching.as_deref().unwrap_or_default();
    let matching = versions::matching(&list.tags.names, said);
    let limit = usize::from(asked.limit.clamp(1, version_query::MOST));
    let (chosen, more) = versions::candidates(&matching, limit, version_query::MOST.into());
    let (mut found, mut notes) = look(&opened, &chosen, &list, (&asker, &context.shelf), said).await;
    found.truncate(limit);
    if more {
        let (many, all) = (chosen.len(), matching.len());
        notes.push(format!(
            "of tags that are no versions only their images tell which is newer: {many} of the {all} that match were looked at, and a newer one may be among the others; narrow what you look for"
        ));
    }
    if list.tags.cut {
        let many = list.tags.names.len();
        notes.push(format!(
            "the registry has more tags than the {many} that were looked at; any other can be chosen by its name"
        ));
    }
    Ok(VersionQueryStatus {
        repository,
        versions: found,
        matching: i64::try_from(matching.len()).unwrap_or(i64::MAX),
        tags: i64::try_from(list.tags.names.len()).unwrap_or(i64::MAX),
        notes,
        verdict: None,
    })
}

/// What the images of these tags say. What can't be read for now leaves the tag as it is.
async fn look(
    repository: &Repository<'_>,
    chosen: &[&str],
    list: &List,
    known: (&Arc<Asker>, &Shelf),
    said: &str,
) -> (Vec<RegistryVersion>, Vec<String>) {
    let mut found: Vec<Option<RegistryVersion>> = chosen
        .iter()
        .map(|tag| Some(RegistryVersion { tag: (*tag).to_owned(), ..RegistryVersion::default() }))
        .collect();
    let looks = stream::iter(0..chosen.len())
        .map(|place| async move { (place, one(repository, chosen[place], list, known).await) });
    let mut looks = std::pin::pin!(looks.buffer_unordered(IMAGES_AT_ONCE));
    let mut why = None;
    let looking = async {
        while let Some((place, outcome)) = looks.next().await {
            match outcome {
                Ok(version) => found[place] = version,
                Err(failure) => {
                    // It would be told the same of all others, unless it is this image alone.
                    let ends = !matches!(
                        failure,
                        Failure::Missing | Failure::Unreachable(_) | Failure::Malformed(_)
                    );
                    why = Some(failure);
                    if ends {
                        return;
                    }
                }
            }
        }
    };
    if timeout(LOOKING, looking).await.is_err() {
        why = Some(Failure::Unreachable(format!("they were not all read within {} s", LOOKING.as_secs())));
    }
    let notes = why.map(|failure| {
        let words = match failure {
            Failure::Limited(words) if words.is_empty() => "its rate limit is reached".to_owned(),
            Failure::Limited(words) => format!("its rate limit is reached ({words})"),
            Failure::Unreachable(words) | Failure::Malformed(words) => words,
            Failure::Denied | Failure::NoRight | Failure::NoLogin(_) => {
                "it lets us list tags alone".to_owned()
            }
            Failure::Missing => "they are gone".to_owned(),
        };
        format!("of some versions the registry gave no more than the tag: {words}")
    });
    let mut found: Vec<RegistryVersion> = found.into_iter().flatten().collect();
    versions::by_date(&mut found, said);
    (found, notes.into_iter().collect())
}

/// One tag; none: it is gone.
async fn one(
    repository: &Repository<'_>,
    tag: &str,
    list: &List,
    (asker, shelf): (&Arc<Asker>, &Shelf),
) -> Result<Option<RegistryVersion>, Failure> {
    // What is known waits for nobody.
    if let Some(Some(digest)) = list.digest(tag)
        && let Some(says) = shelf.says(asker, &digest)
    {
        return Ok(Some(says.into_version(tag.to_owned(), Some(digest))));
    }
    let _place = shelf.look().await;
    let digest = match list.digest(tag) {
        Some(known) => known,
        None => {
            let digest = image::digest(repository, tag).await?;
            list.learn(tag, digest.clone());
            digest
        }
    };
    let Some(digest) = digest else { return Ok(None) };
    let says = image::says(repository, &digest, asker, shelf).await?;
    Ok(Some(says.into_version(tag.to_owned(), Some(digest))))
}

/// The verdict on a repository that cannot be listed. None of them holds anything up: a version can be chosen by its name.
fn unread(component: &str, repository: &str, failure: Failure) -> Verdict {
    let looked =
        format!("looked for credentials in Secret {}, annotated {}: CLASS or *", pull::NAME, marks::CLASSES);
    let (cause, message, evidence, fix, terminal) = match failure {
        Failure::Missing => (
            Cause::ImageNotFound,
            format!("the registry has no repository {repository}"),
            vec![],
            "push a first image to it, or correct the component's image in outboard.yaml",
            true,
        ),
        Failure::Denied => (
            Cause::ImageDenied,
            format!("the registry does not let us list {repository}"),
            vec![looked],
            "check the image's name, or put credentials that may list it into that Secret of the control namespace",
            true,
        ),
        Failure::NoRight => (
            Cause::ImageDenied,
            format!("AWS does not let the operator's role list {repository}"),
            vec![format!("Secret {} of the control namespace has no entry for this registry", pull::NAME)],
            "let the role do ecr:ListImages on the repository, besides what it needs to see images",
            true,
        ),
        Failure::NoLogin(why) => {
            let verdict = draft::no_login(&format!("component {component}"), repository, &why);
            return Verdict { holds: false, ..verdict };
        }

        Failure::Limited(why) => (
            Cause::RateLimited,
            format!("the registry of {repository} refuses for now: its rate limit is reached"),
            Some(why).filter(|why| !why.is_empty()).into_iter().collect(),
            "ask again later; with credentials in Secret outboard-registries the limit is usually higher",
            false,
        ),
        Failure::Unreachable(why) => (
            Cause::RegistryUnreachable,
            format!("the registry of {repository} cannot be read"),
            vec![why],
            "ask again later; a version can be chosen by its name all the same",
            false,
        ),
        Failure::Malformed(why) => (
            Cause::Invalid,
            format!("`{repository}` is no repository of images"),
            vec![why],
            "correct the component's image in outboard.yaml",
            true,
        ),
    };
    let about = format!("component {component}");
    Verdict { cause, about, message, evidence, fix: fix.to_owned(), terminal, holds: false }
}
