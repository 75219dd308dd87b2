//! Reads what others keep and environments use: Secrets of the control namespace, and the credentials of services
//! that another environment of the project runs. By name only, and never writes there.
//!
//! That nothing has changed is asked once for all environments that share a source, and answered without its values.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use api::marks::{self, Owner};
use api::names::{self, EnvironmentName, ProjectName};
use api::revision::{SecretRecipe, Source, credentials_name};
use api::{Environment, Verdict};
use k8s_openapi::api::core::v1::Secret;
use kube::api::Api;
use kube::{Client, ResourceExt};

use crate::error::Error;
use crate::plan::sources::{self, Lack, Unfit};

/// Which state of each Secret was read, by namespace and name; none: it was not there.
pub type Versions = BTreeMap<Place, Option<String>>;

/// Namespace and name of a Secret.
type Place = (String, String);
type Glimpsed = HashMap<Place, (Instant, Option<String>)>;

/// What was found, and what was not.
#[derive(Default)]
pub struct Sources {
    values: BTreeMap<Source, BTreeMap<String, Vec<u8>>>,
    pub lacks: Vec<Lack>,
    pub versions: Versions,
}

/// What a glimpse at a Secret told is believed for so long.
const BELIEVED: Duration = Duration::from_secs(25);

/// The states of Secrets that were last seen, without their values.
#[derive(Default)]
pub struct Glimpses {
    known: Mutex<Glimpsed>,
}

impl Glimpses {
    /// Whether every Secret is as it was read.
    pub async fn same(&self, client: &Client, versions: &Versions) -> Result<bool, Error> {
        for (place, version) in versions {
            if self.version(client, place).await? != *version {
                return Ok(false);
            }
        }
        Ok(true)
    }

    async fn version(&self, client: &Client, place: &Place) -> Result<Option<String>, Error> {
        let known = self.lock().get(place).cloned();
        if let Some((_, version)) = known.filter(|(seen, _)| seen.elapsed() < BELIEVED) {
            return Ok(version);
        }
        let secrets = Api::<Secret>::namespaced(client.clone(), &place.0);
        let begun = Instant::now();
        let version = secrets.get_metadata_opt(&place.1).await?.and_then(|found| found.resource_version());
        let mut known = self.lock();
        known.retain(|_, (seen, _)| seen.elapsed() < BELIEVED);
        known.insert(place.clone(), (begun, version.clone()));
        Ok(version)
    }

    fn lock(&self) -> MutexGuard<'_, Glimpsed> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Sources {
    pub fn value(&self, source: &Source, key: &str) -> Option<&Vec<u8>> {
        self.values.get(source)?.get(key)
    }

    /// Why not all of `recipes` can be made, if so.
    pub fn verdict(&self, recipes: &[SecretRecipe], owner: &Owner, class: &str) -> Option<Verdict> {
        let (control, environment) = (&owner.control_namespace, &owner.environment);
        (!self.lacks.is_empty()).then(|| sources::verdict(&self.lacks, recipes, control, environment, class))
    }
}

/// Reads everything that `recipes` name. `owner`: the environment that asks, whose class is `class`.
pub async fn read(
    client: &Client,
    owner: &Owner,
    class: &str,
    recipes: &[SecretRecipe],
) -> Result<Sources, Error> {
    let mut all = Sources::default();
    for (source, keys) in sources::wanted(recipes) {
        let (place, live) = get(client, owner, source).await?;
        let version = live.as_ref().and_then(ResourceExt::resource_version);
        all.versions.insert(place, version);
        let (found, lacks) = match source {
            Source::Kubernetes(name) => secret(class, name, live, &keys),
            Source::Service { environment, service } => {
                of_service(client, owner, class, environment, service, live).await?
            }
        };
        all.lacks.extend(lacks);
        all.values.insert(source.clone(), found);
    }
    Ok(all)
}

type Found = (BTreeMap<String, Vec<u8>>, Vec<Lack>);

/// The Secret where a source's values lie, and its place.
async fn get(client: &Client, owner: &Owner, source: &Source) -> Result<(Place, Option<Secret>), Error> {
    let place = match source {
        Source::Kubernetes(name) => (owner.control_namespace.clone(), name.clone()),
        Source::Service { environment, service } => {
            let names = (ProjectName::parse(&owner.project), EnvironmentName::parse(environment));
            let (Ok(project), Ok(name)) = names else { return Ok((Default::default(), None)) };
            (names::namespace(&project, &name), credentials_name(service))
        }
    };
    let live = Api::<Secret>::namespaced(client.clone(), &place.0).get_opt(&place.1).await?;
    Ok((place, live))
}

fn secret(class: &str, name: &str, live: Option<Secret>, keys: &BTreeSet<&str>) -> Found {
    let found = live.as_ref().map(|live| {
        let has = live.data.iter().flatten().map(|(key, _)| key.as_str()).collect();
        (live.annotations().get(marks::CLASSES).map(String::as_str), has)
    });
    let lacks = sources::of_secret(name, found, keys, class);
    let closed = lacks.iter().any(|lack| matches!(lack, Lack::Class { .. }));
    (live.filter(|_| !closed).map(data).unwrap_or_default(), lacks)
}

async fn of_service(
    client: &Client,
    owner: &Owner,
    class: &str,
    environment: &str,
    service: &str,
    live: Option<Secret>,
) -> Result<Found, Error> {
    let unfit = |why| Ok((BTreeMap::new(), vec![Lack::Environment { name: environment.to_owned(), why }]));
    let environments = Api::<Environment>::namespaced(client.clone(), &owner.control_namespace);
    match environments.get_opt(environment).await? {
        None => return unfit(Unfit::Missing),
        Some(other) if other.spec.project != owner.project => return unfit(Unfit::OtherProject),
        Some(other) if other.spec.class != class => return unfit(Unfit::OtherClass),
        Some(other) if other.metadata.deletion_timestamp.is_some() => return unfit(Unfit::Going),
        Some(_) => {}
    }
    // Only what outboard made for that environment: a namesake in somebody's namespace is none of ours.
    let other = Owner { environment: environment.to_owned(), ..owner.clone() };
    Ok(match live.filter(|live| other.owns(live.labels())) {
        Some(live) => (data(live), vec![]),
        None => {
            let lack = Lack::Service { environment: environment.to_owned(), service: service.to_owned() };
            (BTreeMap::new(), vec![lack])
        }
    })
}

fn data(secret: Secret) -> BTreeMap<String, Vec<u8>> {
    secret.data.into_iter().flatten().map(|(key, bytes)| (key, bytes.0)).collect()
}
