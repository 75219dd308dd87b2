//! `data list`: every copy in one line.

use api::datacopy::{CopiedService, CopyPhase, CopyStore, DataCopy};
use kube::api::ListParams;
use kube::{Api, ResourceExt};
use schemars::JsonSchema;
use serde::Serialize;

use crate::{Cluster, Result};

/// One copy, in one line.
#[derive(Clone, Debug, JsonSchema, PartialEq, Serialize)]
#[schemars(rename = "CopySummary")]
#[serde(rename_all = "camelCase")]
pub struct Summary {
    pub name: String,
    /// The control namespace.
    pub namespace: String,
    pub from: String,
    pub to: String,
    /// None: every MariaDB, Redis and S3 that both have.
    pub services: Vec<String>,
    /// Only said what would be copied, or proposed masks.
    pub dry_run: bool,
    pub scan: bool,
    /// The backup that it makes, or brings back.
    pub backup: Option<String>,
    /// Whether it makes that.
    pub makes_backup: bool,
    pub phase: CopyPhase,
    /// What `rows` are: rows, keys, objects, or several of them.
    pub counts: &'static str,
    pub rows: u64,
    pub rows_total: u64,
    pub bytes: u64,
    pub bytes_total: u64,
    pub bytes_per_second: u64,
    pub eta_seconds: Option<u64>,
    /// Why it does not go on.
    pub why: Option<String>,
    pub requested_by: Option<String>,
    pub created: Option<String>,
    pub finished: Option<String>,
}

/// Every copy of the namespace (of all namespaces without one), the newest last.
pub async fn list(cluster: &Cluster, namespace: Option<&str>) -> Result<Vec<Summary>> {
    let copies: Api<DataCopy> = match namespace {
        Some(namespace) => Api::namespaced(cluster.client.clone(), namespace),
        None => Api::all(cluster.client.clone()),
    };
    let mut list = copies.list(&ListParams::default()).await.map_err(|error| cluster.explain(error))?.items;
    list.sort_by_key(|copy| (copy.creation_timestamp().map(|time| time.0), copy.name_any()));
    Ok(list.iter().map(summary).collect())
}

fn counts(services: &[CopiedService]) -> &'static str {
    let any = |store| services.iter().any(|service| service.store == store);
    match (any(CopyStore::Mariadb), any(CopyStore::Redis), any(CopyStore::S3)) {
        (true, true, true) => "rows, keys and objects",
        (true, true, false) => "rows and keys",
        (true, false, true) => "rows and objects",
        (false, true, true) => "keys and objects",
        (false, true, false) => CopyStore::Redis.rows(),
        (false, false, true) => CopyStore::S3.rows(),
        (_, false, false) => CopyStore::Mariadb.rows(),
    }
}

/// The line of one copy.
pub fn summary(copy: &DataCopy) -> Summary {
    let status = copy.status.clone().unwrap_or_default();
    let of_all = |value: fn(&CopiedService) -> u64| -> u64 { status.services.iter().map(value).sum() };
    let why = status.verdict.as_ref().map(|verdict| format!("{}: {}", verdict.about, verdict.message));
    Summary {
        name: copy.name_any(),
        namespace: copy.namespace().unwrap_or_default(),
        from: copy.spec.from.environment.clone(),
        to: copy.spec.to.environment.clone(),
        services: copy.spec.services.clone(),
        dry_run: copy.spec.dry_run,
        scan: copy.spec.scan,
        backup: match copy.spec.backup {
            true => Some(copy.name_any()),
            false => copy.spec.from.backup.clone(),
        },
        makes_backup: copy.spec.backup,
        phase: status.phase,
        counts: counts(&status.services),
        rows: status.rows,
        rows_total: status.rows_total,
        bytes: of_all(|service| service.bytes),
        bytes_total: of_all(|service| service.bytes_total),
        bytes_per_second: of_all(|service| service.bytes_per_second),
        eta_seconds: status.services.iter().filter_map(|service| service.eta_seconds).max(),
        why,
        requested_by: copy.spec.requested_by.clone(),
        created: copy.creation_timestamp().map(|time| time.0.to_string()),
        finished: status.finished.map(|time| time.0.to_string()),
    }
}
