//! Rules of policies, as lines for nft.

use std::sync::Arc;

use k8s_openapi::api::core::v1::{Namespace, Pod};
use k8s_openapi::api::networking::v1::NetworkPolicy;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

use super::rules::script;

fn read<K: DeserializeOwned>(objects: Value) -> Vec<Arc<K>> {
    let objects: Vec<K> = serde_json::from_value(objects).unwrap();
    objects.into_iter().map(Arc::new).collect()
}

fn pod(namespace: &str, name: &str, address: &str) -> Value {
    json!({
        "metadata": {"namespace": namespace, "name": name, "labels": {"pod": name}},
        "spec": {"containers": [{"name": "c", "ports": [
            {"name": "http", "containerPort": if name == "a" { 80 } else { 8080 }},
            {"name": "dns", "containerPort": 53, "protocol": "UDP"},
        ]}]},
        "status": {"phase": "Running", "podIP": address},
    })
}

/// Two namespaces; pods `a` and `b` in the first, `a` in the other.
fn told(spec: &Value) -> String {
    told_of(spec, &json!([pod("x", "a", "10.0.0.1"), pod("x", "b", "10.0.0.2"), pod("y", "a", "10.0.0.3")]))
}

fn told_of(spec: &Value, pods: &Value) -> String {
    let policies = json!([{"metadata": {"namespace": "x", "name": "p"}, "spec": spec}]);
    let namespaces = json!([{"metadata": {"name": "x"}}, {"metadata": {"name": "y", "labels": {"ns": "y"}}}]);
    script(&read::<NetworkPolicy>(policies), &read::<Pod>(pods.clone()), &read::<Namespace>(namespaces))
}

/// The lines of one chain.
fn chain(script: &str, name: &str) -> Vec<String> {
    let body = script.split(&format!("chain {name} {{\n")).nth(1).unwrap_or_default();
    body.lines().take_while(|line| line.trim() != "}").map(|line| line.trim().to_owned()).collect()
}

#[test]
fn pods_that_no_policy_selects_have_no_chain() {
    let script = told(&json!({"podSelector": {"matchLabels": {"pod": "b"}}}));
    assert_eq!(chain(&script, "in-10.0.0.2"), ["ip saddr 10.0.0.2 return", "drop"]);
    assert!(!script.contains("in-10.0.0.1") && !script.contains("in-10.0.0.3") && !script.contains("out-"));
    assert_eq!(
        chain(&script, "forward"),
        [
            "type filter hook forward priority filter; policy accept;",
            "ct state established,related accept",
            "ip daddr vmap { 10.0.0.2 : jump in-10.0.0.2 }",
        ]
    );
}

#[test]
fn selectors_of_one_peer_are_both_asked_for_and_those_of_two_are_added_up() {
    let space = json!({"matchLabels": {"ns": "y"}});
    let pods = json!({"matchLabels": {"pod": "b"}});
    let of = |from: Value| {
        let script = told(
            &json!({"podSelector": {"matchLabels": {"pod": "a"}}, "policyTypes": ["Ingress"], "ingress": [{"from": from}]}),
        );
        chain(&script, "in-10.0.0.1")[1].clone()
    };
    assert_eq!(of(json!([{"namespaceSelector": space, "podSelector": pods}])), "drop");
    assert_eq!(
        of(json!([{"namespaceSelector": space}, {"podSelector": pods}])),
        "ip saddr { 10.0.0.2, 10.0.0.3 } return"
    );
    assert_eq!(of(json!([{"namespaceSelector": {}}])), "ip saddr { 10.0.0.1, 10.0.0.2, 10.0.0.3 } return");
    assert_eq!(of(json!([{"podSelector": {}}])), "ip saddr { 10.0.0.1, 10.0.0.2 } return");
}

#[test]
fn names_of_ports_are_those_of_the_pod_that_is_reached() {
    let ports = json!([{"port": "http"}, {"port": "dns", "protocol": "UDP"}, {"port": "dns"}, {"port": 90, "endPort": 95}]);
    let script = told(&json!({
        "podSelector": {"matchLabels": {"pod": "a"}},
        "ingress": [{"ports": ports}],
        "egress": [{"ports": [{"port": "http"}], "to": [{"podSelector": {}}]}, {"ports": [{"protocol": "SCTP"}]}],
        "policyTypes": ["Ingress", "Egress"],
    }));
    assert_eq!(
        chain(&script, "in-10.0.0.1")[1..],
        ["tcp dport 80 return", "udp dport 53 return", "tcp dport 90-95 return", "drop"]
    );
    assert_eq!(
        chain(&script, "out-10.0.0.1")[1..],
        [
            "ip daddr { 10.0.0.1 } tcp dport 80 return",
            "ip daddr { 10.0.0.2 } tcp dport 8080 return",
            "meta l4proto sctp return",
            "drop"
        ]
    );
}

#[test]
fn blocks_of_addresses_add_up_so_that_what_one_leaves_out_another_lets_in() {
    let script = told(&json!({"podSelector": {}, "egress": [{"to": [
        {"ipBlock": {"cidr": "10.0.0.0/8", "except": ["10.1.0.0/16", "10.1.2.0/24"]}},
        {"ipBlock": {"cidr": "10.1.2.0/24"}},
    ]}], "policyTypes": ["Egress"]}));
    assert_eq!(
        chain(&script, "out-10.0.0.2")[1..3],
        [
            "ip daddr 10.0.0.0/8 ip daddr != 10.1.0.0/16 ip daddr != 10.1.2.0/24 return",
            "ip daddr 10.1.2.0/24 return"
        ]
    );
}

#[test]
fn an_address_that_was_given_anew_is_the_new_pods() {
    let mut old = pod("x", "a", "10.0.0.1");
    old["metadata"]["deletionTimestamp"] = json!("2026-11-26T12:00:00Z");
    let script = told_of(
        &json!({"podSelector": {"matchLabels": {"pod": "a"}}}),
        &json!([old, pod("x", "b", "10.0.0.1")]),
    );
    assert!(!script.contains("in-10.0.0.1"), "{script}");
}

#[test]
fn pods_on_the_nodes_network_and_ended_ones_are_nobody() {
    let (mut host, mut ended) = (pod("x", "a", "10.0.0.9"), pod("x", "b", "10.0.0.8"));
    host["spec"]["hostNetwork"] = json!(true);
    ended["status"]["phase"] = json!("Succeeded");
    let script = told_of(&json!({"podSelector": {}}), &json!([host, ended]));
    assert!(!script.contains("10.0.0."), "{script}");
}
