//! Looks who may still have the old password of a service: pods of the environment and of those that take the service from it, and
//! copies of data that read it before it changed.

use std::collections::BTreeMap;

use api::marks::{self, Owner};
use api::names::{self, EnvironmentName, ProjectName};
use api::revision::{SecretRecipe, credentials_name};
use api::{DataCopy, Environment};
use k8s_openapi::api::core::v1::{Pod, Secret};
use k8s_openapi::jiff::{SignedDuration, Timestamp};
use kube::api::{Api, ListParams};
use kube::{Client, ResourceExt};

use crate::context::Context;
use crate::error::Error;
use crate::plan::rotation::clients::{self as plan, Content, From};
use crate::revisions::{KEPT, Newest, Revisions, Stored};
use crate::rotation::Place;
use crate::secrets::SETTLES;

/// A password that was exchanged for another one.
pub struct Exchanged<'a> {
    pub service: &'a str,
    /// The new one.
    pub password: &'a [u8],
    pub at: Timestamp,
}

/// When we last wrote a Secret, by the clock of Kubernetes, which also says when pods were made. What others put on it
/// does not count, as long as there is an entry of ours.
pub fn written(secret: &Secret) -> Timestamp {
    let newest = |ours: bool| {
        let entries = secret.managed_fields().iter();
        let entries = entries.filter(|entry| !ours || entry.manager.as_deref() == Some(marks::MANAGER));
        entries.filter_map(|entry| entry.time.as_ref()).map(|time| time.0).max()
    };
    let made = secret.creation_timestamp().map(|time| time.0);
    newest(true).or_else(|| newest(false)).or(made).unwrap_or(Timestamp::MAX)
}

/// Everybody who may still need the old one, for people.
pub async fn late(
    place: &Place<'_>,
    exchanged: &Exchanged<'_>,
    context: &Context,
) -> Result<Vec<String>, Error> {
    let (owner, service) = (place.owner, exchanged.service);
    let revisions = Revisions::new(&context.client, &owner.control_namespace, &owner.install);
    let status = place.environment.status.as_ref();
    let settled = status.and_then(|status| status.settled_revision);
    let own = recipes(&revisions, owner, place.stored, settled).await?;
    let home = Home { owner: owner.clone(), namespace: place.namespace.to_owned(), from: From::Own(service) };
    let mut late = in_namespace(&context.client, &home, &own, exchanged).await?;
    if !late.is_empty() {
        // Others are looked at once nobody is waited for at home: there may be many.
        return Ok(late);
    }
    let mut sharing = vec![owner.environment.clone()];
    for other in others(place, context).await? {
        let name = other.name_any();
        let status = other.status.as_ref();
        let newest =
            revisions.newest(&owner.project, &name, status.and_then(|status| status.revision)).await?;
        let owner = Owner { environment: name.clone(), ..owner.clone() };
        let settled = status.and_then(|status| status.settled_revision);
        let (all, unread) = since(&revisions, &owner, &newest, settled).await?;
        let from = From::Of { environment: &place.owner.environment, service };
        late.extend(blind(&name, &newest));
        let shares = |recipes| !plan::recipes(recipes, from).is_empty();
        if !unread && !shares(&all.newest) && !shares(&all.earlier) {
            continue;
        }
        let (Ok(project), Ok(parsed)) = (ProjectName::parse(&owner.project), EnvironmentName::parse(&name))
        else {
            continue;
        };
        let namespace = names::namespace(&project, &parsed);
        late.extend(in_namespace(&context.client, &Home { owner, namespace, from }, &all, exchanged).await?);
        sharing.push(name);
    }
    late.extend(copies(&context.client, &owner.control_namespace, &sharing, exchanged).await?);
    Ok(late)
}

/// Those that could take a service from it: of the same project and class.
async fn others(place: &Place<'_>, context: &Context) -> Result<Vec<Environment>, Error> {
    let all = Api::<Environment>::namespaced(context.client.clone(), &place.owner.control_namespace);
    let spec = &place.environment.spec;
    let mut found = all.list(&ListParams::default()).await?.items;
    found.retain(|other| {
        other.name_any() != place.owner.environment
            && other.spec.project == spec.project
            && other.spec.class == spec.class
    });
    Ok(found)
}

/// Recipes of what an environment is brought to, and of what may still run of an earlier revision.
struct Recipes {
    newest: Vec<SecretRecipe>,
    earlier: Vec<SecretRecipe>,
}

async fn recipes(
    revisions: &Revisions,
    owner: &Owner,
    stored: &Stored,
    settled: Option<i64>,
) -> Result<Recipes, Error> {
    let earlier = match settled.filter(|settled| *settled != stored.number) {
        Some(settled) => revisions.get(&owner.environment, settled).await?,
        None => None,
    };
    let earlier = earlier.map(|earlier| earlier.revision.secrets).unwrap_or_default();
    Ok(Recipes { newest: stored.revision.secrets.clone(), earlier })
}

/// The same of an environment that may share the service, of all revisions whose pods may still be there; and whether one of
/// them cannot be read.
async fn since(
    revisions: &Revisions,
    owner: &Owner,
    newest: &Newest,
    settled: Option<i64>,
) -> Result<(Recipes, bool), Error> {
    let mut all = Recipes { newest: vec![], earlier: vec![] };
    let mut unread = false;
    // What is older than the revisions that are kept is gone.
    let first = settled.unwrap_or_else(|| (newest.number - KEPT).max(1));
    for number in first.min(newest.number).max(1)..=newest.number {
        let known = newest.stored.as_ref().filter(|stored| stored.number == number);
        let secrets = match known {
            Some(stored) => Some(stored.revision.secrets.clone()),
            None => revisions.get(&owner.environment, number).await?.map(|stored| stored.revision.secrets),
        };
        match secrets {
            Some(secrets) if number == newest.number => all.newest = secrets,
            Some(secrets) => all.earlier.extend(secrets),
            None => unread = true,
        }
    }
    Ok((all, unread))
}

/// What an environment is brought to and cannot be read.
fn blind(environment: &str, newest: &Newest) -> Option<String> {
    let read = newest.stored.as_ref().map_or(0, |stored| stored.number);
    (read != newest.number).then(|| {
        format!("revision {} of {environment} cannot be read: it may use the old one", newest.number)
    })
}

/// Where pods are looked at, and as what they know the service.
struct Home<'a> {
    owner: Owner,
    namespace: String,
    from: From<'a>,
}

async fn in_namespace(
    client: &Client,
    home: &Home<'_>,
    recipes: &Recipes,
    exchanged: &Exchanged<'_>,
) -> Result<Vec<String>, Error> {
    let environment = &home.owner.environment;
    let secrets = Api::<Secret>::namespaced(client.clone(), &home.namespace);
    let mut late = Vec::new();
    let mut content = BTreeMap::new();
    for recipe in recipes.newest.iter().chain(&recipes.earlier) {
        content.insert(recipe.name.clone(), Content::Other);
    }
    for recipes in [&recipes.newest, &recipes.earlier] {
        for (recipe, keys) in plan::recipes(recipes, home.from) {
            let live = secrets.get_opt(&recipe.name).await?;
            let holds = live.as_ref().map_or(Content::Old, |live| holds(live, &keys, exchanged.password));
            content.insert(recipe.name.clone(), holds);
        }
    }
    // Whatever starts next would start with it.
    let behind = plan::recipes(&recipes.newest, home.from);
    let mut behind: Vec<&str> = behind
        .into_iter()
        .filter(|(recipe, _)| content.get(&recipe.name) == Some(&Content::Old))
        .map(|(recipe, _)| recipe.part.as_str())
        .collect();
    behind.dedup();
    late.extend(behind.into_iter().map(|part| format!("{part} of {environment} is being given the new one")));
    let own = matches!(home.from, From::Own(_));
    if own {
        let since = exchanged.at.checked_add(SignedDuration::try_from(SETTLES).unwrap_or_default());
        let since = since.unwrap_or(Timestamp::MAX);
        let new = Content::New { since, mark: None };
        content.insert(credentials_name(exchanged.service), new);
    }
    let pods = Api::<Pod>::namespaced(client.clone(), &home.namespace).list(&ListParams::default()).await?;
    for pod in &pods.items {
        if own && pod.labels().get(marks::PART).is_some_and(|part| part == exchanged.service) {
            // The server itself.
            continue;
        }
        for name in plan::secrets(pod) {
            if !content.contains_key(name) {
                // Of an earlier revision, or none of ours.
                let found = secrets.get_metadata_opt(name).await?;
                let ours = found.is_some_and(|found| home.owner.owns(found.labels()));
                content.insert(name.to_owned(), if ours { Content::Old } else { Content::Other });
            }
        }
        if plan::is_late(pod, &content) {
            late.push(format!("pod {} of {environment} was started with the old one", pod.name_any()));
        }
    }
    Ok(late)
}

/// Whether a Secret that was put together holds the new one, and pods have been told to fetch it.
fn holds(live: &Secret, keys: &[&str], password: &[u8]) -> Content {
    let has = |key: &&str| {
        let value = live.data.as_ref().and_then(|data| data.get(*key));
        value.is_some_and(|value| value.0.windows(password.len().max(1)).any(|part| part == password))
    };
    if keys.iter().all(has) && !live.annotations().contains_key(marks::CONTENT_SINCE) {
        Content::New { since: written(live), mark: live.annotations().get(marks::CONTENT).cloned() }
    } else {
        Content::Old
    }
}

/// Copies of data that may have read the old one; they are given it once, when they begin.
async fn copies(
    client: &Client,
    control: &str,
    environments: &[String],
    exchanged: &Exchanged<'_>,
) -> Result<Vec<String>, Error> {
    let all = Api::<DataCopy>::namespaced(client.clone(), control).list(&ListParams::default()).await?;
    let under_way = |copy: &&DataCopy| {
        let ended = copy.status.as_ref().is_some_and(|status| status.phase.is_final());
        let spec = &copy.spec;
        let named = [&spec.from.environment, &spec.to.environment];
        let ours = named.into_iter().any(|name| environments.contains(name))
            && (spec.services.is_empty() || spec.services.iter().any(|name| name == exchanged.service));
        let since = copy.creation_timestamp().map(|time| time.0);
        !ended && ours && since.is_none_or(|since| since <= exchanged.at)
    };
    Ok(all.iter().filter(under_way).map(|copy| format!("copy {} is under way", copy.name_any())).collect())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_secret_counts_once_it_holds_the_new_one_and_pods_were_told() {
        let secret = |value: &str, annotations: serde_json::Value| -> Secret {
            let data = BTreeMap::from([("URL".to_owned(), k8s_openapi::ByteString(value.into()))]);
            let metadata = json!({
                "name": "web-env", "annotations": annotations, "creationTimestamp": "2026-01-01T00:00:00Z",
                "managedFields": [
                    {"manager": marks::MANAGER, "time": "2026-01-01T00:00:10Z"},
                    {"manager": marks::MANAGER, "time": "2026-01-01T00:00:05Z"},
                    // Somebody put a label on it.
                    {"manager": "kubectl-label", "time": "2026-01-01T09:00:00Z"},
                ],
            });
            Secret {
                data: Some(data),
                metadata: serde_json::from_value(metadata).unwrap(),
                ..Secret::default()
            }
        };
        let look = |secret: &Secret| holds(secret, &["URL"], b"new");
        let since: Timestamp = "2026-01-01T00:00:10Z".parse().unwrap();
        let new = |mark: Option<&str>| Content::New { since, mark: mark.map(str::to_owned) };
        assert_eq!(look(&secret("mysql://app:new@db", json!({}))), new(None));
        assert_eq!(look(&secret("mysql://app:new@db", json!({marks::CONTENT: "a1"}))), new(Some("a1")));
        assert_eq!(look(&secret("mysql://app:old@db", json!({}))), Content::Old);
        let settling = json!({marks::CONTENT_SINCE: "2026-01-01T00:00:10Z"});
        assert_eq!(look(&secret("mysql://app:new@db", settling)), Content::Old);
        assert_eq!(holds(&secret("new", json!({})), &["URL", "OTHER"], b"new"), Content::Old);
    }
}
