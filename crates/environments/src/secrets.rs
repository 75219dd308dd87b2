//! Makes an environment's Secrets from their recipes. Values are drawn once and never written down elsewhere; what
//! others keep is copied again whenever it has changed, and so is a password that is being changed (`rotation`).

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use api::marks::{self, Owner};
use api::revision::{EnvironmentRevision, SecretPiece, SecretRecipe};
use api::{Cause, Verdict};
use aws::{Aws, Freshness};
use k8s_openapi::ByteString;
use k8s_openapi::api::core::v1::{PersistentVolumeClaim, Secret};
use k8s_openapi::jiff::Timestamp;
use kube::api::{Api, ObjectMeta, Patch, PatchParams, PostParams};
use kube::{Client, ResourceExt};
use rand::RngExt;
use serde_json::json;

use crate::error::Error;
use crate::plan::rotation;
use crate::sources::{self, Keepers, Sources, Versions};

/// Long enough that nobody guesses it: 32 characters of 62.
pub const PASSWORD_LENGTH: usize = 32;
/// Two contents are not called the same by accident.
const MARK_LENGTH: usize = 10;
/// For so long a content lies there before pods are told to fetch it: the kubelets, which look at Secrets by themselves, have
/// it by then.
pub const SETTLES: Duration = Duration::from_secs(5);
/// The shortest value that is looked for in evidence.
const SHORTEST: usize = 6;

/// Values of the Secrets made so far, for recipes that refer to them.
type Values = BTreeMap<String, BTreeMap<String, Vec<u8>>>;

/// What came of ensuring the Secrets of a revision.
#[derive(Default)]
pub struct Ensured {
    /// Values that must not stand in what people read.
    pub hidden: Vec<String>,
    /// By Secret, what its present content is called, where that changes.
    pub marks: BTreeMap<String, String>,
    /// Some content is so new that it has no name yet: it has to be looked at again soon.
    pub settles: bool,
    /// By part, the generated ones as they are.
    pub credentials: BTreeMap<String, Secret>,
    /// What others no longer keep: the Secrets hold what they held.
    pub verdict: Option<Verdict>,
    /// Which state of what others keep they were made from.
    pub sources: Versions,
}

/// Ensures every Secret of a revision, in an order in which each finds those it refers to.
pub async fn ensure(
    client: &Client,
    aws: &Aws,
    namespace: &str,
    owner: &Owner,
    revision: &EnvironmentRevision,
) -> Result<Ensured, Error> {
    let (recipes, environment) = (revision.secrets.as_slice(), owner.environment.as_str());
    let api = Api::<Secret>::namespaced(client.clone(), namespace);
    let mut values = Values::new();
    let mut ensured = Ensured::default();
    // Those whose password was changed once, or is being changed.
    let mut rotated = BTreeSet::new();
    let (generated, composed): (Vec<_>, Vec<_>) = recipes.iter().partition(|recipe| recipe.is_generated());
    for recipe in generated {
        let live = match api.get_opt(&recipe.name).await? {
            Some(live) => live,
            None => generate(client, &api, namespace, owner, recipe, environment).await?,
        };
        let content = data(&live);
        let generated = recipe.keys.iter().filter(|(_, pieces)| pieces.contains(&SecretPiece::Generated));
        let drawn = generated.map(|(key, _)| key.as_str()).chain([rotation::NEXT, rotation::PREVIOUS]);
        ensured.hidden.extend(drawn.filter_map(|key| hideable(content.get(key)?)));
        if content.contains_key(rotation::STATE) {
            rotated.insert(recipe.name.as_str());
        }
        values.insert(recipe.name.clone(), content);
        ensured.credentials.insert(recipe.part.clone(), live);
    }
    let keepers = Keepers { client, aws, freshness: Freshness::Lately };
    let sources = sources::read(keepers, owner, &revision.class, recipes).await?;
    ensured.verdict = sources.verdict(recipes, owner, &revision.class);
    let wanted = recipes.iter().flat_map(SecretRecipe::sources);
    ensured.hidden.extend(wanted.filter_map(|(source, key)| hideable(sources.value(source, key)?)));
    // Pods may still have, and write, one that the recipes do not name any more.
    ensured.hidden.extend(sources.passwords().filter_map(|bytes| hideable(bytes)));
    let known = Known { values: &values, sources: &sources, rotated: &rotated };
    for recipe in composed {
        match compose(&api, namespace, owner, recipe, &known).await? {
            Composed::Holds { mark, settles } => {
                ensured.settles |= settles;
                ensured.marks.extend(mark.map(|mark| (recipe.name.clone(), mark)));
            }
            Composed::Lacks(key) => {
                return Err(ensured.verdict.unwrap_or_else(|| incomplete(recipe, &key, environment)).into());
            }
        }
    }
    ensured.sources = sources.versions;
    Ok(ensured)
}

/// A value that can be looked for in what people read; one of a few letters stands everywhere.
fn hideable(bytes: &[u8]) -> Option<String> {
    std::str::from_utf8(bytes).ok().map(str::to_owned).filter(|text| text.len() >= SHORTEST)
}

/// Draws the values and creates the Secret: never over one that exists, never beside a volume that
/// still expects the old values.
async fn generate(
    client: &Client,
    api: &Api<Secret>,
    namespace: &str,
    owner: &Owner,
    recipe: &SecretRecipe,
    environment: &str,
) -> Result<Secret, Error> {
    if let Some(claim) = &recipe.guards_claim {
        let claims = Api::<PersistentVolumeClaim>::namespaced(client.clone(), namespace);
        if claims.get_opt(claim).await?.is_some() {
            return Err(Verdict {
                cause: Cause::SecretLost,
                about: format!("service {}", recipe.part),
                message: format!("Secret {} is gone while volume {claim} still holds data made with its password", recipe.name),
                evidence: vec![format!("namespace {namespace} has volume claim {claim} and no Secret {}", recipe.name)],
                fix: format!("restore the Secret from a backup, or give the data up: outboard env destroy {environment}"),
                terminal: true,
                holds: false,
            }
            .into());
        }
    }
    let values = recipe
        .keys
        .iter()
        .map(|(key, pieces)| (key.clone(), pieces.iter().flat_map(draw).collect()))
        .collect();
    let params = PostParams { field_manager: Some(marks::MANAGER.to_owned()), ..PostParams::default() };
    // A 409 means that another run was quicker: the next one reads what it made.
    let made = api.create(&params, &secret(owner, recipe, values)).await;
    Ok(made.map_err(|error| apply::Error::of_write(error, "Secret", namespace, &recipe.name))?)
}

fn draw(piece: &SecretPiece) -> Vec<u8> {
    match piece {
        SecretPiece::Text(text) => text.clone().into_bytes(),
        SecretPiece::Generated => drawn(PASSWORD_LENGTH).into_bytes(),
        SecretPiece::FromSecret { .. } | SecretPiece::FromSource { .. } => Vec::new(),
    }
}

pub fn drawn(length: usize) -> String {
    let mut random = rand::rng();
    (0..length).map(|_| char::from(random.sample(rand::distr::Alphanumeric))).collect()
}

/// What composed Secrets are made of.
struct Known<'a> {
    values: &'a Values,
    sources: &'a Sources,
    /// Generated ones that change.
    rotated: &'a BTreeSet<&'a str>,
}

/// What came of composing a Secret.
enum Composed {
    /// It has a content, which is called so if it changes; `settles`: pods are told of it a little later.
    Holds { mark: Option<String>, settles: bool },
    /// This key cannot be had, and there is no earlier content.
    Lacks(String),
}

/// Writes what is put together from other Secrets. Its name holds the hash of its recipe, so an older revision
/// keeps the Secret it was started with.
async fn compose(
    api: &Api<Secret>,
    namespace: &str,
    owner: &Owner,
    recipe: &SecretRecipe,
    known: &Known<'_>,
) -> Result<Composed, Error> {
    let live = api.get_opt(&recipe.name).await?;
    let marked = |live: &Secret| live.annotations().get(marks::CONTENT).cloned();
    let holds = |mark| Composed::Holds { mark, settles: false };
    let foreign = recipe.sources().next().is_some();
    let changes = foreign || known.changes(recipe);
    let mut wanted = BTreeMap::new();
    for (key, pieces) in &recipe.keys {
        let parts: Option<Vec<Vec<u8>>> = pieces.iter().map(|piece| known.value(piece)).collect();
        let Some(parts) = parts else {
            let earlier = live.filter(|live| foreign && owner.owns(live.labels()));
            return Ok(earlier.map_or_else(|| Composed::Lacks(key.clone()), |live| holds(marked(&live))));
        };
        wanted.insert(key.clone(), parts.concat());
    }
    // Drawn, not computed: a hash of a short secret would tell it to whoever may read pods.
    let mark = || drawn(MARK_LENGTH);
    let refused = |error| apply::Error::of_write(error, "Secret", namespace, &recipe.name);
    let Some(live) = live else {
        let params = PostParams { field_manager: Some(marks::MANAGER.to_owned()), ..PostParams::default() };
        let mut made = secret(owner, recipe, wanted);
        let mark = foreign.then(mark);
        made.metadata.annotations = mark.clone().map(|mark| [(marks::CONTENT.to_owned(), mark)].into());
        api.create(&params, &made).await.map_err(refused)?;
        return Ok(holds(mark));
    };
    let now = Timestamp::now();
    let same = data(&live) == wanted;
    let told = told(same, marked(&live).is_some(), since(&live), (foreign, changes), now);
    if told == Told::Already && same {
        return Ok(holds(marked(&live)));
    }
    if told == Told::Later && same {
        return Ok(Composed::Holds { mark: marked(&live), settles: true });
    }
    if !owner.owns(live.labels()) {
        let name = recipe.name.clone();
        return Err(apply::Error::Foreign { kind: "Secret", namespace: namespace.to_owned(), name }.into());
    }
    let mut keys: BTreeMap<String, Option<ByteString>> =
        data(&live).into_keys().map(|key| (key, None)).collect();
    keys.extend(wanted.into_iter().map(|(key, bytes)| (key, Some(ByteString(bytes)))));
    let (mark, annotations) = match told {
        Told::Later => (marked(&live), json!({(marks::CONTENT_SINCE): now.to_string()})),
        Told::Now => {
            let mark = mark();
            (Some(mark.clone()), json!({(marks::CONTENT): mark, (marks::CONTENT_SINCE): null}))
        }
        Told::Already => (marked(&live), json!({})),
    };
    let metadata = json!({"resourceVersion": live.resource_version(), "annotations": annotations});
    let patch = json!({"metadata": metadata, "data": keys});
    let params = PatchParams { field_manager: Some(marks::MANAGER.to_owned()), ..PatchParams::default() };
    api.patch(&recipe.name, &params, &Patch::Merge(&patch)).await.map_err(refused)?;
    Ok(Composed::Holds { mark, settles: told == Told::Later })
}

/// Since when it holds what pods have not been told of.
fn since(live: &Secret) -> Option<Timestamp> {
    live.annotations().get(marks::CONTENT_SINCE)?.parse().ok()
}

/// When pods are told to fetch a content.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Told {
    /// They have it, or nobody else's doing decides it.
    Already,
    /// It has just been written, or has to be.
    Later,
    Now,
}

/// A kubelet starts pods with what it last saw of a Secret: told at once, one of them might start with the old content under
/// the new mark, and keep it.
fn told(
    same: bool,
    marked: bool,
    since: Option<Timestamp>,
    (foreign, changes): (bool, bool),
    now: Timestamp,
) -> Told {
    let settled = |since: Timestamp| now.duration_since(since).unsigned_abs() >= SETTLES;
    match (same, since) {
        (false, _) if changes => Told::Later,
        (true, Some(since)) if changes && !settled(since) => Told::Later,
        (true, Some(_)) if changes => Told::Now,
        (true, None) if foreign && !marked => Told::Now,
        _ => Told::Already,
    }
}

fn incomplete(recipe: &SecretRecipe, key: &str, environment: &str) -> Verdict {
    Verdict {
        cause: Cause::SecretLost,
        about: format!("component {}", recipe.part),
        message: format!("{key} of {} refers to a generated value that is gone", recipe.part),
        evidence: vec![format!("Secret {} cannot be put together", recipe.name)],
        fix: format!(
            "restore that Secret from a backup, or give the data up: outboard env destroy {environment}"
        ),
        terminal: true,
        holds: false,
    }
}

impl Known<'_> {
    /// Whether what it is made of has been changed before.
    fn changes(&self, recipe: &SecretRecipe) -> bool {
        recipe.keys.values().flatten().any(|piece| {
            matches!(piece, SecretPiece::FromSecret { secret, .. } if self.rotated.contains(secret.as_str()))
        })
    }

    /// A piece's bytes; none when what it refers to is not there.
    fn value(&self, piece: &SecretPiece) -> Option<Vec<u8>> {
        match piece {
            SecretPiece::FromSecret { secret, key } => self.values.get(secret)?.get(key).cloned(),
            SecretPiece::FromSource { source, key } => self.sources.value(source, key).cloned(),
            other => Some(draw(other)),
        }
    }
}

fn secret(owner: &Owner, recipe: &SecretRecipe, values: BTreeMap<String, Vec<u8>>) -> Secret {
    let mut labels = owner.labels();
    labels.insert(marks::PART.to_owned(), recipe.part.clone());
    Secret {
        metadata: ObjectMeta {
            name: Some(recipe.name.clone()),
            labels: Some(labels),
            ..ObjectMeta::default()
        },
        type_: Some(recipe.r#type.clone().unwrap_or_else(|| "Opaque".to_owned())),
        data: Some(values.into_iter().map(|(key, bytes)| (key, ByteString(bytes))).collect()),
        ..Secret::default()
    }
}

fn data(secret: &Secret) -> BTreeMap<String, Vec<u8>> {
    secret.data.iter().flatten().map(|(key, bytes)| (key.clone(), bytes.0.clone())).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pods_are_told_of_another_content_once_and_only_after_it_has_lain_there_for_a_while() {
        let at = |seconds| Timestamp::from_second(seconds).unwrap();
        let (own, foreign, rotated) = ((false, false), (true, true), (false, true));
        for kind in [foreign, rotated] {
            assert_eq!(told(false, true, None, kind, at(100)), Told::Later);
            assert_eq!(told(true, true, Some(at(98)), kind, at(100)), Told::Later);
            assert_eq!(told(true, true, Some(at(95)), kind, at(100)), Told::Now);
            assert_eq!(told(true, true, None, kind, at(100)), Told::Already);
            // Changed again meanwhile: it lies there from now on.
            assert_eq!(told(false, true, Some(at(95)), kind, at(100)), Told::Later);
        }
        // What others decide always has a mark; what was never changed has none, and restarts nobody.
        assert_eq!(told(true, false, None, foreign, at(100)), Told::Now);
        assert_eq!(told(true, false, None, rotated, at(100)), Told::Already);
        assert_eq!(told(true, false, None, own, at(100)), Told::Already);
        assert_eq!(told(false, false, None, own, at(100)), Told::Already);
    }
}
