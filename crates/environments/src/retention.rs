//! Keeps the revisions of destroyed environments for a stated time, then sweeps them, and volumes that were kept with them.
//!
//! Level-triggered: what a teardown did not write down, because the operator was off or somebody removed its finalizer,
//! the sweep finds. An environment of the same name that is made anew takes its revisions up by a write of each; so a
//! sweep that read them before gets a conflict and deletes nothing.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use api::Environment;
use api::marks::{self, Owner};
use apply::error::is_status;
use apply::{Claim, claim};
use k8s_openapi::api::apps::v1::ControllerRevision;
use k8s_openapi::api::core::v1::Namespace;
use k8s_openapi::jiff::{SignedDuration, Timestamp};
use kube::api::{Api, DeleteParams, ListParams, PartialObjectMeta, PostParams, Preconditions};
use kube::{Client, ResourceExt};
use tracing::{info, warn};

use crate::context::Context;
use crate::error::Error;
use crate::plan::retention::{self as plan, Life, Step};
use crate::volumes;

/// How often it is looked for what has been kept long enough.
const SWEEP: Duration = Duration::from_secs(300);
const SHORTEST: Duration = Duration::from_secs(1);
/// Revisions are large and many; only their names are read, and not all at once.
const PAGE: u32 = 500;

type Meta = PartialObjectMeta<ControllerRevision>;

/// Writes down on every revision of an environment until when it is kept; what is written already stays.
pub async fn begin(
    client: &Client,
    control: &str,
    project: &str,
    environment: &str,
    until: Timestamp,
) -> Result<(), Error> {
    write(client, control, project, environment, |object| {
        if kept_until(object.annotations()).is_some() {
            return false;
        }
        object.annotations_mut().insert(marks::KEPT_UNTIL.to_owned(), until.to_string());
        true
    })
    .await
}

/// Until when what is destroyed now is kept: as long as this installation says, and as volumes that were kept of it. Without
/// its revisions nobody could give those back.
pub async fn until(context: &Context, owner: &Owner) -> Result<Timestamp, Error> {
    let own = plan::until(Timestamp::now(), context.settings.retention);
    let kept = volumes::of(&context.client, owner).await?;
    Ok(kept.iter().map(|record| record.until.0).chain([own]).max().unwrap_or(own))
}

/// Takes that back: there is an environment of this name again.
pub async fn end(client: &Client, control: &str, project: &str, environment: &str) -> Result<(), Error> {
    write(client, control, project, environment, |object| {
        object.annotations_mut().remove(marks::KEPT_UNTIL).is_some()
    })
    .await
}

/// By PUT of what was read: a patch would make the API server write the data anew, and then refuse it as changed.
async fn write(
    client: &Client,
    control: &str,
    project: &str,
    environment: &str,
    change: impl Fn(&mut ControllerRevision) -> bool,
) -> Result<(), Error> {
    let api = Api::<ControllerRevision>::namespaced(client.clone(), control);
    let selector = format!(
        "{}=environment,{}={project},{}={environment}",
        marks::REVISION_OF,
        marks::PROJECT,
        marks::ENVIRONMENT
    );
    for mut object in api.list(&ListParams::default().labels(&selector)).await? {
        if change(&mut object) {
            api.replace(&object.name_any(), &PostParams::default(), &object).await?;
        }
    }
    Ok(())
}

fn kept_until(annotations: &BTreeMap<String, String>) -> Option<Timestamp> {
    annotations.get(marks::KEPT_UNTIL)?.parse().ok()
}

/// Sweeps for ever. What fails is tried again at the next time.
pub async fn run(context: Arc<Context>) {
    loop {
        if let Err(error) = sweep(&context).await {
            warn!(%error, "cannot sweep revisions of destroyed environments, trying again later");
        }
        let due = volumes::sweep(&context).await.unwrap_or_else(|error| {
            warn!(%error, "cannot look for what was kept long enough, trying again later");
            None
        });
        let most = SWEEP.min(context.settings.retention.max(SHORTEST));
        let due =
            due.map(|due| due.duration_since(Timestamp::now()).max(SignedDuration::ZERO).unsigned_abs());
        tokio::time::sleep(due.map_or(most, |due| (due + SHORTEST).min(most))).await;
    }
}

/// One look at the revisions of all environments.
async fn sweep(context: &Context) -> Result<(), Error> {
    let known = environments(context).await?;
    for (owner, revisions) in groups(context).await? {
        let now = Timestamp::now();
        let ends = || revisions.iter().map(|revision| kept_until(revision.annotations()));
        let Owner { control_namespace, project, environment, .. } = &owner;
        let lives = known.contains(&(control_namespace.clone(), project.clone(), environment.clone()));
        let in_order = match lives {
            true => ends().all(|until| until.is_none()),
            false => ends().all(|until| until.is_some_and(|until| until > now)),
        };
        // Nearly always: then nothing more is asked.
        if in_order {
            continue;
        }
        if let Err(error) = settle(context, &owner, &revisions, now).await {
            // One that cannot be settled keeps none of the others.
            warn!(%environment, %error, "cannot sweep the revisions of {environment}");
        }
    }
    Ok(())
}

/// Does what is to be done about the revisions of one environment.
async fn settle(context: &Context, owner: &Owner, revisions: &[Meta], now: Timestamp) -> Result<(), Error> {
    let life = life(context, owner).await?;
    // One run that was cut off has counted some of them: the others go with those.
    let counting = revisions.iter().filter_map(|revision| kept_until(revision.annotations())).max();
    let until = match counting {
        Some(until) => until,
        None => until(context, owner).await?,
    };
    let Owner { control_namespace: control, project, environment, .. } = owner;
    let steps: Vec<(&Meta, Step)> = revisions
        .iter()
        .map(|revision| (revision, plan::step(life, kept_until(revision.annotations()), now)))
        .collect();
    let any = |wanted: Step| steps.iter().any(|(_, step)| *step == wanted);
    if any(Step::End) {
        return end(&context.client, control, project, environment).await;
    }
    if any(Step::Begin) {
        info!(%environment, "{environment} is gone: its revisions are kept until {until}");
        return begin(&context.client, control, project, environment, until).await;
    }
    let due = steps.iter().filter(|(_, step)| *step == Step::Delete).map(|(revision, _)| *revision);
    delete(context, control, environment, due.collect()).await
}

/// Namespace, project and name.
type Key = (String, String, String);

/// Every environment that there is. Listed, not watched: it is asked for rarely, and must not wait for a watch.
async fn environments(context: &Context) -> Result<BTreeSet<Key>, Error> {
    let api = Api::<Environment>::all(context.client.clone());
    let mut params = ListParams::default().limit(PAGE);
    let mut known = BTreeSet::new();
    loop {
        let page = match api.list(&params).await {
            Err(error) if is_status(&error, 404) => return Ok(known),
            page => page?,
        };
        let next = page.metadata.continue_.clone().filter(|token| !token.is_empty());
        for found in page.items {
            known.insert((
                found.namespace().unwrap_or_default(),
                found.spec.project.clone(),
                found.name_any(),
            ));
        }
        match next {
            Some(token) => params = params.continue_token(&token),
            None => return Ok(known),
        }
    }
}

/// Revisions by the environment that they are of.
async fn groups(context: &Context) -> Result<Vec<(Owner, Vec<Meta>)>, Error> {
    let install = &context.settings.install;
    let selector = format!("{}=environment,{}={install}", marks::REVISION_OF, marks::INSTALL);
    let api = Api::<ControllerRevision>::all(context.client.clone());
    let mut params = ListParams::default().labels(&selector).limit(PAGE);
    let mut groups: BTreeMap<Key, Vec<Meta>> = BTreeMap::new();
    loop {
        let page = api.list_metadata(&params).await?;
        let next = page.metadata.continue_.clone().filter(|token| !token.is_empty());
        for revision in page.items {
            let label = |key: &str| revision.labels().get(key).cloned();
            if let (Some(control), Some(project), Some(environment)) =
                (revision.namespace(), label(marks::PROJECT), label(marks::ENVIRONMENT))
            {
                groups.entry((control, project, environment)).or_default().push(revision);
            }
        }
        match next {
            Some(token) => params = params.continue_token(&token),
            None => break,
        }
    }
    let owner = |(control_namespace, project, environment)| Owner {
        install: install.clone(),
        control_namespace,
        project,
        environment,
    };
    Ok(groups.into_iter().map(|(key, revisions)| (owner(key), revisions)).collect())
}

/// Asked of the API server itself: a watch may be behind.
async fn life(context: &Context, owner: &Owner) -> Result<Life, Error> {
    let environments = Api::<Environment>::namespaced(context.client.clone(), &owner.control_namespace);
    let found = environments.get_opt(&owner.environment).await?;
    if let Some(found) = found.filter(|found| found.spec.project == owner.project) {
        return Ok(match found.metadata.deletion_timestamp {
            Some(_) => Life::BeingDestroyed,
            None => Life::Lives,
        });
    }
    // Without its Environment a namespace that is ours was let go of: a later Environment takes it up with its past.
    let name = format!("{}-{}", owner.project, owner.environment);
    let namespace = Api::<Namespace>::all(context.client.clone()).get_opt(&name).await?;
    Ok(match namespace.map(|namespace| claim::judge(&namespace, owner)) {
        Some(Claim::Held { .. }) => Life::Lives,
        Some(Claim::Terminating) => Life::BeingDestroyed,
        Some(Claim::Taken { .. }) | None => Life::Gone,
    })
}

/// The oldest first, so that the highest number is known to the last; each only as it was read.
async fn delete(
    context: &Context,
    control: &str,
    environment: &str,
    mut due: Vec<&Meta>,
) -> Result<(), Error> {
    let api = Api::<ControllerRevision>::namespaced(context.client.clone(), control);
    due.sort_by_key(|revision| number(revision, environment));
    for revision in &due {
        let as_read = Preconditions { uid: revision.uid(), resource_version: revision.resource_version() };
        let params = DeleteParams { preconditions: Some(as_read), ..DeleteParams::default() };
        match api.delete(&revision.name_any(), &params).await {
            Ok(_) => {}
            Err(error) if is_status(&error, 404) => {}
            // Somebody took it up meanwhile.
            Err(error) if is_status(&error, 409) => return Ok(()),
            Err(error) => return Err(error.into()),
        }
    }
    if !due.is_empty() {
        info!(%environment, "swept {} revisions of {environment}, which is long gone", due.len());
    }
    Ok(())
}

fn number(revision: &Meta, environment: &str) -> i64 {
    let name = revision.name_any();
    let digits = name.strip_prefix(environment).and_then(|rest| rest.strip_prefix("-r"));
    digits.and_then(|digits| digits.parse().ok()).unwrap_or(0)
}
