//! `data show`: everything about one copy.

use api::Verdict;
use api::datacopy::{CopiedService, CopyLimits, DataCopy, MaskChoice, TargetState};
use kube::api::ListParams;
use kube::{Api, ResourceExt};
use schemars::JsonSchema;
use serde::Serialize;

use super::list::{Summary, summary};
use crate::suggest::nearest;
use crate::{Cluster, Error, Result};

/// One copy in full.
#[derive(Clone, Debug, JsonSchema, PartialEq, Serialize)]
#[schemars(rename = "CopyDetail")]
#[serde(rename_all = "camelCase")]
pub struct Detail {
    pub summary: Summary,
    pub masks: MaskChoice,
    pub limits: CopyLimits,
    /// Whether what writes to the target was stopped meanwhile.
    pub quiesce: bool,
    /// What is in the target's databases.
    pub target: TargetState,
    pub services: Vec<CopiedService>,
    pub notes: Vec<String>,
    pub verdict: Option<Verdict>,
    pub started: Option<String>,
    /// Until when this is kept, once it has finished.
    pub kept_until: Option<String>,
}

pub async fn show(cluster: &Cluster, namespace: &str, name: &str) -> Result<Detail> {
    Ok(detail(&get(cluster, namespace, name).await?))
}

/// Everything about a copy that was read already.
pub fn detail(copy: &DataCopy) -> Detail {
    let status = copy.status.clone().unwrap_or_default();
    Detail {
        summary: summary(copy),
        masks: copy.spec.masks,
        limits: copy.spec.limits,
        quiesce: copy.spec.quiesce,
        target: status.target,
        services: status.services,
        notes: status.notes,
        verdict: status.verdict,
        started: status.started.map(|time| time.0.to_string()),
        kept_until: status.kept_until.map(|time| time.0.to_string()),
    }
}

pub(super) fn api(cluster: &Cluster, namespace: &str) -> Api<DataCopy> {
    Api::namespaced(cluster.client.clone(), namespace)
}

/// The copy called `name`.
pub(super) async fn get(cluster: &Cluster, namespace: &str, name: &str) -> Result<DataCopy> {
    let found = api(cluster, namespace).get_opt(name).await.map_err(|error| cluster.explain(error))?;
    match found {
        Some(copy) => Ok(copy),
        None => Err(unknown(cluster, namespace, name).await),
    }
}

async fn unknown(cluster: &Cluster, namespace: &str, name: &str) -> Error {
    let known: Vec<String> = match api(cluster, namespace).list(&ListParams::default()).await {
        Ok(list) => list.iter().map(ResourceExt::name_any).collect(),
        Err(error) => return cluster.explain(error),
    };
    Error::NotFound {
        kind: "copy",
        name: name.to_owned(),
        place: format!("namespace `{namespace}`"),
        nearest: nearest(name, known.iter().map(String::as_str)),
        known,
    }
}
