//! Destroys previews of what is closed. What GitHub does not know, or does not say, is left alone.

use api::Environment;
use kube::api::ListParams;
use kube::{Api, ResourceExt};
use serde::Serialize;

use super::github::{GitHub, Stand};
use super::subject::{Repository, Subject};
use super::subject_of;
use crate::environment::{Doomed, destroy};
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
        let Some(Ok(subject)) = subject_of(environment).map(str::parse::<Subject>) else { continue };
        // GitHub takes no notice of case.
        if !subject.repository.as_str().eq_ignore_ascii_case(repository.as_str()) {
            continue;
        }
        let (outcome, why) = match github.stand(&subject).await? {
            Stand::Open => (Outcome::Open, None),
            Stand::Closed => (Outcome::WouldGo, None),
            Stand::Unknown => (Outcome::Unknown, Some(format!("GitHub knows no {subject}"))),
        };
        swept.push(Swept {
            environment: environment.name_any(),
            namespace: environment.namespace().unwrap_or_default(),
            of: subject.to_string(),
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

#[cfg(test)]
mod tests {
    use api::marks;

    use super::*;

    #[test]
    fn the_mark_is_read_as_it_is_written() {
        let mut environment = Environment::new("pr-42", api::EnvironmentSpec::default());
        environment.annotations_mut().insert(marks::PREVIEW.to_owned(), "acme/shop#42".to_owned());
        assert_eq!(subject_of(&environment), Some("acme/shop#42"));
    }
}
