//! Reads what others keep and environments use: Secrets of the control namespace, what lies in AWS, and the credentials
//! of services that another environment of the project runs. By name only, and never writes there.
//!
//! That nothing has changed is asked once for all environments that share a source, and answered without its values.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use api::marks::{self, Owner};
use api::names::{self, EnvironmentName, ProjectName};
use api::revision::{SecretRecipe, Source, credentials_name};
use api::{Environment, Verdict};
use aws::{Aws, Failure, Freshness, Kept};
use k8s_openapi::api::core::v1::Secret;
use kube::api::Api;
use kube::{Client, ResourceExt};

use crate::error::Error;
use crate::plan::rotation::{NEXT, PREVIOUS};
use crate::plan::sources::aws::Asker;
use crate::plan::sources::{self, Lack, Unfit};

/// Which state of what others keep was read; none: it could not be had.
pub type Versions = BTreeMap<Place, Option<String>>;

/// Where others keep something.
#[derive(Clone, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub enum Place {
    Secret { namespace: String, name: String },
    Aws(aws::Place),
}

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
    pub async fn same(&self, client: &Client, aws: &Aws, versions: &Versions) -> Result<bool, Error> {
        for (place, version) in versions {
            let found = match place {
                Place::Secret { namespace, name } => self.version(client, place, namespace, name).await?,
                Place::Aws(place) => {
                    Box::pin(aws.kept(place, Freshness::Lately)).await.ok().map(|kept| kept.version.clone())
                }
            };
            if found != *version {
                return Ok(false);
            }
        }
        Ok(true)
    }

    async fn version(
        &self,
        client: &Client,
        place: &Place,
        namespace: &str,
        name: &str,
    ) -> Result<Option<String>, Error> {
        let known = self.lock().get(place).cloned();
        if let Some((_, version)) = known.filter(|(seen, _)| seen.elapsed() < BELIEVED) {
            return Ok(version);
        }
        let secrets = Api::<Secret>::namespaced(client.clone(), namespace);
        let begun = Instant::now();
        let version = secrets.get_metadata_opt(name).await?.and_then(|found| found.resource_version());
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
    /// Every password that services of other environments take at this moment: one that is being changed has two.
    pub fn passwords(&self) -> impl Iterator<Item = &Vec<u8>> {
        let of_services = self.values.iter().filter(|(source, _)| matches!(source, Source::Service { .. }));
        of_services.flat_map(|(_, values)| [NEXT, PREVIOUS].into_iter().filter_map(|key| values.get(key)))
    }

    pub fn value(&self, source: &Source, key: &str) -> Option<&Vec<u8>> {
        self.values.get(source)?.get(key)
    }

    /// Why not all of `recipes` can be made, if so.
    pub fn verdict(&self, recipes: &[SecretRecipe], owner: &Owner, class: &str) -> Option<Verdict> {
        let (control, environment) = (&owner.control_namespace, &owner.environment);
        (!self.lacks.is_empty()).then(|| sources::verdict(&self.lacks, recipes, control, environment, class))
    }
}

/// Whom what others keep is asked of.
#[derive(Clone, Copy)]
pub struct Keepers<'a> {
    pub client: &'a Client,
    pub aws: &'a Aws,
    pub freshness: Freshness,
}

/// Reads everything that `recipes` name. `owner`: the environment that asks, whose class is `class`.
pub async fn read(
    keepers: Keepers<'_>,
    owner: &Owner,
    class: &str,
    recipes: &[SecretRecipe],
) -> Result<Sources, Error> {
    let client = keepers.client;
    let mut all = Sources::default();
    for (source, keys) in sources::wanted(recipes) {
        let (place, version, (found, lacks)) = match source {
            Source::Kubernetes(name) => {
                let (place, live) = get(client, &owner.control_namespace, name).await?;
                (place, version(live.as_ref()), secret(class, name, live, &keys))
            }
            Source::Service { environment, service } => {
                let namespace = namespace(owner, environment);
                let (place, live) = get(client, &namespace, &credentials_name(service)).await?;
                let version = version(live.as_ref());
                (place, version, of_service(client, owner, class, environment, service, live).await?)
            }
            Source::SecretsManager(_) | Source::Ssm(_) => {
                let Some(place) = sources::aws::place(source) else { continue };
                let asker = Asker { namespace: &owner.control_namespace, class };
                let kept = Box::pin(keepers.aws.kept(&place, keepers.freshness)).await;
                let version = kept.as_ref().ok().map(|kept| kept.version.clone());
                (Place::Aws(place), version, in_aws(source, kept, &keys, asker))
            }
        };
        all.versions.insert(place, version);
        all.lacks.extend(lacks);
        all.values.insert(source.clone(), found);
    }
    Ok(all)
}

fn in_aws(
    source: &Source,
    kept: Result<Arc<Kept>, Failure>,
    keys: &BTreeSet<&str>,
    asker: Asker<'_>,
) -> Found {
    let (found, lacks) = match kept {
        Ok(kept) => sources::aws::of_holders(&kept.holders, keys, asker),
        Err(failure) => (BTreeMap::new(), vec![sources::aws::Lack::Failed(failure)]),
    };
    (found, lacks.into_iter().map(|lack| Lack::Aws { source: source.clone(), lack }).collect())
}

type Found = (BTreeMap<String, Vec<u8>>, Vec<Lack>);

/// A Secret, and its place.
async fn get(client: &Client, namespace: &str, name: &str) -> Result<(Place, Option<Secret>), Error> {
    let place = Place::Secret { namespace: namespace.to_owned(), name: name.to_owned() };
    if namespace.is_empty() {
        return Ok((place, None));
    }
    let live = Api::<Secret>::namespaced(client.clone(), namespace).get_opt(name).await?;
    Ok((place, live))
}

fn version(live: Option<&Secret>) -> Option<String> {
    live.and_then(ResourceExt::resource_version)
}

/// Where another environment of the project runs; empty if it can't be one.
fn namespace(owner: &Owner, environment: &str) -> String {
    match (ProjectName::parse(&owner.project), EnvironmentName::parse(environment)) {
        (Ok(project), Ok(name)) => names::namespace(&project, &name),
        _ => String::new(),
    }
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
