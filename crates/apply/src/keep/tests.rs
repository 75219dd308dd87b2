//! What is kept of an object, for each thing that somebody can do to it.

use api::marks;

use super::*;

fn desired() -> Value {
    json!({
        "apiVersion": "apps/v1", "kind": "Deployment",
        "metadata": {"name": "web", "namespace": "ns", "labels": {"outboard.dev/part": "web", "team": "shop"}},
        "spec": {"selector": {"matchLabels": {"outboard.dev/part": "web"}}, "template": {
            "metadata": {"labels": {"outboard.dev/part": "web"}},
            "spec": {"containers": [{
                "name": "web", "image": "web:1",
                "env": [{"name": "A", "value": "1"}, {"name": "B", "value": "2"}],
                "ports": [{"name": "http", "containerPort": 8080, "protocol": "TCP"}],
            }]},
        }},
    })
}

/// What is kept when somebody made `change` and Kubernetes recorded `fields` as theirs.
fn after(change: impl FnOnce(&mut Value), fields: &Value) -> Value {
    let mut live = desired();
    // What the server adds by itself.
    live["metadata"]["uid"] = json!("u");
    live["metadata"]["annotations"] = json!({"deployment.kubernetes.io/revision": "3"});
    live["spec"]["replicas"] = json!(2);
    live["spec"]["template"]["spec"]["dnsPolicy"] = json!("ClusterFirst");
    live["spec"]["template"]["spec"]["containers"][0]["imagePullPolicy"] = json!("IfNotPresent");
    live["status"] = json!({"readyReplicas": 2});
    change(&mut live);
    live["metadata"]["managedFields"] = json!([
        {"manager": marks::MANAGER, "operation": "Apply", "fieldsV1": {"f:spec": {}}},
        {"manager": "kubectl-edit", "operation": "Update", "fieldsV1": fields},
        {"manager": "kube-controller-manager", "operation": "Update", "subresource": "status",
         "fieldsV1": {"f:status": {"f:readyReplicas": {}}}},
    ]);
    kept(Kind::Deployment, &desired(), &serde_json::from_value(live).unwrap(), &Managers::default())
}

fn of_pod(fields: Value) -> Value {
    let mut set = json!({"f:spec": {"f:template": {"f:spec": {}}}});
    set["f:spec"]["f:template"]["f:spec"] = fields;
    set
}

fn containers(live: &mut Value) -> &mut Value {
    &mut live["spec"]["template"]["spec"]["containers"]
}

#[test]
fn nothing_is_kept_of_what_nobody_did() {
    assert_eq!(after(|_| {}, &json!({})), desired());
}

#[test]
fn a_changed_image_is_kept() {
    let fields = of_pod(json!({"f:containers": {r#"k:{"name":"web"}"#: {"f:image": {}}}}));
    let mut wanted = desired();
    containers(&mut wanted)[0]["image"] = json!("web:2");
    assert_eq!(after(|live| containers(live)[0]["image"] = json!("web:2"), &fields), wanted);
}

#[test]
fn an_added_variable_is_kept_and_a_removed_one_stays_removed() {
    let fields = of_pod(json!({"f:containers": {r#"k:{"name":"web"}"#: {"f:env": {
        r#"k:{"name":"C"}"#: {".": {}, "f:name": {}, "f:value": {}},
    }}}}));
    let env = json!([{"name": "C", "value": "3"}, {"name": "B", "value": "2"}]);
    let mut wanted = desired();
    containers(&mut wanted)[0]["env"] = env.clone();
    assert_eq!(after(|live| containers(live)[0]["env"] = env, &fields), wanted);
}

#[test]
fn an_added_sidecar_is_kept_without_what_the_server_filled_in() {
    let fields = of_pod(json!({"f:containers": {r#"k:{"name":"spy"}"#: {
        ".": {}, "f:name": {}, "f:image": {}, "f:imagePullPolicy": {}, "f:resources": {},
        "f:terminationMessagePath": {}, "f:terminationMessagePolicy": {},
        "f:ports": {".": {}, r#"k:{"containerPort":9,"protocol":"TCP"}"#: {
            ".": {}, "f:containerPort": {}, "f:protocol": {}}},
    }}}));
    let spy = json!({
        "name": "spy", "image": "spy:1", "imagePullPolicy": "IfNotPresent", "resources": {},
        "terminationMessagePath": "/dev/termination-log", "terminationMessagePolicy": "File",
        "ports": [{"containerPort": 9, "protocol": "TCP"}],
    });
    let mut wanted = desired();
    containers(&mut wanted).as_array_mut().unwrap().push(json!({
        "name": "spy", "image": "spy:1", "ports": [{"containerPort": 9, "protocol": "TCP"}],
    }));
    let add = |live: &mut Value| containers(live).as_array_mut().unwrap().push(spy);
    assert_eq!(after(add, &fields), wanted);
}

#[test]
fn a_container_that_was_put_first_stays_first() {
    let fields =
        of_pod(json!({"f:containers": {r#"k:{"name":"init"}"#: {".": {}, "f:name": {}, "f:image": {}}}}));
    let kept = after(
        |live| {
            containers(live).as_array_mut().unwrap().insert(0, json!({"name": "init", "image": "i:1"}));
        },
        &fields,
    );
    let names: Vec<&str> = kept["spec"]["template"]["spec"]["containers"]
        .as_array()
        .unwrap()
        .iter()
        .filter_map(|c| c["name"].as_str())
        .collect();
    assert_eq!(names, ["init", "web"]);
}

#[test]
fn a_changed_port_of_the_same_name_replaces_the_old_one() {
    let ports = json!([{"name": "http", "containerPort": 9090, "protocol": "TCP"}]);
    let fields = of_pod(json!({"f:containers": {r#"k:{"name":"web"}"#: {"f:ports": {
        r#"k:{"containerPort":9090,"protocol":"TCP"}"#: {".": {}, "f:containerPort": {}, "f:name": {}, "f:protocol": {}},
    }}}}));
    let kept = after(|live| containers(live)[0]["ports"] = ports.clone(), &fields);
    assert_eq!(kept["spec"]["template"]["spec"]["containers"][0]["ports"], ports);
}

#[test]
fn a_removed_label_stays_removed_and_a_mark_of_ours_does_not() {
    let mut wanted = desired();
    wanted["metadata"]["labels"] = json!({"outboard.dev/part": "web"});
    assert_eq!(after(|live| live["metadata"]["labels"] = json!({}), &json!({})), wanted);
    assert_eq!(
        after(|live| drop(live["metadata"].as_object_mut().unwrap().remove("labels")), &json!({})),
        wanted
    );
}

#[test]
fn marks_bookkeeping_and_replicas_are_not_up_to_others() {
    let fields = json!({
        "f:metadata": {
            "f:labels": {"f:outboard.dev/part": {}},
            "f:annotations": {".": {}, "f:kubectl.kubernetes.io/last-applied-configuration": {}, "f:why": {}},
            "f:finalizers": {".": {}, r#"v:"x/y""#: {}},
        },
        "f:spec": {"f:replicas": {}},
    });
    let kept = after(
        |live| {
            live["metadata"]["labels"]["outboard.dev/part"] = json!("other");
            live["metadata"]["annotations"]["kubectl.kubernetes.io/last-applied-configuration"] = json!("{}");
            live["metadata"]["annotations"]["why"] = json!("tried out");
            live["metadata"]["finalizers"] = json!(["x/y"]);
            live["spec"]["replicas"] = json!(7);
        },
        &fields,
    );
    let mut wanted = desired();
    wanted["metadata"]["annotations"] = json!({"why": "tried out"});
    assert_eq!(kept, wanted);
}

#[test]
fn an_address_that_a_cluster_gave_is_not_stored() {
    let desired = json!({"apiVersion": "v1", "kind": "Service", "metadata": {"name": "web", "labels": {}},
        "spec": {"type": "ClusterIP", "selector": {"a": "b"}, "ports": [{"name": "http", "port": 80, "protocol": "TCP"}]}});
    let mut live = desired.clone();
    live["spec"]["clusterIP"] = json!("10.0.0.1");
    live["spec"]["selector"] = json!({"a": "c"});
    live["metadata"]["managedFields"] = json!([{"manager": "kubectl", "operation": "Update", "fieldsV1":
        {"f:spec": {"f:clusterIP": {}, "f:selector": {}, "f:ports": {r#"k:{"port":80,"protocol":"TCP"}"#: {"f:nodePort": {}}}}}}]);
    let kept = kept(Kind::Service, &desired, &serde_json::from_value(live).unwrap(), &Managers::default());
    let mut wanted = desired;
    wanted["spec"]["selector"] = json!({"a": "c"});
    assert_eq!(kept, wanted);
}
