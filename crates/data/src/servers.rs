//! Who a copy is on a server or in a bucket: the address and the credentials of a service, read from where its environment has them.
//! Values go from Secret to Secret and are shown nowhere.

use std::collections::BTreeMap;

use api::datacopy::{BackupPlace, CopyStore, DataCopySpec};
use api::marks::{self, Owner};
use api::project::{SecretPlace, ServiceSettings};
use api::revision::{Source, credentials_name};
use api::{Cause, Verdict};
use aws::{Authority, Freshness, Store};
use k8s_openapi::api::core::v1::Secret;
use kube::ResourceExt;
use kube::api::Api;

use crate::context::{Context, Stop};
use crate::plan::between::admit::{Pair, Place};
use crate::plan::between::render::{Bucket, End, Server};
use crate::plan::between::verdict::{refusal, waits};

mod shelf;

pub use shelf::shelf;

type Values = BTreeMap<String, Vec<u8>>;

/// Both ends of a pair, and the databases to copy.
pub struct Found {
    pub source: End,
    pub target: End,
    pub databases: Vec<String>,
}

pub async fn find(
    spec: &DataCopySpec,
    pair: &Pair,
    backup: Option<&BackupPlace>,
    owner: &Owner,
    context: &Context,
) -> Result<Result<Found, Verdict>, Stop> {
    let source = end(&pair.from, pair, backup, owner, context).await?;
    let target = end(&pair.to, pair, backup, owner, context).await?;
    Ok(source.and_then(|source| {
        let target = target?;
        let databases = databases(spec, pair, &source, &target)?;
        Ok(Found { source, target, databases })
    }))
}

/// Those that are named, or the one that both sides give their components.
fn databases(spec: &DataCopySpec, pair: &Pair, source: &End, target: &End) -> Result<Vec<String>, Verdict> {
    if let Some(named) = spec.databases.get(&pair.service).filter(|named| !named.is_empty()) {
        return Ok(named.clone());
    }
    // Of Redis every one that holds keys is copied.
    let (source, target) = match (pair.store, source, target) {
        (CopyStore::Mariadb, End::Server(source), End::Server(target)) => (source, target),
        // Of a backup one side is a server: what its components use.
        (CopyStore::Mariadb, End::Server(one), _) | (CopyStore::Mariadb, _, End::Server(one)) => (one, one),
        _ => return Ok(vec![]),
    };
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

async fn end(
    place: &Place,
    Pair { service, store, .. }: &Pair,
    backup: Option<&BackupPlace>,
    owner: &Owner,
    context: &Context,
) -> Result<Result<End, Verdict>, Stop> {
    match place {
        Place::Ours { environment, namespace, memory } => {
            let secrets = Api::<Secret>::namespaced(context.client.clone(), namespace);
            let name = credentials_name(service);
            let live = secrets.get_opt(&name).await?;
            let theirs = Owner { environment: environment.clone(), ..owner.clone() };
            let live = live.filter(|live| theirs.owns(live.labels()));
            Ok(live
                .map(values)
                .and_then(|values| ours(&values, service, namespace, *store, *memory))
                .ok_or_else(|| {
                    waits(
                        Cause::SecretMissing,
                        format!("service {service}"),
                        format!(
                            "Secret {name} of namespace {namespace} is not there, or is not the service's"
                        ),
                        format!("outboard env show {environment} says what it waits for"),
                    )
                }))
        }
        Place::Backup => match backup {
            Some(backup) => Ok(shelf(backup, &owner.control_namespace, context).await?.map(End::Bucket)),
            None => Err(Stop::Bug("a backup that lies nowhere".to_owned())),
        },
        Place::External { class, settings } => {
            let kept = match &settings.secret {
                None => Values::new(),
                Some(place) => match kept(place, class, service, &owner.control_namespace, context).await? {
                    Ok(values) => values,
                    Err(verdict) => return Ok(Err(verdict)),
                },
            };
            Ok(match store {
                CopyStore::S3 => external_bucket(settings, &kept, service).map(End::Bucket),
                _ => external(settings, &kept, service, *store).map(End::Server),
            })
        }
    }
}

fn ours(
    values: &Values,
    service: &str,
    namespace: &str,
    store: CopyStore,
    memory: Option<u64>,
) -> Option<End> {
    let (host, port) = (format!("{service}.{namespace}.svc"), text(values, "port")?.parse().ok()?);
    if store == CopyStore::S3 {
        return Some(End::Bucket(Bucket {
            name: text(values, "bucket")?,
            endpoint: Some(format!("http://{host}:{port}")),
            region: text(values, "region"),
            access_key: text(values, "access_key")?,
            secret_key: values.get("password")?.clone(),
            authority: None,
        }));
    }
    let user = text(values, "user");
    if user.is_none() && needs_user(store) {
        return None;
    }
    Some(End::Server(Server {
        host,
        port,
        user,
        password: Some(values.get("password")?.clone()),
        database: text(values, "name"),
        tls: false,
        authority: None,
        identity: None,
        memory,
    }))
}

/// A Redis may have one user without a name, and others' even one without a password.
fn needs_user(store: CopyStore) -> bool {
    store == CopyStore::Mariadb
}

fn usual_port(store: CopyStore) -> u16 {
    match store {
        CopyStore::Mariadb => 3306,
        CopyStore::Redis => 6379,
        CopyStore::S3 => 443,
    }
}

/// What the project says of it, or else what its Secret does.
fn said(settings: &ServiceSettings, kept: &Values, names: &[&str]) -> Option<String> {
    names.iter().find_map(|name| settings.fields.get(*name).cloned().or_else(|| text(kept, name)))
}

/// What the project says of it, and what its Secret does. Others' servers are spoken to by TLS.
fn external(
    settings: &ServiceSettings,
    kept: &Values,
    service: &str,
    store: CopyStore,
) -> Result<Server, Verdict> {
    let said = |names: &[&str]| said(settings, kept, names);
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
    let shown = (kept.get("tls.crt").cloned(), kept.get("tls.key").cloned());
    if let (Some(_), None) | (None, Some(_)) = shown {
        let (has, lacks) = if shown.0.is_some() { ("tls.crt", "tls.key") } else { ("tls.key", "tls.crt") };
        return Err(refusal(
            Cause::SecretMissing,
            format!("service {service}"),
            format!("nothing says {lacks} of the external service {service}, which has {has}"),
            "put both into its Secret, or neither".to_owned(),
        ));
    }
    let (Some(host), Some(port), []) = (host, port, lacks.as_slice()) else {
        return Err(lacking(service, &lacks, "password"));
    };
    Ok(Server {
        host,
        port,
        user,
        password,
        database: said(&["name", "database", "dbname"]),
        tls: said(&["tls"]).as_deref() != Some("off"),
        authority: kept.get("ca.crt").cloned(),
        identity: shown.0.zip(shown.1),
        memory: None,
    })
}

fn lacking(service: &str, lacks: &[&str], secret: &str) -> Verdict {
    refusal(
        Cause::SecretMissing,
        format!("service {service}"),
        format!("nothing says {} of the external service {service}", lacks.join(", ")),
        format!("put them into its Secret, or all but the {secret} into its `fields`"),
    )
}

/// The same of a bucket. One of AWS needs no address: its region leads there.
fn external_bucket(settings: &ServiceSettings, kept: &Values, service: &str) -> Result<Bucket, Verdict> {
    let said = |names: &[&str]| said(settings, kept, names);
    let host = settings.host.clone().or_else(|| said(&["host"]));
    let (name, region) = (said(&["bucket", "name"]), said(&["region"]));
    let tls = said(&["tls"]).as_deref() != Some("off");
    let endpoint = said(&["endpoint"]).or_else(|| {
        let host = host.filter(|host| !is_of_aws(host))?;
        let scheme = if tls { "https" } else { "http" };
        let port = settings.port.map_or_else(|| said(&["port"]), |port| Some(port.to_string()));
        Some(format!("{scheme}://{host}{}", port.map(|port| format!(":{port}")).unwrap_or_default()))
    });
    let endpoint = endpoint.filter(|endpoint| !is_of_aws(endpoint.rsplit("://").next().unwrap_or_default()));
    let access_key = said(&["access_key", "AWS_ACCESS_KEY_ID"]);
    let secret_key = ["secret_key", "AWS_SECRET_ACCESS_KEY"].iter().find_map(|name| kept.get(*name).cloned());
    let lacks = [
        ("bucket", name.is_none()),
        // Of AWS.
        ("region", endpoint.is_none() && region.is_none()),
        ("access_key", access_key.is_none()),
        ("secret_key", secret_key.is_none()),
    ];
    let lacks: Vec<&str> = lacks.iter().filter(|(_, lacks)| *lacks).map(|(name, _)| *name).collect();
    match (name, access_key, secret_key, lacks.as_slice()) {
        (Some(name), Some(access_key), Some(secret_key), []) => {
            let plain = endpoint.as_ref().is_some_and(|endpoint| endpoint.starts_with("http://"));
            let authority = kept.get("ca.crt").filter(|_| !plain).cloned();
            authority.as_deref().map_or(Ok(()), |pem| readable(pem, service))?;
            Ok(Bucket { name, endpoint, region, access_key, secret_key, authority })
        }
        _ => Err(lacking(service, &lacks, "secret_key")),
    }
}

/// What is to be trusted has to be something that can be.
fn readable(pem: &[u8], service: &str) -> Result<(), Verdict> {
    let wrong = |problem| {
        refusal(
            Cause::SecretMissing,
            format!("service {service}"),
            format!("ca.crt in the Secret of the external service {service} {problem}"),
            "put certificates in PEM there, or take it out".to_owned(),
        )
    };
    Authority::read(pem).map(drop).map_err(wrong)
}

fn is_of_aws(host: &str) -> bool {
    let host = host.split([':', '/']).next().unwrap_or_default();
    host.ends_with(".amazonaws.com") || host.ends_with(".amazonaws.com.cn")
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
mod tests;
