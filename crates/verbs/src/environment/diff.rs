//! `env diff`: in what two environments differ, their own names left out.

use std::collections::BTreeMap;

use api::plan::ObjectChange;
use api::{Environment, EnvironmentRevision};
use environments::plan::overrides::shown;
use environments::plan::{alike, changes};
use schemars::JsonSchema;
use serde::Serialize;

use super::history::Numbered;
use super::schema::{self, Schema};
use super::{history, read};
use crate::{Cluster, Result};

/// In what `right` differs from `left`.
#[derive(Clone, Debug, JsonSchema, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Comparison {
    pub left: ComparedSide,
    pub right: ComparedSide,
    /// Whether both run the same bytes of every image they share.
    pub same_digests: bool,
    /// What would have to change in `left` to make it `right`.
    pub changes: Vec<ObjectChange>,
    /// The schema of every database that both have; none: they were not asked.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub schemas: Option<Vec<Schema>>,
}

/// One of the two.
#[derive(Clone, Debug, JsonSchema, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ComparedSide {
    pub environment: String,
    pub revision: i64,
    pub class: String,
    pub project_revision: String,
    /// Settings in which it differs by hand from its project.
    pub differs_by_hand: BTreeMap<String, String>,
}

/// One of the two, with all of it.
struct Side {
    environment: Environment,
    numbered: Numbered,
}

/// Compares the revisions that two environments have now, and asks their databases.
pub async fn diff(cluster: &Cluster, namespace: &str, left: &str, right: &str) -> Result<Comparison> {
    let (a, b) = sides(cluster, namespace, left, right).await?;
    let both = (&a.environment, &b.environment);
    let (a_side, b_side) = (
        schema::Side { environment: both.0, revision: &a.numbered.revision },
        schema::Side { environment: both.1, revision: &b.numbered.revision },
    );
    let schemas = schema::compare(cluster, namespace, a_side, b_side).await;
    Ok(Comparison { schemas: Some(schemas), ..compared((left, &a), (right, &b)) })
}

/// The same without their databases: nobody gets into a pod for it.
pub async fn compare(cluster: &Cluster, namespace: &str, left: &str, right: &str) -> Result<Comparison> {
    let (a, b) = sides(cluster, namespace, left, right).await?;
    Ok(compared((left, &a), (right, &b)))
}

async fn sides(cluster: &Cluster, namespace: &str, left: &str, right: &str) -> Result<(Side, Side)> {
    let a = read::get(cluster, namespace, left).await?;
    let b = read::get(cluster, namespace, right).await?;
    let numbered = history::current(cluster, namespace, &a).await?;
    let a = Side { environment: a, numbered };
    let numbered = history::current(cluster, namespace, &b).await?;
    Ok((a, Side { environment: b, numbered }))
}

fn compared((left, a): (&str, &Side), (right, b): (&str, &Side)) -> Comparison {
    let side = |environment: &str, numbered: &Numbered| ComparedSide {
        environment: environment.to_owned(),
        revision: numbered.number,
        class: numbered.revision.class.clone(),
        project_revision: numbered.revision.project_revision.clone(),
        differs_by_hand: shown(&numbered.revision.overrides).into_iter().collect(),
    };
    let (a, b) = (&a.numbered, &b.numbered);
    let mut a_comparable = alike::nameless(&a.revision, left);
    let mut b_comparable = alike::nameless(&b.revision, right);
    let rolled = |revision: &EnvironmentRevision| revision.restores.is_some();
    if rolled(&a_comparable) || rolled(&b_comparable) {
        // A rollback runs no jobs: what is asked is how the two run, not how they came to it.
        a_comparable.parts.retain(|part| !part.role.completes());
        b_comparable.parts.retain(|part| !part.role.completes());
    }
    let same = |(image, digest)| b.revision.digests.get(image) == Some(digest);
    Comparison {
        schemas: None,
        left: side(left, a),
        right: side(right, b),
        same_digests: a.revision.digests.iter().all(same),
        changes: changes::between(Some(&a_comparable), &b_comparable),
    }
}
