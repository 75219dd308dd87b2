//! What of a service is named: databases, keys, objects. Whether it has such a thing, and whether that can be copied.

use api::Cause;
use api::datacopy::{CopyKeys, CopyStore, DataCopySpec};

use super::{Pair, Problem};
use crate::redis::plan::names;
use crate::s3::plan::scope::{self, Prefixes};

pub fn problems(spec: &DataCopySpec, pairs: &[Pair]) -> Vec<Problem> {
    let mut problems: Vec<Problem> = pairs.iter().filter_map(|pair| databases(spec, pair)).collect();
    for pair in pairs {
        if let Some(keys) = spec.keys.get(&pair.service) {
            problems.extend(self::keys(pair, keys));
        }
    }
    problems
}

/// Of services that are named for it and are not copied.
pub fn of_others(spec: &DataCopySpec, pairs: &[Pair]) -> Vec<Problem> {
    let copied = |service: &String| pairs.iter().any(|pair| pair.service == *service);
    let databases = spec.databases.keys().map(|service| ("databases", service));
    let keys = spec.keys.keys().map(|service| ("keys", service));
    let other = |(what, service): (&str, &String)| {
        let message = format!("{what} of {service} are named, which is not copied");
        (Cause::ServiceNotFound, message, format!("correct `{what}`"))
    };
    databases.chain(keys).filter(|(_, service)| !copied(service)).map(other).collect()
}

fn databases(spec: &DataCopySpec, pair: &Pair) -> Option<Problem> {
    let named = spec.databases.get(&pair.service).filter(|named| !named.is_empty())?;
    let service = &pair.service;
    match pair.store {
        CopyStore::Mariadb => None,
        CopyStore::Redis => {
            let wrong = named.iter().find(|name| name.parse::<u32>().is_err())?;
            let message = format!("database {wrong} of {service} is named, whose databases have numbers");
            let fix = "correct `databases`, or leave them out for all that hold keys".to_owned();
            Some((Cause::Invalid, message, fix))
        }
        CopyStore::S3 => {
            let message = format!("databases of {service} are named, which has objects");
            Some((Cause::Invalid, message, "say in `keys` which of them are copied".to_owned()))
        }
    }
}

fn keys(pair: &Pair, keys: &CopyKeys) -> Vec<Problem> {
    let service = &pair.service;
    let found = match pair.store {
        CopyStore::Mariadb => {
            let message = format!("keys of {service} are named, which has tables");
            return vec![(Cause::Invalid, message, "correct `keys`".to_owned())];
        }
        CopyStore::Redis => names::problems(&keys.rename),
        CopyStore::S3 => {
            let CopyKeys { include, exclude, rename } = keys.clone();
            scope::problems(&Prefixes { include, exclude, rename })
        }
    };
    let told = |problem: api::Problem| {
        let place = problem.pointer.trim_start_matches("/prefixes").trim_start_matches("/keys");
        let at = match place.trim_start_matches('/').split_once('/') {
            Some((list, name)) => format!("{list} `{name}` of the keys"),
            None => "keys".to_owned(),
        };
        let fix = problem.hint.unwrap_or_else(|| "correct `keys`".to_owned());
        (Cause::Invalid, format!("{at} of {service}: {}", problem.message), fix)
    };
    found.into_iter().map(told).collect()
}
