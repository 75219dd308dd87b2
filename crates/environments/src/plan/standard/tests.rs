//! Pods that the standards forbid, and what is said about them.

use std::collections::BTreeMap;

use api::{EnvironmentSpec, ProjectRevision};

use super::*;
use crate::Settings;
use crate::plan::{render, validate};

fn fields(standard: PodSecurity, pod: &Value) -> Vec<String> {
    violations(standard, pod).into_iter().map(|violation| violation.field).collect()
}

#[test]
fn baseline_forbids_what_leads_out_of_a_pod() {
    let plain = json!({"containers": [{"name": "web", "ports": [{"name": "http", "containerPort": 80}]}]});
    assert_eq!(fields(PodSecurity::Baseline, &plain), Vec::<String>::new());
    let cases = [
        ("/hostNetwork", json!(true), "hostNetwork"),
        ("/hostPID", json!(true), "hostPID"),
        ("/volumes", json!([{"name": "host", "hostPath": {"path": "/"}}]), "volumes[host].hostPath"),
        (
            "/securityContext",
            json!({"seccompProfile": {"type": "Unconfined"}}),
            "securityContext.seccompProfile",
        ),
        ("/securityContext", json!({"seLinuxOptions": {"user": "root"}}), "securityContext.seLinuxOptions"),
        (
            "/securityContext",
            json!({"windowsOptions": {"hostProcess": true}}),
            "securityContext.windowsOptions.hostProcess",
        ),
        (
            "/securityContext",
            json!({"sysctls": [{"name": "kernel.msgmax", "value": "1"}]}),
            "securityContext.sysctls[kernel.msgmax]",
        ),
        (
            "/containers/0/securityContext",
            json!({"privileged": true}),
            "containers[web].securityContext.privileged",
        ),
        (
            "/containers/0/securityContext",
            json!({"capabilities": {"add": ["CHOWN", "NET_ADMIN"]}}),
            "containers[web].securityContext.capabilities.add",
        ),
        (
            "/containers/0/securityContext",
            json!({"procMount": "Unmasked"}),
            "containers[web].securityContext.procMount",
        ),
        (
            "/containers/0/securityContext",
            json!({"appArmorProfile": {"type": "Unconfined"}}),
            "containers[web].securityContext.appArmorProfile",
        ),
        (
            "/containers/0/ports",
            json!([{"name": "http", "containerPort": 80, "hostPort": 80}]),
            "containers[web].ports[http].hostPort",
        ),
        (
            "/initContainers",
            json!([{"name": "first", "securityContext": {"privileged": true}}]),
            "initContainers[first].securityContext.privileged",
        ),
    ];
    for (pointer, value, field) in cases {
        let mut pod = plain.clone();
        let (parent, key) = pointer.rsplit_once('/').unwrap();
        pod.pointer_mut(parent).unwrap()[key] = value;
        assert_eq!(fields(PodSecurity::Baseline, &pod), [field], "{pod}");
    }
}

#[test]
fn restricted_wants_nobody_to_be_root_or_to_have_more_than_needed() {
    let mut pod = json!({"containers": [{"name": "web"}]});
    assert_eq!(
        fields(PodSecurity::Restricted, &pod),
        [
            "securityContext.runAsNonRoot",
            "containers[web].securityContext.allowPrivilegeEscalation",
            "containers[web].securityContext.capabilities.drop",
            "containers[web].securityContext.seccompProfile",
        ]
    );
    tighten(PodSecurity::Restricted, &mut pod);
    assert_eq!(fields(PodSecurity::Restricted, &pod), Vec::<String>::new());
    pod["containers"][0]["securityContext"]["runAsUser"] = json!(0);
    assert_eq!(fields(PodSecurity::Restricted, &pod), ["containers[web].securityContext.runAsNonRoot"]);
    pod["containers"][0]["securityContext"] =
        json!({"allowPrivilegeEscalation": false, "capabilities": {"drop": ["ALL"], "add": ["CHOWN"]}});
    assert_eq!(fields(PodSecurity::Restricted, &pod), ["containers[web].securityContext.capabilities.add"]);
    pod["containers"][0]["securityContext"]["capabilities"]["add"] = json!(["NET_BIND_SERVICE"]);
    pod["volumes"] =
        json!([{"name": "a", "emptyDir": {}}, {"name": "b", "nfs": {"server": "s", "path": "/"}}]);
    assert_eq!(fields(PodSecurity::Restricted, &pod), ["volumes[b]"]);
}

#[test]
fn what_kubernetes_may_let_pass_is_left_to_it() {
    let root = json!({"containers": [{"name": "web", "securityContext": {
        "runAsUser": 0, "procMount": "Unmasked", "allowPrivilegeEscalation": false, "capabilities": {"drop": ["ALL"]},
        "seccompProfile": {"type": "RuntimeDefault"},
    }}]});
    let with = |key: &str, value: Value| {
        let mut pod = root.clone();
        pod[key] = value;
        fields(PodSecurity::Restricted, &pod)
    };
    assert_eq!(
        fields(PodSecurity::Restricted, &root),
        ["containers[web].securityContext.procMount", "containers[web].securityContext.runAsNonRoot"]
    );
    assert_eq!(with("hostUsers", json!(false)), Vec::<String>::new());
    assert_eq!(with("runtimeClassName", json!("kata")), Vec::<String>::new());
    let mut windows = json!({"os": {"name": "windows"}, "containers": [{"name": "web"}]});
    tighten(PodSecurity::Restricted, &mut windows);
    assert_eq!(windows["securityContext"], json!({"runAsNonRoot": true}));
    assert!(windows["containers"][0].get("securityContext").is_none());
    assert_eq!(fields(PodSecurity::Restricted, &windows), Vec::<String>::new());
}

#[test]
fn who_runs_as_root_is_told_with_the_key_that_says_so() {
    let told = |component: Value| {
        let found = verdict("qa-1", &revision(&json!({"web": component}), &json!({})), None);
        found.map(|verdict| verdict.message).unwrap_or_default()
    };
    let root = json!({"securityContext": {"runAsUser": 0}});
    let says = "class qa is restricted, and component web is not: it runs as root";
    assert_eq!(
        told(json!({"image": "r/web", "version": "1", "container": root})),
        format!("{says} (components.web.container.securityContext.runAsNonRoot)")
    );
    assert_eq!(
        told(json!({"image": "r/web", "version": "1", "pod": root})),
        format!("{says} (components.web.pod.securityContext.runAsNonRoot)")
    );
}

#[test]
fn baseline_leaves_a_pod_as_it_is() {
    let mut pod = json!({"containers": [{"name": "web"}]});
    tighten(PodSecurity::Baseline, &mut pod);
    assert_eq!(pod, json!({"containers": [{"name": "web"}]}));
}

fn revision(components: &Value, services: &Value) -> EnvironmentRevision {
    let spec = json!({"components": components, "services": services, "classes": {"qa": {"podSecurity": "restricted"}}});
    let project = ProjectRevision { project: "shop".into(), spec: serde_json::from_value(spec).unwrap() };
    let wanted = EnvironmentSpec { project: "shop".into(), class: "qa".into(), ..EnvironmentSpec::default() };
    let validated = validate::environment("qa-1", &wanted, &project).expect("it is right");
    render::revision(&validated, &Settings::default(), &BTreeMap::new(), "shop", false)
}

#[test]
fn what_outboard_renders_for_a_restricted_class_is_restricted() {
    let components = json!({
        "web": {"image": "r/web", "version": "1", "user": "1000", "ports": {"http": 80}, "logs": ["/var/log/web/a.log"]},
        "any": {"image": "r/any", "version": "1"},
        "migrate": {"image": "r/web", "version": "1", "job": "before"},
        "nightly": {"image": "r/web", "version": "1", "schedule": "@daily"},
    });
    let services = json!({
        "cache": {"type": "redis"},
        "files": {"type": "s3"},
        "queue": {"type": "container", "image": "r/queue", "version": "1", "ports": {"amqp": 5672}},
        "db": {"type": "external", "host": "db.example.com"},
    });
    let revision = revision(&components, &services);
    assert_eq!(revision.pod_security, PodSecurity::Restricted);
    assert_eq!(verdict("qa-1", &revision, None), None);
}

#[test]
fn everything_that_is_not_allowed_is_told_at_once_with_its_key() {
    let components = json!({
        "web": {"image": "r/web", "version": "1", "logs": ["/var/log/web/a.log"], "container": {"securityContext": {"privileged": true}}},
        "worker": {"image": "r/worker", "version": "1", "pod": {"hostNetwork": true}},
    });
    insta::assert_yaml_snapshot!(verdict(
        "qa-1",
        &revision(&components, &json!({"db": {"type": "mariadb"}})),
        None
    ));
}

#[test]
fn what_runs_so_already_or_is_restored_is_not_refused_again() {
    let bad = |extra: &Value| {
        let mut components = json!({"web": {"image": "r/web", "version": "1", "pod": {"hostNetwork": true}}});
        components["worker"] = extra.clone();
        revision(&components, &json!({}))
    };
    let before = bad(&json!({"image": "r/worker", "version": "1"}));
    assert!(verdict("qa-1", &before, None).is_some());
    assert_eq!(verdict("qa-1", &before, Some(&before)), None);
    let worse = bad(&json!({"image": "r/worker", "version": "1", "pod": {"hostPID": true}}));
    let told = verdict("qa-1", &worse, Some(&before)).unwrap();
    assert!(told.message.contains("hostPID") && told.evidence.is_empty(), "{told:?}");
    assert_eq!(verdict("qa-1", &EnvironmentRevision { restores: Some(1), ..worse }, None), None);
}

#[test]
fn what_has_no_shape_at_all_is_left_to_kubernetes() {
    for mut pod in [
        json!({"securityContext": "x", "containers": ["x"]}),
        json!({"securityContext": 1, "containers": "x", "initContainers": [{"name": "a", "securityContext": 1}]}),
        json!("x"),
    ] {
        let before = pod.clone();
        tighten(PodSecurity::Restricted, &mut pod);
        assert_eq!(pod, before);
    }
    let mut plain = json!({"containers": [{"name": "web"}]});
    tighten(PodSecurity::Restricted, &mut plain);
    assert!(plain.get("initContainers").is_none());
}

#[test]
fn a_namespace_is_tightened_once_its_revision_has_settled() {
    use PodSecurity::{Baseline, Restricted};
    assert_eq!(of_namespace(Restricted, Some(Baseline)), Baseline);
    assert_eq!(of_namespace(Restricted, Some(Restricted)), Restricted);
    assert_eq!(of_namespace(Restricted, None), Restricted, "nothing serves there yet");
    assert_eq!(of_namespace(Baseline, Some(Restricted)), Baseline);
}
