//! `env diff`: in what two environments differ, their own names left out.

use std::collections::BTreeMap;

use api::EnvironmentRevision;
use api::plan::ObjectChange;
use environments::plan::overrides::shown;
use environments::plan::{alike, changes};
use serde::Serialize;

use super::schema::{self, Schema};
use super::{history, read};
use crate::{Cluster, Result};

/// In what `right` differs from `left`.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Comparison {
    pub left: Side,
    pub right: Side,
    /// Whether both run the same bytes of every image they share.
    pub same_digests: bool,
    /// What would have to change in `left` to make it `right`.
    pub changes: Vec<ObjectChange>,
    /// The schema of every database that both have.
    pub schemas: Vec<Schema>,
}

/// One of the two.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Side {
    pub environment: String,
    pub revision: i64,
    pub class: String,
    pub project_revision: String,
    /// Settings in which it differs by hand from its project.
    pub differs_by_hand: BTreeMap<String, String>,
}

/// Compares the revisions that two environments have now.
pub async fn diff(cluster: &Cluster, namespace: &str, left: &str, right: &str) -> Result<Comparison> {
    let (a, b) = (read::get(cluster, namespace, left).await?, read::get(cluster, namespace, right).await?);
    let a_revision = history::current(cluster, namespace, &a).await?;
    let b_revision = history::current(cluster, namespace, &b).await?;
    let side = |environment: &str, number: i64, revision: &EnvironmentRevision| Side {
        environment: environment.to_owned(),
        revision: number,
        class: revision.class.clone(),
        project_revision: revision.project_revision.clone(),
        differs_by_hand: shown(&revision.overrides).into_iter().collect(),
    };
    let mut a_comparable = alike::nameless(&a_revision.revision, left);
    let mut b_comparable = alike::nameless(&b_revision.revision, right);
    if a_comparable.restores.is_some() || b_comparable.restores.is_some() {
        // A rollback runs no jobs: what is asked is how the two run, not how they came to it.
        a_comparable.parts.retain(|part| !part.role.completes());
        b_comparable.parts.retain(|part| !part.role.completes());
    }
    let (a_side, b_side) = (
        schema::Side { environment: &a, revision: &a_revision.revision },
        schema::Side { environment: &b, revision: &b_revision.revision },
    );
    Ok(Comparison {
        schemas: schema::compare(cluster, namespace, a_side, b_side).await,
        left: side(left, a_revision.number, &a_revision.revision),
        right: side(right, b_revision.number, &b_revision.revision),
        same_digests: a_revision
            .revision
            .digests
            .iter()
            .all(|(image, digest)| b_revision.revision.digests.get(image) == Some(digest)),
        changes: changes::between(Some(&a_comparable), &b_comparable),
    })
}
