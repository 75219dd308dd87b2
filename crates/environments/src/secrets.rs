//! Makes an environment's Secrets from their recipes. Values are drawn once and never written down elsewhere; what
//! others keep is copied again whenever it has changed.

use std::collections::BTreeMap;

use api::marks::{self, Owner};
use api::revision::{EnvironmentRevision, SecretPiece, SecretRecipe};
use api::{Cause, Verdict};
use aws::{Aws, Freshness};
use k8s_openapi::ByteString;
use k8s_openapi::api::core::v1::{PersistentVolumeClaim, Secret};
use kube::api::{Api, ObjectMeta, Patch, PatchParams, PostParams};
use kube::{Client, ResourceExt};
use rand::RngExt;
use serde_json::json;

use crate::error::Error;
use crate::sources::{self, Keepers, Sources, Versions};

/// Long enough that nobody guesses it: 32 characters of 62.
const PASSWORD_LENGTH: usize = 32;
/// Two contents are not called the same by accident.
const MARK_LENGTH: usize = 10;
/// The shortest value that is looked for in evidence.
const SHORTEST: usize = 6;

/// Values of the Secrets made so far, for recipes that refer to them.
type Values = BTreeMap<String, BTreeMap<String, Vec<u8>>>;

/// What came of ensuring the Secrets of a revision.
#[derive(Default)]
pub struct Ensured {
    /// Values that must not stand in what people read.
    pub hidden: Vec<String>,
    /// By Secret, what its present content is called, where others decide it.
    pub marks: BTreeMap<String, String>,
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
    let (generated, composed): (Vec<_>, Vec<_>) = recipes.iter().partition(|recipe| recipe.is_generated());
    for recipe in generated {
        let live = match api.get_opt(&recipe.name).await? {
            Some(live) => live,
            None => generate(client, &api, namespace, owner, recipe, environment).await?,
        };
        let live = data(&live);
        for (key, pieces) in &recipe.keys {
            let drawn = live.get(key).filter(|_| pieces.contains(&SecretPiece::Generated));
            ensured.hidden.extend(drawn.and_then(|bytes| hideable(bytes)));
        }
        values.insert(recipe.name.clone(), live);
    }
    let keepers = Keepers { client, aws, freshness: Freshness::Lately };
    let sources = sources::read(keepers, owner, &revision.class, recipes).await?;
    ensured.verdict = sources.verdict(recipes, owner, &revision.class);
    let wanted = recipes.iter().flat_map(SecretRecipe::sources);
    ensured.hidden.extend(wanted.filter_map(|(source, key)| hideable(sources.value(source, key)?)));
    let known = Known { values: &values, sources: &sources };
    for recipe in composed {
        match compose(&api, namespace, owner, recipe, &known).await? {
            Composed::Holds(Some(mark)) => drop(ensured.marks.insert(recipe.name.clone(), mark)),
            Composed::Holds(None) => {}
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

fn drawn(length: usize) -> String {
    let mut random = rand::rng();
    (0..length).map(|_| char::from(random.sample(rand::distr::Alphanumeric))).collect()
}

/// What composed Secrets are made of.
struct Known<'a> {
    values: &'a Values,
    sources: &'a Sources,
}

/// What came of composing a Secret.
enum Composed {
    /// It has a content, which is called so if others decide it.
    Holds(Option<String>),
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
    let foreign = recipe.sources().next().is_some();
    let mut wanted = BTreeMap::new();
    for (key, pieces) in &recipe.keys {
        let parts: Option<Vec<Vec<u8>>> = pieces.iter().map(|piece| known.value(piece)).collect();
        let Some(parts) = parts else {
            let earlier = live.filter(|live| foreign && owner.owns(live.labels()));
            return Ok(
                earlier.map_or_else(|| Composed::Lacks(key.clone()), |live| Composed::Holds(marked(&live)))
            );
        };
        wanted.insert(key.clone(), parts.concat());
    }
    // Drawn, not computed: a hash of a short secret would tell it to whoever may read pods.
    let mark = foreign.then(|| drawn(MARK_LENGTH));
    let refused = |error| apply::Error::of_write(error, "Secret", namespace, &recipe.name);
    let Some(live) = live else {
        let params = PostParams { field_manager: Some(marks::MANAGER.to_owned()), ..PostParams::default() };
        let mut made = secret(owner, recipe, wanted);
        made.metadata.annotations = mark.clone().map(|mark| [(marks::CONTENT.to_owned(), mark)].into());
        api.create(&params, &made).await.map_err(refused)?;
        return Ok(Composed::Holds(mark));
    };
    if data(&live) == wanted && (!foreign || marked(&live).is_some()) {
        return Ok(Composed::Holds(marked(&live)));
    }
    if !owner.owns(live.labels()) {
        let name = recipe.name.clone();
        return Err(apply::Error::Foreign { kind: "Secret", namespace: namespace.to_owned(), name }.into());
    }
    let mut keys: BTreeMap<String, Option<ByteString>> =
        data(&live).into_keys().map(|key| (key, None)).collect();
    keys.extend(wanted.into_iter().map(|(key, bytes)| (key, Some(ByteString(bytes)))));
    let metadata =
        json!({"resourceVersion": live.resource_version(), "annotations": {(marks::CONTENT): mark}});
    let patch = json!({"metadata": metadata, "data": keys});
    let params = PatchParams { field_manager: Some(marks::MANAGER.to_owned()), ..PatchParams::default() };
    api.patch(&recipe.name, &params, &Patch::Merge(&patch)).await.map_err(refused)?;
    Ok(Composed::Holds(mark))
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
