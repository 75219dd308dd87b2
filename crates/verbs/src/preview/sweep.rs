//! Destroys previews of what is closed. What GitHub does not know, or does not say, is left alone.

use api::Environment;
use kube::api::ListParams;
use kube::{Api, ResourceExt};
use serde::Serialize;

use super::github::{GitHub, Stand};
use super::subject::{Repository, Subject};
use super::subject_of;
use crate::environment::{Doomed, destroy, is_protected};
use crate::{Cluster, Result, Sink};

/// One preview, and what became of it.
#[derive(Clone, Debug, Eq, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Swept {
    pub environment: String,
    pub namespace: String,
    /// What it is a preview of.
    pub of: String,
    pub outcome: Outcome,
    /// Why it could not be destroyed, or is left alone.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub why: Option<String>,
    #[serde(skip)]
    uid: String,
}

#[derive(Clone, Copy, Debug, Eq, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub enum Outcome {
    /// What it is of is open: it stays.
    Open,
    /// Nobody can say: it stays.
    Unknown,
    /// Its class is protected: it stays.
    Protected,
    /// It would be destroyed, if this were no dry run.
    WouldGo,
    /// It is being destroyed.
    Going,
    /// It is to go, and does not.
    Failed,
}

/// Every preview of the repository in the namespace (in all namespaces without one). Nothing is destroyed before GitHub has
/// answered for each of them.
pub async fn sweep(
    cluster: &Cluster,
    namespace: Option<&str>,
    repository: &Repository,
    github: &GitHub,
    dry_run: bool,
    events: Sink<'_>,
) -> Result<Vec<Swept>> {
    let environments: Api<Environment> = match namespace {
        Some(namespace) => Api::namespaced(cluster.client.clone(), namespace),
        None => Api::all(cluster.client.clone()),
    };
    let all = environments.list(&ListParams::default()).await.map_err(|error| cluster.explain(error))?.items;
    github.sees(repository).await?;
    let mut swept = vec![];
    for environment in &all {
        if environment.metadata.deletion_timestamp.is_some() {
            continue;
        }
        let Some(of) = subject_of(environment) else { continue };
        let (outcome, why) = match of.parse::<Subject>() {
            Ok(subject) if !subject.repository.is_same(repository) => continue,
            Ok(subject) => stands(cluster, environment, &subject, github).await?,
            Err(why) => (Outcome::Unknown, Some(format!("its mark cannot be read: {why}"))),
        };
        swept.push(Swept {
            environment: environment.name_any(),
            namespace: environment.namespace().unwrap_or_default(),
            of: of.to_owned(),
            outcome,
            why,
            uid: environment.uid().unwrap_or_default(),
        });
    }
    if dry_run {
        return Ok(swept);
    }
    for preview in swept.iter_mut().filter(|preview| preview.outcome == Outcome::WouldGo) {
        let doomed = Doomed {
            namespace: &preview.namespace,
            name: &preview.environment,
            uid: Some(&preview.uid),
            protected: false,
        };
        match destroy(cluster, doomed, false, None, events).await {
            Ok(_) => preview.outcome = Outcome::Going,
            Err(error) => {
                preview.outcome = Outcome::Failed;
                preview.why = Some(error.to_string());
            }
        }
    }
    Ok(swept)
}

/// What would become of a preview, and why.
async fn stands(
    cluster: &Cluster,
    environment: &Environment,
    subject: &Subject,
    github: &GitHub,
) -> Result<(Outcome, Option<String>)> {
    let namespace = environment.namespace().unwrap_or_default();
    Ok(match github.stand(subject).await? {
        Stand::Open => (Outcome::Open, None),
        Stand::Unknown => (Outcome::Unknown, Some(format!("GitHub shows no {subject} to this token"))),
        Stand::Closed if is_protected(cluster, &namespace, environment).await? => (
            Outcome::Protected,
            Some("destroy it yourself with `outboard env destroy --protected`".to_owned()),
        ),
        Stand::Closed => (Outcome::WouldGo, None),
    })
}
