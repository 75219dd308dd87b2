//! `env history --diff`: what a revision of an environment changed, against another that is kept.

use api::EnvironmentRevision;
use api::plan::ObjectChange;
use environments::plan::changes;
use k8s_openapi::api::apps::v1::ControllerRevision;
use schemars::JsonSchema;
use serde::Serialize;

use super::{history, read};
use crate::{Cluster, Error, Result};

/// In what a revision differs from another.
#[derive(Clone, Debug, JsonSchema, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Changed {
    pub environment: String,
    pub revision: i64,
    /// None: it is the first that is kept, and all of it is new.
    pub against: Option<i64>,
    /// What would have to change in `against` to make it `revision`.
    pub changes: Vec<ObjectChange>,
}

/// Against the one before it that is kept, unless another is named.
pub async fn changed(
    cluster: &Cluster,
    namespace: &str,
    name: &str,
    revision: i64,
    against: Option<i64>,
) -> Result<Changed> {
    let stored = history::stored(cluster, namespace, name).await?;
    if stored.is_empty() && read::find(cluster, namespace, name).await?.is_none() {
        return Err(read::unknown(cluster, namespace, name).await);
    }
    between(&stored, name, revision, against)
}

fn between(
    stored: &[ControllerRevision],
    name: &str,
    revision: i64,
    against: Option<i64>,
) -> Result<Changed> {
    let found = |number: i64| {
        let object = stored.iter().find(|object| object.revision == number);
        object.and_then(EnvironmentRevision::from_object).ok_or_else(|| Error::NotFound {
            kind: "revision",
            name: number.to_string(),
            place: format!("the history of `{name}`"),
            known: known(stored),
            nearest: None,
        })
    };
    let mut right = found(revision)?;
    let against = match against {
        Some(number) => Some(number),
        None => {
            let before = stored.iter().filter_map(|object| {
                let older =
                    EnvironmentRevision::from_object(object).filter(|_| object.revision < revision)?;
                // Of another environment that had the name before nothing was changed.
                (older.project == right.project).then_some(object.revision)
            });
            before.max()
        }
    };
    let mut left = against.map(found).transpose()?;
    let rolled = |revision: &EnvironmentRevision| revision.restores.is_some();
    if let Some(left) = left.as_mut().filter(|left| rolled(left) || rolled(&right)) {
        // A rollback runs no jobs: what is asked is how the two run, not how they came to it.
        left.parts.retain(|part| !part.role.completes());
        right.parts.retain(|part| !part.role.completes());
    }
    let changes = changes::between(left.as_ref(), &right);
    Ok(Changed { environment: name.to_owned(), revision, against, changes })
}

fn known(stored: &[ControllerRevision]) -> Vec<String> {
    let mut numbers: Vec<i64> = stored.iter().map(|object| object.revision).collect();
    numbers.sort_unstable();
    numbers.iter().map(ToString::to_string).collect()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn stored(number: i64, project: &str, image: &str, restores: Option<i64>) -> ControllerRevision {
        let part = |name: &str, role: &str, kind: &str| {
            json!({"name": name, "role": role, "objects": [{"apiVersion": "v1", "kind": kind,
                "metadata": {"name": name}, "spec": {"image": image}}]})
        };
        let mut parts = vec![part("web", "component", "Deployment")];
        if restores.is_none() {
            parts.push(part("migrate", "job", "Job"));
        }
        serde_json::from_value(json!({
            "metadata": {"name": format!("qa-r{number}")},
            "revision": number,
            "data": {"project": project, "projectRevision": "p-0123456789", "class": "qa", "requested": {}, "versions": {},
                "renderer": "0.1.0", "parts": parts, "restores": restores,
                "urls": {}, "secrets": []},
        }))
        .unwrap()
    }

    #[test]
    fn a_revision_is_compared_with_the_one_before_it_that_is_kept_or_with_a_named_one() {
        let all = [
            stored(1, "other", "other", None),
            stored(2, "shop", "web:1", None),
            stored(4, "shop", "web:2", None),
            stored(5, "shop", "web:1", Some(2)),
        ];
        let told = |number, against| {
            let found = between(&all, "qa", number, against).unwrap();
            let objects = found.changes.iter().map(|change| change.object.clone()).collect::<Vec<_>>();
            (found.against, objects.join(", "))
        };
        assert_eq!(told(2, None).0, None);
        let (against, objects) = told(4, None);
        assert_eq!(against, Some(2));
        assert!(objects.contains("Deployment web") && objects.contains("Job migrate"), "{objects}");
        // A rollback and what it goes back to run the same.
        assert_eq!(told(5, Some(2)), (Some(2), String::new()));
        let missing = between(&all, "qa", 3, None).unwrap_err();
        assert!(matches!(missing, Error::NotFound { known, .. } if known == ["1", "2", "4", "5"]));
    }
}
