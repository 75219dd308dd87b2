//! Right files, and every mistake with its place.

use serde_json::{Value, json};

use super::*;
use crate::plan::tests::kubeadm;

fn told(change: impl FnOnce(&mut Value)) -> Vec<String> {
    let mut file = kubeadm();
    change(&mut file);
    let file: ClusterFile = serde_json::from_value(file).unwrap();
    problems(&file).into_iter().map(|problem| format!("{}: {}", problem.pointer, problem.message)).collect()
}

#[test]
fn a_right_file_has_no_problem() {
    assert_eq!(told(|_| {}), Vec::<String>::new());
}

#[test]
fn every_mistake_is_told_at_once_and_where_it_is() {
    let all = told(|file| {
        file["metadata"]["name"] = json!("Shop");
        file["spec"]["region"] = json!("europe");
        file["spec"]["account"] = json!("12");
        file["spec"]["kubernetes"] = json!("1.34");
        file["spec"]["image"] = json!("ubuntu");
        file["spec"]["network"] = json!({
            "cidr": "10.20.0.0/24", "zones": ["eu-west-1a", "eu-west-1a"], "pods": "10.20.0.0/18", "services": "10.96.0.0/12"});
        file["spec"]["api"] = json!({"public": true});
        file["spec"]["controlPlane"]["nodes"] = json!(2);
        file["spec"]["workers"] =
            json!({"Big": {"instances": ["m6i.large"], "min": 3, "max": 1, "spot": true}});
        file["spec"]["tags"] = json!({"outboard.dev/cluster": "x"});
        file["spec"]["state"] = json!({"bucket": "My_Bucket"});
        file["spec"]["terraform"] = json!({"override": "extra.tf"});
    });
    insta::assert_snapshot!(all.join("\n"));
}

#[test]
fn the_api_is_never_opened_to_everybody() {
    let all = told(|file| file["spec"]["api"]["allow"] = json!(["0.0.0.0/0", "128.0.0.0/1", "10.0.0.0/8"]));
    let said = |index: u8| format!("/spec/api/allow/{index}: the API is not opened to everybody");
    assert_eq!(all, [said(0), said(1)]);
}

#[test]
fn what_would_fail_after_the_spend_is_refused_before() {
    let all = told(|file| {
        file["spec"]["kubernetes"] = json!("1.30.4");
        file["spec"]["network"]["nat"] = json!("none");
    });
    insta::assert_snapshot!(all.join("\n"));
}

#[test]
fn labels_and_taints_are_such_as_a_kubelet_starts_with() {
    let all = told(|file| {
        let batch = &mut file["spec"]["workers"]["batch"];
        batch["labels"] = json!({
            "team": "batch", "example.org/tier": "", "node.kubernetes.io/pool": "a", "node-role.kubernetes.io/batch": "x",
            "it's": "b", "team2": "two words", "Example.org/a": "b"});
        batch["taints"] = json!([
            {"key": "example.org/batch", "effect": "NoExecute"}, {"key": "batch", "value": "';reboot;'", "effect": "NoSchedule"}]);
    });
    insta::assert_snapshot!(all.join("\n"));
}

#[test]
fn a_key_is_named_by_its_arn_in_the_clusters_region() {
    let of = |key: &str| told(|file| file["spec"]["kmsKey"] = json!(key));
    assert_eq!(of("arn:aws:kms:eu-west-1:123456789012:key/1234"), Vec::<String>::new());
    for wrong in
        ["alias/mine", "arn:aws:kms:us-east-1:123456789012:key/1234", "arn:aws:kms:eu-west-1:1:alias/mine"]
    {
        assert_eq!(of(wrong), [format!("/spec/kmsKey: `{wrong}` is no ARN of a key of eu-west-1")]);
    }
}

#[test]
fn what_is_said_of_add_ons_fits_together() {
    let all = told(|file| {
        file["spec"]["addons"] = json!({
            "only": ["outboard"], "without": ["gateway"], "registry": "https://registry.example.org"});
    });
    insta::assert_snapshot!(all.join("\n"));
    let all = told(|file| {
        file["spec"]["addons"] = json!({"without": ["outboard"], "outboard": {"domain": "a b"}});
    });
    insta::assert_snapshot!(all.join("\n"));
    let own = json!({
        "region": "eu-west-1", "topology": "own", "module": "./mine",
        "addons": {"only": ["cni", "metrics-server"]}});
    insta::assert_snapshot!(told(|file| file["spec"] = own).join("\n"));
    assert_eq!(told(|file| file["spec"]["addons"] = json!("none")), Vec::<String>::new());
    let all = told(|file| {
        file["spec"]["addons"] = json!({"gateway": {"public": true}});
        file["spec"]["giveBack"] = json!(true);
    });
    insta::assert_snapshot!(all.join("\n"));
}

#[test]
fn a_kubernetes_for_which_an_add_on_is_not_known_is_refused_before_the_spend() {
    let of = |change: fn(&mut Value)| {
        let mut file = kubeadm();
        change(&mut file);
        let file: ClusterFile = serde_json::from_value(file).unwrap();
        let told = |all: Vec<Problem>| -> Vec<String> {
            all.into_iter().map(|problem| format!("{}: {}", problem.pointer, problem.message)).collect()
        };
        assert_eq!(told(problems(&file)), Vec::<String>::new(), "whoever looks at it or destroys it may");
        told(version_problems(&file))
    };
    insta::assert_snapshot!(of(|file| file["spec"]["kubernetes"] = json!("1.99.0")).join("\n"));
    let all = of(|file| {
        file["spec"]["kubernetes"] = json!("1.99.0");
        file["spec"]["addons"] = json!({"without": ["cloud-controller-manager", "cluster-autoscaler"]});
    });
    assert_eq!(all, Vec::<String>::new());
}

#[test]
fn keys_of_another_topology_are_refused_rather_than_ignored() {
    let all = told(|file| file["spec"]["topology"] = json!("own"));
    insta::assert_snapshot!(all.join("\n"));
    let all = told(|file| file["spec"]["topology"] = json!("eks"));
    insta::assert_snapshot!(all.join("\n"));
}
