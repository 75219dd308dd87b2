//! Makes an environment's Secrets from their recipes. Values are drawn once and never written down elsewhere.

use std::collections::BTreeMap;

use api::marks::{self, Owner};
use api::revision::{SecretPiece, SecretRecipe};
use api::{Cause, Verdict};
use k8s_openapi::ByteString;
use k8s_openapi::api::core::v1::{PersistentVolumeClaim, Secret};
use kube::api::{Api, ObjectMeta, Patch, PatchParams, PostParams};
use kube::{Client, ResourceExt};
use rand::RngExt;
use serde_json::json;

use crate::error::Error;

/// Long enough that nobody guesses it: 32 characters of 62.
const PASSWORD_LENGTH: usize = 32;

/// Values of the Secrets made so far, for recipes that refer to them.
type Values = BTreeMap<String, BTreeMap<String, Vec<u8>>>;

/// Ensures every Secret of a revision, in an order in which each finds those it refers to. Returns the drawn
/// values, so that they can be kept out of what people read.
pub async fn ensure(
    client: &Client,
    namespace: &str,
    owner: &Owner,
    recipes: &[SecretRecipe],
    environment: &str,
) -> Result<Vec<String>, Error> {
    let api = Api::<Secret>::namespaced(client.clone(), namespace);
    let (mut values, mut hidden) = (Values::new(), Vec::new());
    let (generated, composed): (Vec<_>, Vec<_>) = recipes.iter().partition(|recipe| recipe.is_generated());
    for recipe in generated {
        let live = match api.get_opt(&recipe.name).await? {
            Some(live) => live,
            None => generate(client, &api, namespace, owner, recipe, environment).await?,
        };
        let live = data(&live);
        for (key, pieces) in &recipe.keys {
            let drawn = live.get(key).filter(|_| pieces.contains(&SecretPiece::Generated));
            hidden.extend(
                drawn.and_then(|bytes| String::from_utf8(bytes.clone()).ok()).filter(|text| !text.is_empty()),
            );
        }
        values.insert(recipe.name.clone(), live);
    }
    for recipe in composed {
        compose(&api, namespace, owner, recipe, &values, environment).await?;
    }
    Ok(hidden)
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
        SecretPiece::Generated => {
            let mut random = rand::rng();
            (0..PASSWORD_LENGTH).map(|_| random.sample(rand::distr::Alphanumeric)).collect()
        }
        SecretPiece::FromSecret { .. } => Vec::new(),
    }
}

/// Writes what is put together from other Secrets. Its name holds the hash of its recipe, so an older revision
/// keeps the Secret it was started with.
async fn compose(
    api: &Api<Secret>,
    namespace: &str,
    owner: &Owner,
    recipe: &SecretRecipe,
    values: &Values,
    environment: &str,
) -> Result<(), Error> {
    let mut wanted = BTreeMap::new();
    for (key, pieces) in &recipe.keys {
        let parts: Option<Vec<Vec<u8>>> = pieces.iter().map(|piece| value(piece, values)).collect();
        let Some(parts) = parts else { return Err(incomplete(recipe, key, environment).into()) };
        wanted.insert(key.clone(), parts.concat());
    }
    let refused = |error| apply::Error::of_write(error, "Secret", namespace, &recipe.name);
    let Some(live) = api.get_opt(&recipe.name).await? else {
        let params = PostParams { field_manager: Some(marks::MANAGER.to_owned()), ..PostParams::default() };
        api.create(&params, &secret(owner, recipe, wanted)).await.map_err(refused)?;
        return Ok(());
    };
    if data(&live) == wanted {
        return Ok(());
    }
    if !owner.owns(live.labels()) {
        let name = recipe.name.clone();
        return Err(apply::Error::Foreign { kind: "Secret", namespace: namespace.to_owned(), name }.into());
    }
    let mut keys: BTreeMap<String, Option<ByteString>> =
        data(&live).into_keys().map(|key| (key, None)).collect();
    keys.extend(wanted.into_iter().map(|(key, bytes)| (key, Some(ByteString(bytes)))));
    let patch = json!({"metadata": {"resourceVersion": live.resource_version()}, "data": keys});
    let params = PatchParams { field_manager: Some(marks::MANAGER.to_owned()), ..PatchParams::default() };
    api.patch(&recipe.name, &params, &Patch::Merge(&patch)).await.map_err(refused)?;
    Ok(())
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

/// A piece's bytes; none when what it refers to is not there.
fn value(piece: &SecretPiece, values: &Values) -> Option<Vec<u8>> {
    match piece {
        SecretPiece::FromSecret { secret, key } => values.get(secret)?.get(key).cloned(),
        other => Some(draw(other)),
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
        type_: Some("Opaque".to_owned()),
        data: Some(values.into_iter().map(|(key, bytes)| (key, ByteString(bytes))).collect()),
        ..Secret::default()
    }
}

fn data(secret: &Secret) -> BTreeMap<String, Vec<u8>> {
    secret.data.iter().flatten().map(|(key, bytes)| (key.clone(), bytes.0.clone())).collect()
}
