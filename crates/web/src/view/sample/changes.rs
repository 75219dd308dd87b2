//! What becomes of an environment: revisions, drift, what it differs in, and versions that it could have.

use std::collections::BTreeMap;

use api::plan::{Action, ObjectChange};
use api::{DriftPolicy, Overrides, Role};
use serde_json::json;
use verbs::environment::{ComparedSide, Entry, Report};
use verbs::project::{Version, Versions};

/// Drift: what stands, what was put back, what was deleted, and what is nobody's business here.
pub fn drift() -> Report {
    let found = json!([
        {"object": "Deployment web", "by": ["kubectl-edit"], "reverted": false, "at": "2026-11-26T11:58:00Z",
            "fields": [{"path": "spec.replicas", "from": "2", "to": "5"}]},
        {"object": "ConfigMap web", "by": ["kubectl-client-side-apply"], "reverted": true, "at": "2026-11-26T11:30:00Z",
            "fields": [{"path": "data.LEVEL", "to": "debug"}, {"path": "data.CURRENCY", "from": "EUR"}]},
        {"object": "Service worker", "deleted": true, "reverted": true, "at": "2026-11-26T10:00:00Z"},
    ]);
    Report {
        environment: "qa-42".to_owned(),
        frozen_until: None,
        reason: None,
        policy: Some(DriftPolicy::Heal),
        drift: serde_json::from_value(found).unwrap_or_default(),
        extra: Some(vec!["Deployment mine".to_owned()]),
    }
}

/// Revisions, the newest first: what runs now, one that was never ready, and one that can come back.
pub fn revisions() -> Vec<Entry> {
    let entry = |revision, version: &str, action: &str| Entry {
        revision,
        current: false,
        ready: true,
        made: Some(format!("2026-11-26T1{revision}:00:00Z")),
        by: Some("ann".to_owned()),
        action: Some(action.to_owned()),
        restores: None,
        keeps: None,
        project_revision: "p-0123456789".to_owned(),
        versions: BTreeMap::from([
            ("web".to_owned(), version.to_owned()),
            ("worker".to_owned(), "1.5.0".to_owned()),
        ]),
        chosen_versions: BTreeMap::new(),
        digests: BTreeMap::new(),
        kept_until: None,
        overrides: Overrides::default(),
        restarts: BTreeMap::new(),
    };
    vec![
        Entry { current: true, ..entry(3, "1.5.0", "set web=1.5.0") },
        Entry { ready: false, ..entry(2, "nope", "set web=nope") },
        entry(1, "1.4.2", "create"),
    ]
}

/// What was planned for an environment that is being made.
pub fn planned() -> Vec<ObjectChange> {
    let change = |part: &str, role, object: &str, action| ObjectChange {
        part: part.to_owned(),
        role,
        object: object.to_owned(),
        action,
        effect: String::new(),
        fields: vec![],
    };
    vec![
        change("db", Role::Service, "StatefulSet db", Action::Create),
        change("web", Role::Component, "Deployment web", Action::Change),
        change("web", Role::Route, "HTTPRoute web", Action::Create),
    ]
}

/// What two environments differ in: both sides.
pub fn compared() -> (ComparedSide, ComparedSide) {
    let side = |environment: &str, revision, setting: Option<&str>| ComparedSide {
        environment: environment.to_owned(),
        revision,
        class: if environment == "production" { environment } else { "qa" }.to_owned(),
        project_revision: "p-0123456789".to_owned(),
        differs_by_hand: setting
            .map(|value| ("web.replicas".to_owned(), value.to_owned()))
            .into_iter()
            .collect(),
    };
    (side("qa-42", 3, Some("5")), side("production", 12, None))
}

/// What a registry has of a component.
pub fn versions() -> Versions {
    let version = |tag: &str, created: &str, runs: &[&str]| Version {
        version: serde_json::from_value(
            json!({"tag": tag, "created": created, "branch": "main", "author": "Ada"}),
        )
        .unwrap_or_default(),
        runs_in: runs.iter().map(|name| (*name).to_owned()).collect(),
        outdated_in: vec![],
    };
    Versions {
        project: "shop".to_owned(),
        component: "web".to_owned(),
        class: "qa".to_owned(),
        repository: "registry.example.com/shop/web".to_owned(),
        versions: vec![
            version("1.5.0", "2026-11-26T09:00:00Z", &["qa-42", "production"]),
            version("1.4.2", "2026-11-20T09:00:00Z", &[]),
        ],
        matching: 2,
        tags: 412,
        notes: vec![],
    }
}
