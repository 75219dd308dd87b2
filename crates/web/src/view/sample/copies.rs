//! Copies of data, backups, and changes of passwords.

use std::collections::BTreeMap;

use api::{DataCopy, Rotation};
use serde_json::{Value, json};
use verbs::data;

/// Copies of data: one on its way, one that failed, one that is done.
pub fn copies() -> Vec<data::Detail> {
    let copy = |name: &str, created: &str, status: &Value| {
        let object = json!({
            "apiVersion": "outboard.dev/v1alpha1", "kind": "DataCopy",
            "metadata": {"name": name, "namespace": "shop", "generation": 1, "creationTimestamp": created},
            "spec": {"from": {"environment": "production"}, "to": {"environment": "qa-42"}, "requestedBy": "ann"},
            "status": status,
        });
        serde_json::from_value::<DataCopy>(object).ok()
    };
    let coming = json!({"observedGeneration": 1, "phase": "Copying", "rows": 1_200_000, "rowsTotal": 2_000_000, "services": [
        {"name": "db", "phase": "Copying", "rows": 1_200_000, "rowsTotal": 2_000_000, "bytes": 314_572_800,
            "bytesPerSecond": 20_971_520, "etaSeconds": 10},
        {"name": "cache", "store": "redis", "phase": "Planning", "message": "asks what there is"},
    ]});
    let failed = json!({"observedGeneration": 1, "phase": "Failed", "target": "Incomplete", "rows": 12, "services": [
        {"name": "db", "phase": "Failed", "rows": 12, "target": "Incomplete"},
    ], "verdict": {"cause": "ServiceNotFound", "about": "service db", "message": "the target has no room left",
        "evidence": ["ERROR 1114 (HY000): The table 'orders' is full"], "fix": "give it a larger volume, then copy again",
        "terminal": true}});
    let done = json!({"observedGeneration": 1, "phase": "Done", "target": "Copied", "rows": 2_000_123, "services": [
        {"name": "db", "phase": "Done", "rows": 2_000_123, "rowsTotal": 2_000_000, "bytes": 734_003_200, "target": "Copied",
            "snapshot": {"kind": "aligned", "readers": 4, "heldMillis": 0, "openedMillis": 12}},
    ]});
    let all = [
        copy("qa-42-x7k2p", "2026-11-26T11:59:10Z", &coming),
        copy("qa-42-q4m8s", "2026-11-26T11:30:00Z", &failed),
        copy("qa-42-b2c9d", "2026-11-25T12:00:00Z", &done),
    ];
    all.into_iter().flatten().map(|copy| data::detail(&copy)).collect()
}

/// A copy in each phase, and one that only said what it would do.
pub fn phases() -> Vec<data::Detail> {
    const PHASES: [&str; 9] = [
        "Pending",
        "Planning",
        "Quiescing",
        "Copying",
        "Paused",
        "Verifying",
        "Finishing",
        "Done",
        "Cancelled",
    ];
    let copy = |phase: &str, dry_run: bool| {
        let rows = if dry_run { 0 } else { 800_000 };
        let object = json!({
            "apiVersion": "outboard.dev/v1alpha1", "kind": "DataCopy",
            "metadata": {"name": format!("qa-43-{}", if dry_run { "dry-run".to_owned() } else { phase.to_lowercase() }),
                "namespace": "shop", "generation": 1, "creationTimestamp": "2026-11-26T11:50:00Z"},
            "spec": {"from": {"environment": "production"}, "to": {"environment": "qa-43"}, "requestedBy": "bob",
                "dryRun": dry_run},
            "status": {"observedGeneration": 1, "phase": phase, "rows": rows, "rowsTotal": 2_000_000, "services": [
                {"name": "db", "phase": phase, "rows": rows, "rowsTotal": 2_000_000, "tables": 12, "bytesTotal": 734_003_200}]},
        });
        serde_json::from_value::<DataCopy>(object).ok()
    };
    let all = PHASES.map(|phase| copy(phase, false)).into_iter().chain([copy("Done", true)]);
    all.flatten().map(|copy| data::detail(&copy)).collect()
}

/// Backups: one that is being made, one that failed, one that is whole, and one of an environment that was destroyed.
pub fn backups() -> Vec<data::Backup> {
    use data::CopyPhase::{Copying, Done, Failed};
    let some = |text: &str| Some(text.to_owned());
    let whole = data::Backup {
        name: "qa-42-20261125t030000z".to_owned(),
        namespace: "shop".to_owned(),
        environment: "qa-42".to_owned(),
        gone: false,
        class: some("qa"),
        all: true,
        protected: false,
        phase: Done,
        services: vec!["db".to_owned(), "cache".to_owned()],
        counts: "rows and keys",
        rows: 2_000_123,
        bytes: 734_003_200,
        place: some("s3://shop-backups/environments/shop/shop/qa-42/20261125t030000z-x7k2p"),
        requested_by: some("ann"),
        created: some("2026-11-25T03:00:00Z"),
        finished: some("2026-11-25T03:02:00Z"),
        why: None,
    };
    let other = data::Backup {
        name: "qa-40-20261120t030000z".to_owned(),
        environment: "qa-40".to_owned(),
        gone: true,
        created: some("2026-11-20T03:00:00Z"),
        ..whole.clone()
    };
    let failed = data::Backup {
        name: "qa-42-20261126t030000z".to_owned(),
        phase: Failed,
        rows: 0,
        bytes: 0,
        place: None,
        created: some("2026-11-26T03:00:00Z"),
        why: some("service db: the bucket refuses what is written"),
        ..whole.clone()
    };
    let coming = data::Backup {
        name: "qa-42-20261126t115900z".to_owned(),
        phase: Copying,
        rows: 1_200_000,
        bytes: 0,
        created: some("2026-11-26T11:59:00Z"),
        ..whole.clone()
    };
    vec![other, whole, failed, coming]
}

/// Changes of passwords: one that is done, one on its way, one that was refused.
pub fn rotations() -> BTreeMap<String, Rotation> {
    let all = json!({
        "db": {"request": "1", "phase": "Done", "rotatedAt": "2026-11-26T11:05:00Z"},
        "cache": {"request": "2", "phase": "Replacing", "message": "waits for component web"},
        "orders": {"request": "3", "phase": "Refused", "message": "its server does not answer"},
    });
    serde_json::from_value(all).unwrap_or_default()
}
