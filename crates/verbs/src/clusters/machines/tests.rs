//! What is told of a cluster, and what is told where it may not be read.

use serde_json::{Value, json};

use super::*;
use crate::fake;

fn node(name: &str, ready: &str) -> Value {
    json!({"metadata": {"name": name, "labels": {"topology.kubernetes.io/zone": "eu-west-1a",
            "node.kubernetes.io/instance-type": "m6i.large", "node-role.kubernetes.io/control-plane": ""}},
        "spec": {"unschedulable": ready != "True"},
        "status": {"allocatable": {"cpu": "1930m", "memory": "7Gi", "pods": "29"},
            "nodeInfo": {"kubeletVersion": "v1.34.2", "architecture": "", "bootID": "", "containerRuntimeVersion": "", "kernelVersion": "",
                "kubeProxyVersion": "", "machineID": "", "operatingSystem": "", "osImage": "", "systemUUID": ""},
            "conditions": [{"type": "MemoryPressure", "status": if ready == "True" { "False" } else { "True" }, "message": "too little is left"},
                {"type": "Ready", "status": ready, "message": "the kubelet says nothing"}]}})
}

fn pod(node: &str) -> Value {
    let asks = |cpu: &str, memory: &str| json!({"requests": {"cpu": cpu, "memory": memory}});
    json!({"metadata": {"name": "web"}, "spec": {"nodeName": node,
        "initContainers": [
            {"name": "side", "image": "x", "restartPolicy": "Always", "resources": asks("10m", "16Mi")},
            {"name": "first", "image": "x", "resources": asks("500m", "8Mi")}],
        "containers": [{"name": "web", "image": "x", "resources": asks("100m", "128Mi")}, {"name": "none", "image": "x"}]}})
}

fn world(address: &str) -> (u16, Value) {
    let list = |kind: &str, items: &[Value]| json!({"apiVersion": "v1", "kind": kind, "metadata": {}, "items": items});
    match address.split('?').next().unwrap_or_default() {
        path if path.ends_with("/version") => (
            200,
            json!({"major": "1", "minor": "34", "gitVersion": "v1.34.2", "gitCommit": "", "gitTreeState": "", "buildDate": "",
                "goVersion": "", "compiler": "", "platform": ""}),
        ),
        path if path.ends_with("/nodes") => {
            (200, list("NodeList", &[node("b", "Unknown"), node("a", "True")]))
        }
        path if path.ends_with("/pods") => (200, list("PodList", &[pod("a"), pod("a"), pod("gone")])),
        path => panic!("nobody asks for {path}"),
    }
}

#[tokio::test]
async fn machines_are_told_with_what_is_asked_of_them_and_what_is_wrong() {
    let here = here(&fake::cluster(|_, address| Some(world(address)))).await;
    assert_eq!(here.kubernetes.as_deref(), Some("v1.34.2"));
    assert_eq!(here.unread, []);
    let [a, b] = &here.machines[..] else { panic!("{here:?}") };
    assert_eq!((a.ready, a.cordoned, a.troubles.len()), (true, false, 0));
    // What comes before asks for more than what stays.
    assert_eq!(a.cpu_millis, Room { there: 1930, asked: Some(2 * 510) });
    assert_eq!(a.memory_bytes, Room { there: 7 << 30, asked: Some(2 * (144 << 20)) });
    assert_eq!(a.pods, Room { there: 29, asked: Some(2) });
    assert_eq!((b.ready, b.cordoned, b.pods.asked), (false, true, Some(0)));
    assert_eq!(b.troubles, ["MemoryPressure: too little is left", "NotReady: the kubelet says nothing"]);
}

#[tokio::test]
async fn what_may_not_be_read_is_said_and_no_number_stands_in_for_it() {
    let refused = |kind: &str| {
        let message = format!("{kind} is forbidden: User \"vera\" cannot list resource \"{kind}\"");
        fake::status(403, &message, "Forbidden")
    };
    let without_pods =
        here(&fake::cluster(
            move |_, address| {
                if address.contains("/pods") { refused("pods") } else { Some(world(address)) }
            },
        ))
        .await;
    assert!(without_pods.machines.iter().all(|machine| machine.cpu_millis.asked.is_none()));
    assert_eq!(without_pods.unread[0].what, "what pods ask for");
    let without_nodes = here(&fake::cluster(move |_, address| {
        if address.contains("/nodes") { refused("nodes") } else { Some(world(address)) }
    }))
    .await;
    assert_eq!((without_nodes.machines.len(), without_nodes.unread[0].what.as_str()), (0, "its nodes"));
}
