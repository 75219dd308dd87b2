//! Says on an environment's namespace which environments it takes services from: those let it in by that.

use std::collections::BTreeMap;

use api::marks;
use api::revision::EnvironmentRevision;
use k8s_openapi::api::core::v1::Namespace;
use kube::api::{Api, Patch, PatchParams};
use serde_json::{Map, Value, json};

use crate::context::Context;
use crate::error::Error;
use crate::plan::isolation;

/// Before anything of the revision runs, and again whenever the namespace says something else.
pub async fn say(namespace: &str, revision: &EnvironmentRevision, context: &Context) -> Result<(), Error> {
    let wanted = isolation::taken(revision);
    let said = context.watches.namespace_labels(namespace).unwrap_or_default();
    let changes = changes(&said, &wanted);
    if changes.is_empty() {
        return Ok(());
    }
    let patch = json!({"metadata": {"labels": changes}});
    let manager = PatchParams { field_manager: Some(marks::MANAGER.to_owned()), ..PatchParams::default() };
    let namespaces = Api::<Namespace>::all(context.client.clone());
    namespaces.patch(namespace, &manager, &Patch::Merge(&patch)).await?;
    Ok(())
}

/// Labels to write, and with null those that go.
fn changes(said: &BTreeMap<String, String>, wanted: &BTreeMap<String, String>) -> Map<String, Value> {
    let missing = wanted.iter().filter(|(label, class)| said.get(*label) != Some(class));
    let over =
        said.keys().filter(|label| label.starts_with(marks::TAKES_FROM) && !wanted.contains_key(*label));
    let missing = missing.map(|(label, class)| (label.clone(), json!(class)));
    missing.chain(over.map(|label| (label.clone(), Value::Null))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn labels_follow_the_revision_and_leave_all_others_alone() {
        let labels = |pairs: &[(&str, &str)]| -> BTreeMap<String, String> {
            pairs.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect()
        };
        let said =
            labels(&[("outboard.dev/from.old", "qa"), ("outboard.dev/from.data", "dev"), ("team", "blue")]);
        let wanted = labels(&[("outboard.dev/from.data", "qa")]);
        let changed = changes(&said, &wanted);
        assert_eq!(
            Value::Object(changed),
            json!({"outboard.dev/from.data": "qa", "outboard.dev/from.old": null})
        );
        assert!(changes(&wanted, &wanted).is_empty());
    }
}
