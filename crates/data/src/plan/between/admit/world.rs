//! Environments as tests of admission have them, and what is said to a copy between them.

use api::datacopy::DataCopySpec;
use api::project::ProjectSpec;
use api::{DataCopy, Environment, Verdict};
use serde_json::json;

use super::{Admitted, Ask, Side, admit};

pub fn environment(name: &str, class: &str) -> Environment {
    let parts = ["db", "cache", "hot", "uploads"]
        .map(|name| json!({"name": name, "role": "service", "state": "ready"}));
    serde_json::from_value(json!({
        "apiVersion": "outboard.dev/v1alpha1", "kind": "Environment",
        "metadata": {"name": name, "namespace": "shop"},
        "spec": {"project": "shop", "projectRevision": "p-0123456789", "class": class},
        "status": {"parts": parts},
    }))
    .unwrap()
}

pub fn judged(
    spec: &DataCopySpec,
    project: &ProjectSpec,
    ends: (Option<&Environment>, Option<&Environment>),
    before: &[DataCopy],
) -> Result<Admitted, Verdict> {
    judged_with(spec, project, ends, None, before)
}

/// The same, where a backup says something of itself.
pub fn judged_with(
    spec: &DataCopySpec,
    project: &ProjectSpec,
    (from, to): (Option<&Environment>, Option<&Environment>),
    record: Option<&DataCopy>,
    before: &[DataCopy],
) -> Result<Admitted, Verdict> {
    let side = |name, environment| Side { name, environment, revision: Some(project) };
    admit(&Ask {
        name: "c2",
        spec,
        project: Some(project),
        from: side(&spec.from.environment, from),
        to: side(&spec.to.environment, to),
        before,
        record,
        uid: "uid-1",
        install: "outboard",
        control_namespace: "shop",
    })
}
