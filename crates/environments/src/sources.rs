//! Reads what others keep and environments use: Secrets of the control namespace, and the credentials of services
//! that another environment of the project runs. By name only, and never writes there.

use std::collections::{BTreeMap, BTreeSet};

use api::marks::{self, Owner};
use api::names::{self, EnvironmentName, ProjectName};
use api::revision::{SecretRecipe, Source, credentials_name};
use api::{Environment, Verdict};
use k8s_openapi::api::core::v1::Secret;
use kube::api::Api;
use kube::{Client, ResourceExt};

use crate::error::Error;
use crate::plan::sources::{self, Lack, Unfit};

/// What was found, and what was not.
#[derive(Default)]
pub struct Sources {
    values: BTreeMap<Source, BTreeMap<String, Vec<u8>>>,
    pub lacks: Vec<Lack>,
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
        let (found, lacks) = match source {
            Source::Kubernetes(name) => secret(client, owner, class, name, &keys).await?,
            Source::Service { environment, service } => {
                of_service(client, owner, class, environment, service).await?
            }
        };
        all.lacks.extend(lacks);
        all.values.insert(source.clone(), found);
    }
    Ok(all)
}

type Found = (BTreeMap<String, Vec<u8>>, Vec<Lack>);

async fn secret(
    client: &Client,
    owner: &Owner,
    class: &str,
    name: &str,
    keys: &BTreeSet<&str>,
) -> Result<Found, Error> {
    let secrets = Api::<Secret>::namespaced(client.clone(), &owner.control_namespace);
    let live = secrets.get_opt(name).await?;
    let found = live.as_ref().map(|live| {
        let has = live.data.iter().flatten().map(|(key, _)| key.as_str()).collect();
        (live.annotations().get(marks::CLASSES).map(String::as_str), has)
    });
    let lacks = sources::of_secret(name, found, keys, class);
    let closed = lacks.iter().any(|lack| matches!(lack, Lack::Class { .. }));
    Ok((live.filter(|_| !closed).map(data).unwrap_or_default(), lacks))
}

async fn of_service(
    client: &Client,
    owner: &Owner,
    class: &str,
    environment: &str,
    service: &str,
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
    let (Ok(project), Ok(name)) = (ProjectName::parse(&owner.project), EnvironmentName::parse(environment))
    else {
        return unfit(Unfit::Missing);
    };
    let namespace = names::namespace(&project, &name);
    let secrets = Api::<Secret>::namespaced(client.clone(), &namespace);
    // Only what outboard made for that environment: a namesake in somebody's namespace is none of ours.
    let other = Owner { environment: environment.to_owned(), ..owner.clone() };
    let live = secrets.get_opt(&credentials_name(service)).await?;
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
