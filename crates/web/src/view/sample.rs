//! A handful of environments, one in each state: what the page of styles and tests look at.

use std::collections::BTreeMap;
use std::sync::{Arc, LazyLock};

use api::{DataCopy, Environment};
use jiff::Timestamp;
use serde_json::{Value, json};
use verbs::data;
use verbs::environment::{Detail, summary};
use verbs::hostname;

pub static NOW: LazyLock<Timestamp> = LazyLock::new(|| "2026-11-26T12:00:00Z".parse().unwrap_or_default());

fn environment(name: &str, owner: &str, created: &str, status: &Value) -> Option<Arc<Environment>> {
    let object = json!({
        "apiVersion": "outboard.dev/v1alpha1", "kind": "Environment",
        "metadata": {"name": name, "namespace": "shop", "generation": 1, "creationTimestamp": created},
        "spec": {"project": "shop", "projectRevision": "p-0123456789", "class": if name == "production" { name } else { "qa" },
                 "owner": owner},
        "status": status,
    });
    serde_json::from_value(object).ok().map(Arc::new)
}

fn ready(at: &str) -> Value {
    json!({"type": "Ready", "status": "True", "reason": "Ready", "message": "", "observedGeneration": 1, "lastTransitionTime": at})
}

fn part(
    name: &str,
    role: &str,
    version: Option<&str>,
    state: &str,
    replicas: Option<&str>,
    message: &str,
) -> Value {
    json!({"name": name, "role": role, "version": version, "state": state, "replicas": replicas, "message": message})
}

/// Ready, progressing, failed, held by a copy, being destroyed… one each, and one of production.
pub fn world() -> Vec<Arc<Environment>> {
    let urls: BTreeMap<_, _> = [("web", "http://web-qa-42-shop.localhost:8080")].into();
    let parts = json!([
        part("db", "service", Some("10.11"), "ready", Some("1/1"), ""),
        part("migrate", "job", Some("1.5.0"), "ready", None, "completed"),
        part("web", "component", Some("1.5.0"), "ready", Some("2/2"), ""),
        part("web", "route", None, "ready", None, ""),
    ]);
    let at = "2026-11-26T10:00:00Z";
    let whole = json!({"observedGeneration": 1, "revision": 3, "namespace": "shop-qa-42", "urls": urls, "parts": parts,
        "conditions": [ready(at)]});
    let coming = json!({"observedGeneration": 1, "revision": 1, "parts": [
        part("db", "service", Some("10.11"), "progressing", Some("0/1"), "waiting for the volume"),
        part("web", "component", Some("2"), "waiting", None, ""),
    ], "conditions": [{"type": "Ready", "status": "False", "reason": "Progressing", "message": "service db: waiting for the volume",
        "observedGeneration": 1, "lastTransitionTime": at}]});
    let failed = json!({"observedGeneration": 1, "revision": 2, "parts": [
        part("web", "component", Some("nope"), "failed", Some("0/2"), "no such image"),
    ], "verdict": {"cause": "ImageNotFound", "about": "component web",
        "message": "waiting for image registry.example.com/shop/web:nope: its registry has no such image",
        "evidence": ["manifest unknown"], "fix": "push the image and it goes on by itself, or choose a version that exists",
        "terminal": true, "holds": true}});
    let production =
        json!({"observedGeneration": 1, "revision": 12, "parts": parts, "conditions": [ready(at)]});
    let all = [
        environment("production", "carol", "2026-03-01T09:00:00Z", &production),
        environment("qa-42", "ann", "2026-11-24T12:00:00Z", &whole),
        environment("qa-43", "bob", "2026-11-26T11:58:30Z", &coming),
        environment("qa-44", "ann", "2026-11-26T11:00:00Z", &failed),
        environment("qa-45", "bob", "2026-11-26T11:59:59Z", &Value::Null),
    ];
    all.into_iter().flatten().collect()
}

/// One of them in full.
pub fn detail(environment: &Environment, newer: Option<&str>) -> Detail {
    let status = environment.status.clone().unwrap_or_default();
    Detail {
        summary: summary(environment),
        runs_in: status.namespace,
        chosen_versions: environment.spec.versions.clone(),
        newer_project_revision: newer.map(str::to_owned),
        overlays: vec![],
        parts: status.parts,
        conditions: status.conditions,
        verdict: status.verdict,
        teardown: status.teardown,
    }
}

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

/// Hosts: one that is answered, one on its way, one that cannot be had, one that nobody keeps records of.
pub fn hosts() -> Vec<hostname::Summary> {
    let host =
        |host: &str, environment: &str, weight: Option<u8>, dns_ready: Option<bool>| hostname::Summary {
            host: host.to_owned(),
            namespace: "shop".to_owned(),
            environment: environment.to_owned(),
            route: "web".to_owned(),
            weight,
            dns_ready,
            reason: None,
            message: None,
            verdict: None,
            zones: vec![],
            certificate_ready: None,
            certificate: None,
            health_check: None,
            records: vec![],
            batch: None,
            requested_by: None,
            created: None,
        };
    let message = Some("waiting until the name servers of example.com answer".to_owned());
    let verdict = json!({"cause": "HostTaken", "about": "host beta.example.com", "message": "its records are another cluster's",
        "evidence": [], "fix": "release it there first", "terminal": true});
    vec![
        host("shop.example.com", "production", Some(100), Some(true)),
        hostname::Summary { message, ..host("new.example.com", "qa-42", Some(100), Some(false)) },
        hostname::Summary {
            verdict: serde_json::from_value(verdict).ok(),
            ..host("beta.example.com", "qa-42", Some(10), Some(false))
        },
        host("web-qa-42-shop.localhost", "qa-42", None, None),
    ]
}
