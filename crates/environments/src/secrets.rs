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

use crate::error::Error;

/// Long enough that nobody guesses it: 32 characters of 62.
const PASSWORD_LENGTH: usize = 32;

/// Values of the Secrets made so far, for recipes that refer to them.
type Values = BTreeMap<String, BTreeMap<String, Vec<u8>>>;

/// Ensures every Secret of a revision, in an order in which each finds those it refers to.
pub async fn ensure(
    client: &Client,
    namespace: &str,
    owner: &Owner,
    recipes: &[SecretRecipe],
    environment: &str,
) -> Result<(), Error> {
    let api = Api::<Secret>::namespaced(client.clone(), namespace);
    let mut values = Values::new();
    let (generated, composed): (Vec<_>, Vec<_>) = recipes.iter().partition(|recipe| recipe.is_generated());
    for recipe in generated {
        let live = match api.get_opt(&recipe.name).await? {
            Some(live) => live,
            None => generate(client, &api, namespace, owner, recipe, environment).await?,
        };
        values.insert(recipe.name.clone(), data(&live));
    }
    for recipe in composed {
        compose(&api, owner, recipe, &values).await?;
    }
    Ok(())
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
    Ok(api.create(&params, &secret(owner, recipe, values)).await?)
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

async fn compose(
    api: &Api<Secret>,
    owner: &Owner,
    recipe: &SecretRecipe,
    values: &Values,
) -> Result<(), Error> {
    let wanted: BTreeMap<String, Vec<u8>> = recipe
        .keys
        .iter()
        .map(|(key, pieces)| (key.clone(), pieces.iter().flat_map(|piece| value(piece, values)).collect()))
        .collect();
    let live = api.get_opt(&recipe.name).await?;
    if live.as_ref().is_some_and(|live| data(live) == wanted) {
        return Ok(());
    }
    let mut object = secret(owner, recipe, wanted);
    match live {
        Some(live) if !owner.owns(live.labels()) => Err(apply::Error::Foreign {
            kind: "Secret",
            namespace: live.namespace().unwrap_or_default(),
            name: recipe.name.clone(),
        }
        .into()),
        Some(live) => {
            object.metadata.uid = live.uid();
            api.patch(&recipe.name, &PatchParams::apply(marks::MANAGER).force(), &Patch::Apply(&object))
                .await?;
            Ok(())
        }
        None => {
            api.create(
                &PostParams { field_manager: Some(marks::MANAGER.to_owned()), ..PostParams::default() },
                &object,
            )
            .await?;
            Ok(())
        }
    }
}

fn value(piece: &SecretPiece, values: &Values) -> Vec<u8> {
    match piece {
        SecretPiece::FromSecret { secret, key } => {
            values.get(secret).and_then(|keys| keys.get(key)).cloned().unwrap_or_default()
        }
        other => draw(other),
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
