//! Who a copy is on a server: the address and the credentials of a service, read from where its environment has them.
//! Values go from Secret to Secret and are shown nowhere.

use std::collections::BTreeMap;

use api::datacopy::{CopyStore, DataCopySpec};
use api::marks::{self, Owner};
use api::project::{SecretPlace, ServiceSettings};
use api::revision::{Source, credentials_name};
use api::{Cause, Verdict};
use aws::{Freshness, Store};
use k8s_openapi::api::core::v1::Secret;
use kube::ResourceExt;
use kube::api::Api;

use crate::context::{Context, Stop};
use crate::plan::between::admit::{Pair, Place};
use crate::plan::between::render::Server;
use crate::plan::between::verdict::{refusal, waits};

type Values = BTreeMap<String, Vec<u8>>;

/// Both servers of a pair, and the databases to copy.
pub struct Found {
    pub source: Server,
    pub target: Server,
    pub databases: Vec<String>,
}

pub async fn find(
    spec: &DataCopySpec,
    pair: &Pair,
    owner: &Owner,
    context: &Context,
) -> Result<Result<Found, Verdict>, Stop> {
    let source = server(&pair.from, pair, owner, context).await?;
    let target = server(&pair.to, pair, owner, context).await?;
    Ok(source.and_then(|source| {
        let target = target?;
        let databases = databases(spec, pair, &source, &target)?;
        Ok(Found { source, target, databases })
    }))
}

/// Those that are named, or the one that both sides give their components.
fn databases(
    spec: &DataCopySpec,
    pair: &Pair,
    source: &Server,
    target: &Server,
) -> Result<Vec<String>, Verdict> {
    if let Some(named) = spec.databases.get(&pair.service).filter(|named| !named.is_empty()) {
        return Ok(named.clone());
    }
    // Of Redis every one that holds keys is copied.
    if pair.store == CopyStore::Redis {
        return Ok(vec![]);
    }
    let about = format!("service {}", pair.service);
    let (from, to) = (&spec.from.environment, &spec.to.environment);
    match (&source.database, &target.database) {
        (Some(source), Some(target)) if source == target => Ok(vec![source.clone()]),
        (Some(source), Some(target)) => Err(refusal(
            Cause::Invalid,
            about,
            format!(
                "{} has database {source} in {from} and {target} in {to}: a copy keeps the names of databases",
                pair.service
            ),
            format!(
                "name the database of the external service {target}, or name those to copy under `databases`"
            ),
        )),
        _ => Err(refusal(
            Cause::Invalid,
            about,
            format!("nothing says which database of {} is to be copied", pair.service),
            "give the external service a field `name`, or name databases under `databases`".to_owned(),
        )),
    }
}

async fn server(
    place: &Place,
    Pair { service, store, .. }: &Pair,
    owner: &Owner,
    context: &Context,
) -> Result<Result<Server, Verdict>, Stop> {
    match place {
        Place::Ours { environment, namespace } => {
            let secrets = Api::<Secret>::namespaced(context.client.clone(), namespace);
            let name = credentials_name(service);
            let live = secrets.get_opt(&name).await?;
            let theirs = Owner { environment: environment.clone(), ..owner.clone() };
            let live = live.filter(|live| theirs.owns(live.labels()));
            Ok(live.map(values).and_then(|values| ours(&values, service, namespace, *store)).ok_or_else(
                || {
                    waits(
                        Cause::SecretMissing,
                        format!("service {service}"),
                        format!(
                            "Secret {name} of namespace {namespace} is not there, or is not the service's"
                        ),
                        format!("outboard env show {environment} says what it waits for"),
                    )
                },
            ))
        }
        Place::External { class, settings } => {
            let kept = match &settings.secret {
                None => Values::new(),
                Some(place) => match kept(place, class, service, &owner.control_namespace, context).await? {
                    Ok(values) => values,
                    Err(verdict) => return Ok(Err(verdict)),
                },
            };
            Ok(external(settings, &kept, service, *store))
        }
    }
}

fn ours(values: &Values, service: &str, namespace: &str, store: CopyStore) -> Option<Server> {
    let user = text(values, "user");
    if user.is_none() && needs_user(store) {
        return None;
    }
    Some(Server {
        host: format!("{service}.{namespace}.svc"),
        port: text(values, "port")?.parse().ok()?,
        user,
        password: Some(values.get("password")?.clone()),
        database: text(values, "name"),
        tls: false,
        authority: None,
    })
}

/// A Redis may have one user without a name, and others' even one without a password.
fn needs_user(store: CopyStore) -> bool {
    store == CopyStore::Mariadb
}

fn usual_port(store: CopyStore) -> u16 {
    match store {
        CopyStore::Mariadb => 3306,
        CopyStore::Redis => 6379,
    }
}

/// What the project says of it, and what its Secret does. Others' servers are spoken to by TLS.
fn external(
    settings: &ServiceSettings,
    kept: &Values,
    service: &str,
    store: CopyStore,
) -> Result<Server, Verdict> {
    let said = |names: &[&str]| {
        names.iter().find_map(|name| settings.fields.get(*name).cloned().or_else(|| text(kept, name)))
    };
    let host = settings.host.clone().or_else(|| said(&["host"]));
    let user = said(&["user", "username"]);
    let port = match settings.port {
        Some(port) => Some(port),
        None => said(&["port"]).map_or(Some(usual_port(store)), |port| port.parse().ok()),
    };
    let password = kept.get("password").cloned();
    // Whoever has a name has a password.
    let needs = needs_user(store) || user.is_some();
    let lacks = [
        ("host", host.is_none()),
        ("user", needs && user.is_none()),
        ("port (a number)", port.is_none()),
        ("password", needs && password.is_none()),
    ];
    let lacks: Vec<&str> = lacks.iter().filter(|(_, lacks)| *lacks).map(|(name, _)| *name).collect();
    let (Some(host), Some(port), []) = (host, port, lacks.as_slice()) else {
        return Err(refusal(
            Cause::SecretMissing,
            format!("service {service}"),
            format!("nothing says {} of the external service {service}", lacks.join(", ")),
            "put them into its Secret, or all but the password into its `fields`".to_owned(),
        ));
    };
    Ok(Server {
        host,
        port,
        user,
        password,
        database: said(&["name", "database", "dbname"]),
        tls: said(&["tls"]).as_deref() != Some("off"),
        authority: kept.get("ca.crt").cloned(),
    })
}

/// What others keep of an external service, if it serves the class.
async fn kept(
    place: &SecretPlace,
    class: &str,
    service: &str,
    control: &str,
    context: &Context,
) -> Result<Result<Values, Verdict>, Stop> {
    let about = format!("service {service}");
    let Some(name) = &place.kubernetes else {
        return Ok(in_aws(place, class, service, control, context).await);
    };
    let live = Api::<Secret>::namespaced(context.client.clone(), control).get_opt(name).await?;
    let serves =
        |live: &Secret| marks::serves(live.annotations().get(marks::CLASSES).map(String::as_str), class);
    Ok(live.filter(serves).map(values).ok_or_else(|| {
        waits(
            Cause::SecretMissing,
            about,
            format!("Secret {name} is not there, or does not serve class {class}"),
            format!("create it in {control}, annotated `{}: {class}`", marks::CLASSES),
        )
    }))
}

/// What lies in AWS and serves the class; of the rest nothing is told.
async fn in_aws(
    place: &SecretPlace,
    class: &str,
    service: &str,
    control: &str,
    context: &Context,
) -> Result<Values, Verdict> {
    let lacks = |message: String| {
        let fix = format!("outboard env show says more, if a component uses {service}");
        waits(Cause::SecretMissing, format!("service {service}"), message, fix)
    };
    let (store, place) = match Source::from(place) {
        Source::SecretsManager(place) => (Store::SecretsManager, place),
        Source::Ssm(place) => (Store::ParameterStore, place),
        Source::Kubernetes(_) | Source::Service { .. } => return Ok(Values::new()),
    };
    let name = place.name.clone();
    let place = aws::Place { store, name: place.name, region: place.region };
    let kept = Box::pin(context.aws.kept(&place, Freshness::Lately)).await;
    let kept = kept.map_err(|_| lacks(format!("{name} cannot be read from AWS")))?;
    let served = || kept.holders.iter().filter(|holder| holder.serves(control, class));
    if served().next().is_none() {
        return Err(lacks(format!("{name} in AWS does not serve class {class} of namespace {control}")));
    }
    Ok(served().flat_map(|holder| holder.values.clone()).collect())
}

fn values(secret: Secret) -> Values {
    secret.data.into_iter().flatten().map(|(key, bytes)| (key, bytes.0)).collect()
}

fn text(values: &Values, key: &str) -> Option<String> {
    String::from_utf8(values.get(key)?.clone()).ok().map(|text| text.trim_end().to_owned())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn kept(pairs: &[(&str, &str)]) -> Values {
        pairs.iter().map(|(key, value)| ((*key).to_owned(), value.as_bytes().to_vec())).collect()
    }

    fn settings(value: serde_json::Value) -> ServiceSettings {
        serde_json::from_value(value).unwrap()
    }

    #[test]
    fn an_external_server_is_spoken_to_by_tls_unless_the_project_says_otherwise() {
        let secret = kept(&[("username", "admin"), ("password", "p"), ("dbname", "shop"), ("ca.crt", "PEM")]);
        let of = |project: serde_json::Value| {
            external(&settings(project), &secret, "db", CopyStore::Mariadb).ok().unwrap()
        };
        let server = of(json!({"host": "db.example.com"}));
        assert_eq!((server.user.as_deref(), server.port, server.tls), (Some("admin"), 3306, true));
        assert_eq!((server.database.as_deref(), server.authority), (Some("shop"), Some(b"PEM".to_vec())));
        assert!(!of(json!({"host": "db.example.com", "fields": {"tls": "off"}})).tls);
    }

    #[test]
    fn a_redis_may_have_a_user_without_a_name() {
        let secret = kept(&[("port", "6379"), ("password", "p")]);
        let server = ours(&secret, "cache", "shop-qa", CopyStore::Redis).unwrap();
        assert_eq!((server.host.as_str(), server.user), ("cache.shop-qa.svc", None));
        assert!(ours(&secret, "db", "shop-qa", CopyStore::Mariadb).is_none());
        let host = settings(json!({"host": "cache.example.com"}));
        let server = external(&host, &Values::new(), "cache", CopyStore::Redis).ok().unwrap();
        assert_eq!((server.port, server.password), (6379, None));
        let named = external(&host, &kept(&[("user", "copy")]), "cache", CopyStore::Redis).err().unwrap();
        assert_eq!(named.message, "nothing says password of the external service cache");
    }

    #[test]
    fn everything_that_is_lacking_of_one_is_told() {
        let bare = settings(json!({"port": 3307}));
        let verdict = external(&bare, &Values::new(), "db", CopyStore::Mariadb).err().unwrap();
        assert_eq!(verdict.message, "nothing says host, user, password of the external service db");
    }
}
