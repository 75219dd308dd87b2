//! One file a case in `cases`: pods as Kubernetes writes them and what was fetched for them. The snapshot holds what is
//! asked for and the verdict.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use api::{PartState, Role};
use k8s_openapi::api::core::v1::{Namespace, Pod};
use k8s_openapi::jiff::Timestamp;
use serde::Deserialize;
use serde_json::{Value, json};

use super::chain::{Finding, first_cause};
use super::stuck::{Held, Left};
use super::*;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Told {
    #[serde(default)]
    part: Option<Value>,
    /// Seconds after which it is looked at.
    #[serde(default = "ten")]
    after: i64,
    pods: Vec<Value>,
    #[serde(default)]
    events: Vec<TestEvent>,
    #[serde(default)]
    lines: Vec<String>,
    #[serde(default)]
    node: Option<Value>,
    #[serde(default)]
    claims: Vec<TestClaim>,
}

fn ten() -> i64 {
    10
}

#[derive(Deserialize)]
struct TestEvent {
    reason: String,
    message: String,
}

#[derive(Deserialize)]
struct TestClaim {
    name: String,
    #[serde(default)]
    volume: Option<String>,
    #[serde(default)]
    nodes: Vec<String>,
    #[serde(default)]
    gone: bool,
    #[serde(default)]
    missing: bool,
    #[serde(default)]
    told: Option<String>,
}

fn at(second: i64) -> Timestamp {
    Timestamp::from_second(second).unwrap()
}

/// A component with a pod template, unless the case says otherwise.
fn part(over: &Value) -> Part {
    let container = json!({
        "name": "web", "image": "registry.testbed:5000/shop/web:1@sha256:1111",
        "resources": {"limits": {"memory": "64Mi"}},
    });
    let mut part = json!({
        "name": "web", "role": "component", "startSeconds": 60, "replicas": 2, "uses": ["db"],
        "objects": [{"kind": "Deployment", "spec": {"template": {"spec": {"containers": [container]}}}}],
    });
    for (key, value) in over.as_object().into_iter().flatten() {
        part[key] = value.clone();
    }
    serde_json::from_value(part).unwrap()
}

fn explained(told: Told) -> Value {
    let part = part(&told.part.unwrap_or_default());
    let pods: Vec<Arc<Unready>> = told
        .pods
        .into_iter()
        .enumerate()
        .map(|(number, mut pod)| {
            pod["metadata"] = json!({"name": format!("web-6c9d8f7b5-{number}"), "uid": number.to_string()});
            let pod: Pod = serde_json::from_value(pod).unwrap();
            Arc::new(unready(pod, None, at(0)).expect("a case is about pods that are not ready"))
        })
        .collect();
    let facts = Facts {
        lines: told.lines,
        events: told
            .events
            .into_iter()
            .map(|event| super::Told { reason: event.reason, message: event.message })
            .collect(),
        node: told.node.map(|node| match (node.as_str(), node["notReady"].as_str()) {
            (Some("ready"), _) => NodeSeen::Ready,
            (Some("gone"), _) => NodeSeen::Gone,
            (_, Some(why)) => NodeSeen::NotReady(why.to_owned()),
            _ => panic!("a node is ready, gone or notReady"),
        }),
        claims: told
            .claims
            .into_iter()
            .map(|claim| ClaimSeen {
                exists: !claim.missing,
                volume_exists: claim.volume.is_some(),
                name: claim.name,
                volume: claim.volume,
                nodes: claim.nodes,
                nodes_gone: claim.gone,
                told: claim.told,
            })
            .collect(),
    };
    let case = Case::new(&part, "qa");
    let Some((pod, symptom)) = worst(&pods, at(told.after)) else { return json!("no symptom") };
    let needs: Vec<String> = needs(&case, pod, &symptom).iter().map(|need| format!("{need:?}")).collect();
    let verdict = verdict(&case, &symptom, &facts);
    let exit = verdict.as_ref().map(|verdict| verdict.cause.exit().code());
    json!({"asks": needs, "verdict": verdict, "exit": exit})
}

#[test]
fn every_case_has_its_verdict() {
    let directory = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/plan/diagnose/cases");
    let mut all = BTreeMap::new();
    for entry in std::fs::read_dir(directory).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_stem().unwrap().to_string_lossy().into_owned();
        let text = std::fs::read_to_string(&path).unwrap();
        let told = serde_saphyr::from_str(&text).unwrap_or_else(|error| panic!("{name}: {error}"));
        all.insert(name, explained(told));
    }
    insta::assert_yaml_snapshot!(all);
}

#[test]
fn what_kubernetes_does_not_accept_is_told_by_who_refuses() {
    let messages = [
        "pods \"web-6c9d8f7b5-x2x4q\" is forbidden: exceeded quota: team, requested: pods=1, used: pods=4, limited: pods=4",
        "pods \"web-6c9d8f7b5-x2x4q\" is forbidden: failed quota: team: must specify limits.memory for: web",
        "pods \"web-6c9d8f7b5-x2x4q\" is forbidden: maximum memory usage per Container is 32Mi, but limit is 64Mi",
        "pods \"web-6c9d8f7b5-x2x4q\" is forbidden: [minimum cpu usage per Container is 100m, but request is 50m, cpu max limit to request ratio per Container is 2, but provided ratio is 4.000000]",
        "pods \"web-6c9d8f7b5-x2x4q\" is forbidden: violates PodSecurity \"baseline:latest\": non-default capabilities (container \"web\" must not include \"NET_ADMIN\" in securityContext.capabilities.add)",
        "pods \"web-6c9d8f7b5-x2x4q\" is forbidden: ValidatingAdmissionPolicy 'owners' with binding 'owners' denied request: every pod names its team",
        "admission webhook \"validate.kyverno.svc-fail\" denied the request: resource Pod/shop-qa/web was blocked: require-labels",
        "pods \"web-6c9d8f7b5-x2x4q\" is forbidden: no PriorityClass with name urgent was found",
    ];
    let part = part(&Value::Null);
    insta::assert_yaml_snapshot!(messages.map(|message| refused::pods(&part, message, "qa")));
}

fn failing(cause: Cause, about: &str, terminal: bool, evidence: &[&str]) -> Verdict {
    Verdict {
        cause,
        about: about.to_owned(),
        message: format!("{about} fails"),
        evidence: evidence.iter().map(|line| (*line).to_owned()).collect(),
        fix: "mend it".to_owned(),
        terminal,
        holds: false,
    }
}

/// A part by name, role, what it uses, and how it is.
type Known<'a> = (&'a str, &'a str, &'a [&'a str], PartState, Option<Verdict>);

fn first(parts: &[Known<'_>]) -> Option<Verdict> {
    let made: Vec<Part> = parts
        .iter()
        .map(|(name, role, uses, _, _)| {
            part(&json!({"name": name, "role": role, "uses": uses, "objects": [], "replicas": 1}))
        })
        .collect();
    let findings: Vec<Finding<'_>> = made
        .iter()
        .zip(parts)
        .map(|(part, (.., state, verdict))| Finding {
            part,
            state: *state,
            message: "starting replicas",
            verdict: verdict.as_ref(),
        })
        .collect();
    first_cause(&findings)
}

#[test]
fn what_fails_is_named_and_not_what_suffers_from_it() {
    let crash = |about: &str| Some(failing(Cause::CrashLoop, about, true, &["connect: connection refused"]));
    let found = first(&[
        (
            "db",
            "service",
            &[],
            PartState::Progressing,
            Some(failing(Cause::OutOfMemory, "service db", false, &[])),
        ),
        ("web", "component", &["worker"], PartState::Failed, crash("component web")),
        ("worker", "component", &["db"], PartState::Failed, crash("component worker")),
    ])
    .unwrap();
    assert_eq!((found.cause, found.about.as_str()), (Cause::OutOfMemory, "service db"));
    assert_eq!(found.evidence.len(), 2, "both victims are evidence: {:?}", found.evidence);
}

#[test]
fn what_is_only_slow_is_waited_for_whatever_its_victims_say() {
    let found = first(&[
        ("db", "service", &[], PartState::Progressing, None),
        (
            "web",
            "component",
            &["db"],
            PartState::Failed,
            Some(failing(Cause::CrashLoop, "component web", true, &["connection refused"])),
        ),
    ])
    .unwrap();
    assert_eq!(
        (found.cause, found.about.as_str(), found.terminal),
        (Cause::DependencyNotReady, "service db", false)
    );
}

#[test]
fn a_cause_of_its_own_is_told_though_a_dependency_fails_too() {
    let found = first(&[
        (
            "db",
            "service",
            &[],
            PartState::Progressing,
            Some(failing(Cause::ReadinessFailing, "service db", false, &[])),
        ),
        (
            "web",
            "component",
            &["db"],
            PartState::Failed,
            Some(failing(Cause::ImageNotFound, "component web", true, &[])),
        ),
    ])
    .unwrap();
    assert_eq!(found.cause, Cause::ImageNotFound, "the terminal one comes first");
}

#[test]
fn parts_that_use_each_other_are_each_judged_by_themselves() {
    let crash = |about: &str| Some(failing(Cause::CrashLoop, about, true, &[]));
    let found = first(&[
        ("a", "component", &["b"], PartState::Failed, crash("component a")),
        ("b", "component", &["a"], PartState::Failed, crash("component b")),
    ])
    .unwrap();
    assert_eq!(found.about, "component a");
}

#[test]
fn a_service_that_others_run_is_named_by_what_cannot_reach_it() {
    let alias =
        json!({"kind": "Service", "spec": {"type": "ExternalName", "externalName": "db.acme.example"}});
    let db = json!({"name": "db", "role": "service", "uses": [], "objects": [alias], "replicas": null});
    let (db, web) = (part(&db), part(&Value::Null));
    let told = |line: &str| {
        let verdict = failing(Cause::CrashLoop, "component web", true, &[line]);
        let finding = |part, state, verdict| Finding { part, state, message: "", verdict };
        first_cause(&[finding(&db, PartState::Ready, None), finding(&web, PartState::Failed, Some(&verdict))])
            .unwrap()
    };
    let found = told("dial tcp: db.acme.example:3306: connect: connection refused");
    assert_eq!((found.cause, found.about.as_str()), (Cause::DependencyNotReady, "service db"));
    // Another host, and a word in a sentence without a failure.
    assert_eq!(told("dial tcp: other-db:3306: connect: connection refused").cause, Cause::CrashLoop);
    assert_eq!(told("db is open").cause, Cause::CrashLoop);
}

#[test]
fn a_namespace_that_stays_names_the_finalizer_its_object_and_who_set_it() {
    let namespace = |conditions: Value| -> Namespace {
        serde_json::from_value(json!({
            "metadata": {"name": "shop-qa"}, "status": {"phase": "Terminating", "conditions": conditions},
        }))
        .unwrap()
    };
    let condition = |r#type: &str, reason: &str, message: &str| json!({"type": r#type, "status": "True", "reason": reason, "message": message});
    let held = namespace(json!([
        condition(
            "NamespaceContentRemaining",
            "SomeResourcesRemain",
            "Some resources are remaining: configmaps. has 1 resource instances, widgets.example.com has 2 resource instances"
        ),
        condition(
            "NamespaceFinalizersRemaining",
            "SomeFinalizersRemain",
            "Some content in the namespace has finalizers remaining: example.com/keep in 3 resource instances"
        ),
    ]));
    let left = |plural: &str, group: &str| Left { plural: plural.into(), group: group.into() };
    assert_eq!(stuck::left(&held), [left("configmaps", ""), left("widgets", "example.com")]);
    let objects = [Held {
        object: "ConfigMap notes".into(),
        finalizers: vec!["example.com/keep".into()],
        by: vec!["keeper".into()],
    }];
    let away = namespace(json!([condition(
        "NamespaceDeletionDiscoveryFailure",
        "DiscoveryFailed",
        "Discovery failed for some groups, 1 failing: unable to retrieve the complete list of server APIs: metrics.k8s.io/v1beta1: stale GroupVersion discovery: metrics.k8s.io/v1beta1"
    )]));
    let passing = namespace(json!([condition(
        "NamespaceFinalizersRemaining",
        "SomeFinalizersRemain",
        "Some content in the namespace has finalizers remaining: kubernetes.io/pvc-protection in 1 resource instances"
    )]));
    assert_eq!(stuck::verdict(&passing, &[]), None, "a claim waits for its pods, and goes by itself");
    let failure = |who: &str| {
        let said = format!(
            "Failed to delete all resource types, 1 remaining: configmaps is forbidden: User \"{who}\" cannot deletecollection"
        );
        namespace(json!([condition("NamespaceDeletionContentFailure", "ContentDeletionFailed", &said)]))
    };
    let own = failure("system:serviceaccount:kube-system:namespace-controller");
    assert_eq!(stuck::verdict(&own, &[]), None, "an API server that has just started learns its own rights");
    assert!(stuck::verdict(&failure("somebody"), &[]).is_some());
    insta::assert_yaml_snapshot!([
        stuck::verdict(&held, &objects),
        stuck::verdict(&held, &[]),
        stuck::verdict(&away, &[]),
        stuck::verdict(&namespace(json!([])), &[]),
    ]);
}

#[test]
fn parts_of_one_name_in_other_roles_are_no_dependency() {
    let mut route = part(&json!({"name": "db", "role": "route", "objects": []}));
    route.role = Role::Route;
    let web = part(&Value::Null);
    let verdict = failing(Cause::CrashLoop, "component web", true, &[]);
    let found = first_cause(&[
        Finding { part: &web, state: PartState::Failed, message: "", verdict: Some(&verdict) },
        Finding { part: &route, state: PartState::Progressing, message: "", verdict: None },
    ]);
    assert_eq!(found.map(|found| found.cause), Some(Cause::CrashLoop));
}
