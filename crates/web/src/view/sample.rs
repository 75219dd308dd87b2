//! A handful of environments, one in each state: what the page of styles and tests look at.

mod changes;
mod copies;
mod lines;

use std::collections::BTreeMap;
use std::sync::{Arc, LazyLock};

use api::Environment;
use jiff::Timestamp;
use serde_json::{Value, json};
use verbs::clusters::{Drift, Here, Kept, Machine, Room};
use verbs::environment::{Detail, Happening, Source, Timeline, Tone, Unread, summary};
use verbs::hostname;

pub use changes::{compared, drift, planned, revisions, versions};
pub use copies::{backups, copies, phases, rotations};
pub use lines::lines;

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

/// Those of one of the environments.
pub fn hosts_of(environment: &Environment) -> Vec<hostname::Summary> {
    let mut hosts = hosts();
    hosts.retain(|host| Some(&host.environment) == environment.metadata.name.as_ref());
    hosts
}

/// What happened to one of them, one of each kind.
pub fn timeline() -> Timeline {
    let happened = |at: &str, source, tone, what: &str, message: &str| Happening {
        at: at.to_owned(),
        since: None,
        count: 1,
        source,
        tone,
        what: what.to_owned(),
        about: None,
        message: message.to_owned(),
        by: None,
        revision: None,
        copy: None,
    };
    let about = |text: &str| Some(text.to_owned());
    let entries = vec![
        Happening {
            about: about("Pod web-5d9f7c6b84-x2x4z"),
            count: 12,
            since: Some("2026-11-26T11:02:00Z".to_owned()),
            by: about("kubelet"),
            ..happened(
                "2026-11-26T11:59:40Z",
                Source::Event,
                Tone::Warning,
                "Unhealthy",
                "Readiness probe failed: HTTP probe failed with statuscode: 503",
            )
        },
        Happening {
            about: about("Pod web-5d9f7c6b84-x2x4z"),
            count: 4,
            ..happened(
                "2026-11-26T11:58:00Z",
                Source::Restart,
                Tone::Warning,
                "restarted",
                "web ended with exit code 137 (OOMKilled)",
            )
        },
        Happening {
            about: about("component web"),
            revision: Some(3),
            ..happened(
                "2026-11-26T11:30:00Z",
                Source::Verdict,
                Tone::Bad,
                "OutOfMemory",
                "web needs more memory than it may have; to do: raise its limit, or find out what it keeps",
            )
        },
        Happening {
            copy: about("qa-42-b2c9d"),
            about: about("qa-42-b2c9d"),
            by: about("ann"),
            ..happened(
                "2026-11-26T11:10:00Z",
                Source::Copy,
                Tone::Good,
                "copy done",
                "from production to qa-42",
            )
        },
        Happening {
            about: about("service db"),
            ..happened(
                "2026-11-26T11:05:00Z",
                Source::Password,
                Tone::Good,
                "password changed",
                "the old one is forgotten",
            )
        },
        Happening {
            revision: Some(3),
            by: about("ann"),
            ..happened("2026-11-26T11:00:00Z", Source::Revision, Tone::Plain, "r3 made", "set web=1.5.0")
        },
        happened("2026-11-26T10:59:00Z", Source::Event, Tone::Plain, "Ran", "ann ran a \u{1b}[31mcommand"),
    ];
    let why = "events is forbidden: User \"vera\" cannot list resource \"events\"".to_owned();
    let unread = vec![Unread { what: "events in its namespace".to_owned(), why }];
    Timeline { environment: "qa-42".to_owned(), entries, cut: true, partial: false, unread }
}

/// A cluster: a node as it should be, one that takes nothing new, one that is away; what pods ask for is not told of it all.
pub fn machines() -> Here {
    let some = |text: &str| Some(text.to_owned());
    let room = |asked, there| Room { asked: Some(asked), there };
    let node = |name: &str| Machine {
        name: name.to_owned(),
        ready: true,
        cordoned: false,
        troubles: vec![],
        roles: vec![],
        instance: some("m6i.large"),
        zone: some("eu-west-1a"),
        pool: some("general"),
        kubelet: some("v1.34.2"),
        created: some("2026-11-20T12:00:00Z"),
        cpu_millis: room(1500, 1930),
        memory_bytes: room(3 << 30, 7 << 30),
        pods: room(12, 29),
    };
    let pressed = "MemoryPressure: too little is left".to_owned();
    let away = "NotReady: Kubelet stopped posting node status.".to_owned();
    let machines = vec![
        node("ip-10-20-0-11.eu-west-1.compute.internal"),
        Machine {
            cordoned: true,
            roles: vec!["control-plane".to_owned()],
            pool: None,
            troubles: vec![pressed],
            ..node("ip-10-20-0-12.eu-west-1.compute.internal")
        },
        Machine {
            ready: false,
            troubles: vec![away],
            zone: some("eu-west-1b"),
            ..node("ip-10-20-1-7.eu-west-1.compute.internal")
        },
    ];
    let why = "pods is forbidden: User \"vera\" cannot list resource \"pods\"".to_owned();
    let unread = vec![Unread { what: "what pods ask for".to_owned(), why }];
    Here {
        server: "https://api.qa.example.org:6443".to_owned(),
        kubernetes: some("v1.34.2"),
        machines,
        unread,
    }
}

/// Clusters of files: one as it should be, one that somebody works on, one whose file cannot be used.
pub fn cluster_files() -> Vec<Kept> {
    let some = |text: &str| Some(text.to_owned());
    let whole = Kept {
        file: "clusters/qa.yaml".to_owned(),
        name: some("qa"),
        region: some("eu-west-1"),
        topology: some("kubeadm"),
        kubernetes: some("1.34.2"),
        state: some("applied"),
        locked_by: None,
        applied_at: some("2026-11-20T12:00:00Z"),
        endpoint: some("https://api.qa.example.org:6443"),
        resources: Some(61),
        monthly: Some(412.4),
        monthly_at_most: Some(901.0),
        prices_of: some("2026-11-20"),
        drift: Some(Drift {
            at: "2026-11-26T10:00:00Z".to_owned(),
            drifted: vec!["aws_vpc.this".to_owned()],
            pending: 0,
        }),
        troubles: vec![],
    };
    let worked_on = Kept {
        file: "clusters/live/cluster.yaml".to_owned(),
        name: some("live"),
        topology: some("eks"),
        kubernetes: some("1.34"),
        state: some("locked"),
        locked_by: some("ann@laptop"),
        monthly_at_most: None,
        drift: None,
        ..whole.clone()
    };
    let broken = Kept {
        file: "clusters/broken.yaml".to_owned(),
        name: None,
        region: None,
        topology: None,
        kubernetes: None,
        state: None,
        applied_at: None,
        monthly: None,
        prices_of: None,
        drift: None,
        troubles: vec!["its file cannot be used: clusters/broken.yaml has 1 problem".to_owned()],
        ..whole.clone()
    };
    vec![whole, worked_on, broken]
}
