//! `env rotate`: other passwords of an environment's services, without a gap. What is asked for is written down, the operator
//! does it; asked for while one runs, it is that one.

use std::collections::BTreeMap;
use std::time::Duration;

use api::project::{Service, ServiceType};
use api::revision::{EnvironmentRevision, SecretRecipe};
use api::{Environment, Role, Rotation, RotationPhase};
use environments::plan::drift::frozen_until;
use environments::plan::rotation::clients::{From, recipes};
use futures::{StreamExt, stream};
use jiff::Timestamp;
use kube::ResourceExt;
use kube::api::{ListParams, Patch, PatchParams};
use schemars::JsonSchema;
use serde::Serialize;
use serde_json::json;

use super::{history, read};
use crate::suggest::nearest;
use crate::wait::{Look, Wait};
use crate::{Change, Cluster, Error, Event, Result, Sink, project};

const AT_ONCE: usize = 8;
const ATTEMPTS: usize = 10;

/// What a rotation would do, before anything is written.
#[derive(Clone, Debug, JsonSchema, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Turning {
    pub environment: String,
    pub services: Vec<Turn>,
    /// Services that were not named and cannot be rotated, and why.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    #[schemars(default)]
    pub left_out: Vec<LeftOut>,
    /// Of which all of this is said.
    #[serde(skip)]
    pub revision: Option<i64>,
}

/// One service whose password changes.
#[derive(Clone, Debug, JsonSchema, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Turn {
    pub service: String,
    /// What stands for it in `spec.rotations`.
    pub request: String,
    /// It has been asked for before, and runs; or this very request, by its name, was made before.
    pub joins: bool,
    /// What gets new pods in this environment, one after the other.
    pub restarts: Vec<String>,
    /// The same in environments that take the service from this one.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    #[schemars(default)]
    pub elsewhere: BTreeMap<String, Vec<String>>,
}

#[derive(Clone, Debug, Eq, JsonSchema, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct LeftOut {
    pub service: String,
    pub why: String,
    pub fix: String,
}

/// What was done.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Rotated {
    pub environment: String,
    /// By service.
    pub services: BTreeMap<String, Rotation>,
}

/// What it would do. Services that are named have to be such that can be rotated; of all of them, one has to.
pub async fn turning(cluster: &Cluster, namespace: &str, name: &str, wanted: &[String]) -> Result<Turning> {
    turning_as(cluster, namespace, name, wanted, None).await
}

/// The same for a request that has a name: as long as it is the last one of a service, it begins nothing there a second time.
pub async fn turning_as(
    cluster: &Cluster,
    namespace: &str,
    name: &str,
    wanted: &[String],
    request: Option<&str>,
) -> Result<Turning> {
    let environment = read::get(cluster, namespace, name).await?;
    if environment.metadata.deletion_timestamp.is_some() {
        return Err(Error::BeingDestroyed { environment: name.to_owned() });
    }
    if let Some(until) = frozen_until(&environment, Timestamp::now()) {
        return Err(Error::Frozen { environment: name.to_owned(), until: until.to_string() });
    }
    let current = history::current(cluster, namespace, &environment).await?;
    let of = &current.revision;
    let spec = project::revision(cluster, namespace, &of.project, &of.project_revision).await?.spec;
    let services = spec.services_in(&of.class, name);
    if let Some(unknown) = wanted.iter().find(|service| !services.contains_key(*service)) {
        return Err(Error::NotFound {
            kind: "service",
            name: unknown.clone(),
            place: format!("environment `{name}`"),
            nearest: nearest(unknown, services.keys().map(String::as_str)),
            known: services.keys().cloned().collect(),
        });
    }
    let now = whole_seconds(cluster.now().await);
    let sharing = sharing(cluster, namespace, &environment).await?;
    let (mut turns, mut left_out) = (Vec::new(), Vec::new());
    for (service, settings) in
        services.iter().filter(|(service, _)| wanted.is_empty() || wanted.contains(service))
    {
        if let Some(out) = why_not(name, service, settings, of) {
            left_out.push(out);
            continue;
        }
        let again = request.filter(|request| is_last(&environment, service, request)).map(str::to_owned);
        let joined = again.or_else(|| running(&environment, service));
        turns.push(Turn {
            service: service.clone(),
            joins: joined.is_some(),
            request: joined.unwrap_or_else(|| request.map_or_else(|| now.to_string(), str::to_owned)),
            restarts: parts(of, &of.secrets, From::Own(service)),
            elsewhere: sharing
                .iter()
                .map(|(other, revision)| {
                    (
                        other.clone(),
                        parts(revision, &revision.secrets, From::Of { environment: name, service }),
                    )
                })
                .filter(|(_, parts)| !parts.is_empty())
                .collect(),
        });
    }
    if let Some(out) = left_out.first().filter(|_| !wanted.is_empty() || turns.is_empty()) {
        let LeftOut { service, why, fix } = out.clone();
        return Err(Error::NotRotated { service, why, fix });
    }
    if turns.is_empty() {
        return Err(Error::NothingToRotate { environment: name.to_owned() });
    }
    Ok(Turning { environment: name.to_owned(), services: turns, left_out, revision: Some(current.number) })
}

fn whole_seconds(now: Timestamp) -> Timestamp {
    Timestamp::from_second(now.as_second()).unwrap_or(now)
}

/// Why the password of a service cannot be changed in this way, and what can be done instead.
fn why_not(
    environment: &str,
    service: &str,
    settings: &Service,
    revision: &EnvironmentRevision,
) -> Option<LeftOut> {
    let out = |why: String, fix: String| Some(LeftOut { service: service.to_owned(), why, fix });
    if let Some(from) = &settings.settings.from {
        return out(
            format!("{service} is run by environment {from}"),
            format!("outboard env rotate {from} {service}; {environment} follows by itself"),
        );
    }
    let anew =
        "a new environment has new ones: outboard env create, and outboard data copy for what is in it";
    match settings.r#type {
        ServiceType::External => out(
            format!("{service} is run by others, and so is its password"),
            "change it there and in the secret it is read from; pods follow by themselves".to_owned(),
        ),
        ServiceType::Container => out(
            format!("how the server of {service} takes another password only its image knows"),
            anew.to_owned(),
        ),
        ServiceType::S3 => out(
            format!("the server of {service} knows one key, and takes no second one beside it"),
            anew.to_owned(),
        ),
        ServiceType::Mariadb | ServiceType::Mysql | ServiceType::Redis => {
            let part = revision.parts_of(Role::Service).find(|part| part.name == service);
            if part.is_some_and(|part| part.rotates.is_some()) {
                return None;
            }
            out(
                format!(
                    "{service} was rendered by an outboard that could not do this: its pod is not told of another password"
                ),
                format!("outboard env update {environment} renders it anew, which restarts its server once"),
            )
        }
    }
}

/// The request that runs, or waits to be taken up.
fn running(environment: &Environment, service: &str) -> Option<String> {
    let told = environment.status.as_ref().and_then(|status| status.rotations.get(service));
    let asked = environment.spec.rotations.get(service);
    match (told, asked) {
        // What was asked for last begins when this has ended.
        (Some(told), Some(asked)) if *asked != told.request => Some(asked.clone()),
        (Some(told), _) if !told.phase.is_final() => Some(told.request.clone()),
        (None, Some(asked)) => Some(asked.clone()),
        _ => None,
    }
}

/// Whether that is what was asked for last, whatever became of it.
fn is_last(environment: &Environment, service: &str, request: &str) -> bool {
    let told = environment.status.as_ref().and_then(|status| status.rotations.get(service));
    let asked = environment.spec.rotations.get(service).map(String::as_str);
    asked == Some(request) || told.is_some_and(|told| told.request == request)
}

/// What gets new pods: jobs that have ended do not.
fn parts(revision: &EnvironmentRevision, secrets: &[SecretRecipe], from: From<'_>) -> Vec<String> {
    let named: Vec<&str> =
        recipes(secrets, from).into_iter().map(|(recipe, _)| recipe.part.as_str()).collect();
    let serves = |role| matches!(role, Role::Service | Role::Component);
    let parts = revision.parts.iter().filter(|part| serves(part.role) && named.contains(&part.name.as_str()));
    parts.map(|part| part.name.clone()).collect()
}

/// Other environments of the project and class, as they are; those that we may not look at are not told.
async fn sharing(
    cluster: &Cluster,
    namespace: &str,
    environment: &Environment,
) -> Result<Vec<(String, EnvironmentRevision)>> {
    let spec = &environment.spec;
    let all = read::api(cluster, namespace).list(&ListParams::default()).await;
    let others = all.map_err(|error| cluster.explain(error))?.into_iter().filter(|other| {
        let same = other.spec.project == spec.project && other.spec.class == spec.class;
        same && other.name_any() != environment.name_any()
    });
    let looks = stream::iter(others).map(|other| async move {
        let current = history::current(cluster, namespace, &other).await.ok()?;
        Some((other.name_any(), current.revision))
    });
    Ok(looks.buffered(AT_ONCE).filter_map(std::future::ready).collect().await)
}

/// Writes down what was shown, if the environment still is as it was then.
pub async fn rotate(
    cluster: &Cluster,
    namespace: &str,
    turning: &Turning,
    events: Sink<'_>,
) -> Result<Environment> {
    let name = &turning.environment;
    for _ in 0..ATTEMPTS {
        let current = read::get(cluster, namespace, name).await?;
        if current.metadata.deletion_timestamp.is_some() {
            return Err(Error::BeingDestroyed { environment: name.clone() });
        }
        if current.status.as_ref().and_then(|status| status.revision) != turning.revision {
            return Err(Error::Changed { what: format!("environment `{name}`") });
        }
        // Sent twice at the same time, the second one finds what the first one wrote.
        let begins = |turn: &&Turn| !turn.joins && !is_last(&current, &turn.service, &turn.request);
        let requests = turning.services.iter().filter(begins);
        let requests: BTreeMap<&str, &str> =
            requests.map(|turn| (turn.service.as_str(), turn.request.as_str())).collect();
        if requests.is_empty() {
            return Ok(current);
        }
        // Somebody asked for the same meanwhile: theirs goes on, and none is begun beside it.
        if requests.keys().any(|service| running(&current, service).is_some()) {
            return Err(Error::Changed { what: format!("environment `{name}`") });
        }
        let patch = json!({
            "metadata": {"resourceVersion": current.resource_version()},
            "spec": {"rotations": requests},
        });
        let api = read::api(cluster, namespace);
        match api.patch(name, &PatchParams::default(), &Patch::Merge(&patch)).await {
            Ok(written) => {
                let (environment, namespace) = (name.clone(), namespace.to_owned());
                events(Event::EnvironmentStored { environment, namespace, change: Change::Updated });
                return Ok(written);
            }
            Err(kube::Error::Api(status)) if status.code == 409 => {}
            Err(error) => return Err(cluster.explain(error)),
        }
    }
    Err(Error::Changed { what: format!("environment `{name}`") })
}

/// Waits until all of it is done, or the operator says that it cannot be.
pub async fn rotated(
    cluster: &Cluster,
    namespace: &str,
    turning: &Turning,
    timeout: Option<Duration>,
    events: Sink<'_>,
) -> Result<Rotated> {
    let name = turning.environment.as_str();
    let mut seen: BTreeMap<String, Rotation> = BTreeMap::new();
    let what = format!("the rotation of {name}");
    let wait = Wait { cluster, api: read::api(cluster, namespace), name, what, timeout };
    let ended = wait
        .until(events, |environment, events| {
            let environment = environment.ok_or_else(|| Error::Destroyed { environment: name.to_owned() })?;
            if environment.metadata.deletion_timestamp.is_some() {
                return Err(Error::BeingDestroyed { environment: name.to_owned() });
            }
            for (service, rotation) in told(turning, &environment) {
                if seen.get(service) != Some(rotation) {
                    seen.insert(service.to_owned(), rotation.clone());
                    let (environment, service) = (name.to_owned(), service.to_owned());
                    events(Event::Rotation { environment, service, rotation: Box::new(rotation.clone()) });
                }
            }
            outlook(turning, &environment)
        })
        .await;
    match ended {
        Err(Error::Timeout { what, after, .. }) => {
            let pending = seen.iter().filter(|(_, rotation)| !rotation.phase.is_final());
            let line = |(service, rotation): (&String, &Rotation)| {
                format!("service {service}: {} {}", rotation.phase.as_str(), rotation.message)
                    .trim_end()
                    .to_owned()
            };
            Err(Error::Timeout { what, after, pending: pending.map(line).collect() })
        }
        ended => ended,
    }
}

/// What is said of the services that we wait for.
fn told<'a>(turning: &'a Turning, environment: &'a Environment) -> Vec<(&'a str, &'a Rotation)> {
    let rotations = environment.status.as_ref().map(|status| &status.rotations);
    let of = |turn: &'a Turn| Some((turn.service.as_str(), rotations?.get(&turn.service)?));
    turning.services.iter().filter_map(of).collect()
}

fn outlook(turning: &Turning, environment: &Environment) -> Result<Look<Rotated>> {
    let generation = environment.metadata.generation.unwrap_or_default();
    let observed = environment.status.as_ref().map_or(0, |status| status.observed_generation);
    let told: BTreeMap<&str, &Rotation> = told(turning, environment).into_iter().collect();
    let mut services = BTreeMap::new();
    for turn in &turning.services {
        let mine = told.get(turn.service.as_str()).filter(|rotation| rotation.request == turn.request);
        match mine {
            Some(rotation) if rotation.phase == RotationPhase::Done => {
                services.insert(turn.service.clone(), (*rotation).clone());
            }
            Some(rotation) if rotation.phase == RotationPhase::Refused => {
                return Err(Error::RotationRefused {
                    environment: turning.environment.clone(),
                    service: turn.service.clone(),
                    why: rotation.message.clone(),
                });
            }
            Some(_) => {}
            // Somebody asked again before this was taken up: that one counts, and it changes the password as well.
            None if environment.spec.rotations.get(&turn.service) != Some(&turn.request) => {
                return Err(Error::Changed { what: format!("what is asked for service `{}`", turn.service) });
            }
            None if observed < generation => return Ok(Look::Lagging),
            None => {}
        }
    }
    if services.len() == turning.services.len() {
        return Ok(Look::Done(Rotated { environment: turning.environment.clone(), services }));
    }
    Ok(Look::Wait)
}

#[cfg(test)]
mod tests;
