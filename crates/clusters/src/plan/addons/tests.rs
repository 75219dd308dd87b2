//! What each topology gets, in which order, and what of it is rendered.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use super::manifests::{all_images, objects};
use super::ready::{self, Ready};
use super::versions::Versions;
use super::*;
use crate::plan::tests::{identity, kubeadm};

fn file(change: impl FnOnce(&mut Value)) -> ClusterFile {
    let mut file = kubeadm();
    change(&mut file);
    serde_json::from_value(file).unwrap()
}

fn eks(file: &mut Value) {
    let spec = &mut file["spec"];
    spec["topology"] = json!("eks");
    spec["kubernetes"] = json!("1.34");
    for key in ["image", "controlPlane"] {
        spec.as_object_mut().unwrap().remove(key);
    }
    spec["admins"] = json!(["arn:aws:iam::123456789012:role/admin"]);
}

fn told(file: &ClusterFile) -> Vec<String> {
    chosen(file).iter().map(|one| format!("{} by {}", one.addon.word(), one.by.word())).collect()
}

#[test]
fn each_topology_gets_what_it_does_not_bring_and_only_what_is_wanted() {
    insta::assert_snapshot!(told(&file(|_| {})).join("\n"));
    insta::assert_snapshot!(told(&file(eks)).join("\n"));
    let own = |addons: Value| {
        file(|file| {
            file["spec"] =
                json!({"region": "eu-west-1", "topology": "own", "module": "./a", "addons": addons});
        })
    };
    assert_eq!(told(&own(json!({}))), Vec::<String>::new());
    let only = own(json!({"only": ["outboard", "metrics-server"]}));
    assert_eq!(told(&only), ["metrics-server by outboard", "outboard by outboard"], "in their own order");
    assert_eq!(told(&file(|file| file["spec"]["addons"] = json!("none"))), Vec::<String>::new());
    let without = file(|file| file["spec"]["addons"] = json!({"without": ["gateway", "cert-manager"]}));
    assert_eq!(told(&without).len(), 7);
}

#[test]
fn an_add_on_comes_after_those_that_it_needs_and_fails_with_them() {
    for (index, addon) in Addon::ALL.iter().enumerate() {
        for needed in addon.needs() {
            assert!(Addon::ALL[..index].contains(needed), "{} before {}", addon.word(), needed.word());
        }
    }
    assert_eq!(stopped_by(Addon::Outboard, &[Addon::Coredns]), Some(Addon::Coredns));
    assert_eq!(stopped_by(Addon::MetricsServer, &[Addon::Gateway, Addon::Coredns]), None);
}

fn rendered(file: &ClusterFile, addon: Addon) -> Vec<Value> {
    let one = chosen(file).into_iter().find(|one| one.addon == addon).unwrap();
    objects(file, &identity(), one).unwrap()
}

#[test]
fn what_is_rendered_for_kubeadm_is_reviewed_with_every_change() {
    let file = file(|file| {
        file["spec"]["kmsKey"] = json!("arn:aws:kms:eu-west-1:123456789012:key/1234");
        file["spec"]["addons"] = json!({"registry": "registry.example.org/mirror"});
    });
    for addon in Addon::ALL {
        insta::assert_yaml_snapshot!(addon.word(), rendered(&file, addon));
    }
}

#[test]
fn what_is_rendered_for_eks_has_nothing_of_what_eks_brings() {
    let file = file(eks);
    for addon in [Addon::Cni, Addon::CloudControllerManager, Addon::Coredns] {
        assert_eq!(rendered(&file, addon), Vec::<Value>::new(), "{}", addon.word());
    }
    let kinds: Vec<String> =
        rendered(&file, Addon::EbsCsi).iter().map(|one| one["kind"].to_string()).collect();
    assert_eq!(kinds, ["\"StorageClass\""]);
    let metrics = serde_json::to_string(&rendered(&file, Addon::MetricsServer)).unwrap();
    assert!(!metrics.contains("insecure-tls") && !metrics.contains("null"), "{metrics}");
    let autoscaler = rendered(&file, Addon::ClusterAutoscaler);
    let pod = &autoscaler.last().unwrap()["spec"]["template"]["spec"];
    assert_eq!((&pod["hostNetwork"], &pod["tolerations"]), (&json!(false), &json!([])));
}

#[test]
fn the_gateway_is_reached_from_its_network_alone_unless_somebody_says_who_else() {
    let service = |addons: Value| {
        let file = file(|file| file["spec"]["addons"] = addons);
        let all = rendered(&file, Addon::Gateway);
        let proxy = all.iter().find(|one| one["kind"] == "EnvoyProxy").unwrap();
        proxy["spec"]["provider"]["kubernetes"]["envoyService"].clone()
    };
    let internal = "service.beta.kubernetes.io/aws-load-balancer-internal";
    let inside = service(json!({}));
    assert_eq!(
        (&inside["annotations"][internal], inside.get("loadBalancerSourceRanges")),
        (&json!("true"), None)
    );
    let public = service(json!({"gateway": {"public": true, "allow": ["203.0.113.0/24"]}}));
    assert_eq!(public["annotations"].get(internal), None);
    assert_eq!(public["loadBalancerSourceRanges"], json!(["203.0.113.0/24"]));
}

#[test]
fn a_job_that_is_otherwise_is_another_one() {
    let name = |addons: Value| {
        let file = file(|file| file["spec"]["addons"] = addons);
        let all = rendered(&file, Addon::Gateway);
        all.iter().find(|one| one["kind"] == "Job").unwrap()["metadata"]["name"].to_string()
    };
    assert_eq!(name(json!({})), name(json!({"without": ["cni"]})));
    assert_ne!(name(json!({})), name(json!({"registry": "registry.example.org"})));
}

/// Everything that runs, with its pod.
fn workloads(all: &[Value]) -> impl Iterator<Item = (&Value, &Value)> {
    all.iter().filter_map(|object| Some((object, object.pointer("/spec/template/spec")?)))
}

#[test]
fn what_nodes_need_before_they_are_ready_runs_on_every_node_and_is_not_evicted() {
    let file = file(|_| {});
    let cni = rendered(&file, Addon::Cni);
    for (object, pod) in workloads(&cni) {
        assert_eq!(pod["tolerations"], json!([{"operator": "Exists"}]), "{}", object["metadata"]["name"]);
        assert_eq!(
            (&pod["hostNetwork"], &pod["priorityClassName"]),
            (&json!(true), &json!("system-node-critical"))
        );
    }
    let cloud = rendered(&file, Addon::CloudControllerManager);
    let (_, pod) = workloads(&cloud).next().unwrap();
    let keys: Vec<&str> =
        pod["tolerations"].as_array().unwrap().iter().filter_map(|one| one["key"].as_str()).collect();
    assert!(keys.contains(&"node.cloudprovider.kubernetes.io/uninitialized"), "{keys:?}");
    assert!(keys.contains(&"node.kubernetes.io/not-ready"), "{keys:?}");
}

#[test]
fn what_acts_in_aws_runs_where_a_role_lets_it_and_a_pod_cannot_become_its_node() {
    let file = file(|_| {});
    for addon in [Addon::CloudControllerManager, Addon::EbsCsi, Addon::ClusterAutoscaler] {
        let all = rendered(&file, addon);
        let acting = workloads(&all).filter(|(object, _)| object["metadata"]["name"] != "ebs-csi-node");
        for (object, pod) in acting {
            let who = &object["metadata"]["name"];
            assert_eq!(pod["nodeSelector"]["node-role.kubernetes.io/control-plane"], "", "{who}");
            assert_eq!(pod["hostNetwork"], true, "{who}: instance metadata is one hop away");
        }
    }
}

#[test]
fn every_account_that_is_used_is_there_and_every_right_is_somebodys() {
    let file = file(|_| {});
    for addon in Addon::ALL {
        let all = rendered(&file, addon);
        let place = |object: &Value, kind: &str| {
            let of = |key: &str| object["metadata"][key].as_str().unwrap_or_default().to_owned();
            (object["kind"] == kind).then(|| (of("namespace"), of("name")))
        };
        let accounts: BTreeSet<_> = all.iter().filter_map(|one| place(one, "ServiceAccount")).collect();
        let mut bound = BTreeSet::new();
        for binding in
            all.iter().filter(|one| one["kind"].as_str().is_some_and(|kind| kind.ends_with("Binding")))
        {
            for subject in binding["subjects"].as_array().unwrap() {
                let of = |key: &str| subject[key].as_str().unwrap_or_default().to_owned();
                bound.insert((of("namespace"), of("name")));
            }
        }
        assert_eq!(bound.difference(&accounts).count(), 0, "{}: {bound:?} {accounts:?}", addon.word());
        for (object, pod) in workloads(&all) {
            let namespace = object["metadata"]["namespace"].as_str().unwrap().to_owned();
            let account = pod["serviceAccountName"].as_str().unwrap().to_owned();
            assert!(accounts.contains(&(namespace, account.clone())), "{}: {account}", addon.word());
        }
    }
}

#[test]
fn every_image_is_listed_and_what_is_listed_is_used() {
    let registry = "registry.example.org/mirror";
    let file = file(|file| file["spec"]["addons"] = json!({"registry": registry}));
    let all = chosen(&file);
    let listed = all_images(&file, &all).unwrap();
    let mut used = BTreeSet::new();
    for one in &all {
        let text = serde_json::to_string(&objects(&file, &identity(), *one).unwrap()).unwrap();
        let known = listed.iter().filter(|image| image.addon == one.addon);
        used.extend(known.filter(|image| text.contains(&image.image)).map(|image| image.image.clone()));
        for host in ["registry.k8s.io", "public.ecr.aws", "ghcr.io", "quay.io", "docker.io"] {
            assert!(!text.contains(host), "{} asks {host}", one.addon.word());
        }
    }
    assert_eq!(used.len(), listed.len());
    assert!(listed.iter().all(|image| image.image.starts_with(registry)));
    assert!(listed.len() > 15, "{}", listed.len());
}

#[test]
fn the_table_of_versions_is_whole_and_dated() {
    let versions = Versions::table();
    assert!(versions.date.parse::<jiff::civil::Date>().is_ok(), "{}", versions.date);
    for addon in Addon::ALL {
        let version = versions.of(addon);
        assert!(!version.version.is_empty(), "{}", addon.word());
        for file in version.files {
            assert!(file.url.starts_with("https://") && file.sha256.len() == 64, "{}", file.url);
            // What is fetched is of one version, and no branch moves under it.
            assert!(file.url.contains("/v1."), "{}", file.url);
        }
    }
}

#[test]
fn whether_something_has_come_up_is_told_with_what_it_waits_for() {
    let deployment = |status: Value| json!({"kind": "Deployment", "metadata": {"name": "web", "generation": 2}, "spec": {"replicas": 2}, "status": status});
    let half = deployment(json!({"observedGeneration": 2, "availableReplicas": 1, "updatedReplicas": 2}));
    let whole = deployment(json!({"observedGeneration": 2, "availableReplicas": 2, "updatedReplicas": 2}));
    let behind = deployment(json!({"observedGeneration": 1, "availableReplicas": 2, "updatedReplicas": 2}));
    let pod = |status: Value| json!({"metadata": {"name": "web-1"}, "status": status});
    let waiting = |reason: &str, restarts: u64| {
        pod(json!({"containerStatuses": [{"name": "web", "restartCount": restarts,
            "state": {"waiting": {"reason": reason, "message": "no such image"}},
            "lastState": {"terminated": {"exitCode": 2, "reason": "Error", "message": "a\nno key"}}}]}))
    };
    let unscheduled = pod(json!({"conditions": [
        {"type": "PodScheduled", "status": "False", "message": "0/3 nodes are available"}]}));
    let hook = |authority: Value| json!({"kind": "ValidatingWebhookConfiguration", "metadata": {"name": "a"}, "webhooks": [{"clientConfig": authority}]});
    let gateway = json!({"kind": "Gateway", "metadata": {"name": "outboard"}, "status": {"conditions": [
        {"type": "Programmed", "status": "False", "message": "no address yet"}]}});
    let all = [
        ready::of(&whole, &[]),
        ready::of(&behind, &[]),
        ready::of(&half, &[unscheduled]),
        ready::of(&half, &[waiting("ContainerCreating", 0)]),
        ready::of(&half, &[waiting("CrashLoopBackOff", 1)]),
        ready::of(&half, &[waiting("ImagePullBackOff", 0)]),
        ready::of(&half, &[waiting("CrashLoopBackOff", 5)]),
        ready::of(&hook(json!({})), &[]),
        ready::of(&hook(json!({"caBundle": "x"})), &[]),
        ready::of(&gateway, &[]),
    ];
    insta::assert_debug_snapshot!(all);
    assert_eq!(Ready::Yes.and(Ready::NotYet("a".into())), Ready::NotYet("a".into()));
    assert_eq!(Ready::NotYet("a".into()).and(Ready::Never("b".into())), Ready::Never("b".into()));
    assert_eq!(Ready::Never("a".into()).and(Ready::NotYet("b".into())), Ready::Never("a".into()));
}

#[test]
fn pods_of_an_earlier_template_are_not_judged() {
    let revision = |name: &str, number: &str, owner: &str| {
        json!({"metadata": {"name": name, "labels": {"pod-template-hash": name},
            "annotations": {"deployment.kubernetes.io/revision": number}, "ownerReferences": [{"uid": owner}]}})
    };
    let deployment = json!({"kind": "Deployment", "metadata": {"name": "web", "uid": "1",
        "annotations": {"deployment.kubernetes.io/revision": "3"}}});
    let sets = [revision("old", "2", "1"), revision("others", "3", "2"), revision("new", "3", "1")];
    assert_eq!(ready::newest(&deployment, &sets), Some(("pod-template-hash", "new".into())));
    assert_eq!(ready::newest(&deployment, &sets[..2]), None, "it has no pods yet");
    let daemons = json!({"kind": "DaemonSet", "metadata": {"annotations": {"deprecated.daemonset.template.generation": "4"}}});
    assert_eq!(ready::newest(&daemons, &[]), Some(("pod-template-generation", "4".into())));
}

#[test]
fn nodes_are_waited_for_until_they_have_a_network_and_the_cloud_knows_them() {
    let node = |ready: &str, taints: Value| {
        json!({"metadata": {"name": "i-1"}, "spec": {"taints": taints}, "status": {"conditions": [
            {"type": "Ready", "status": ready, "message": "cni plugin not initialized"}]}})
    };
    let taint = "node.cloudprovider.kubernetes.io/uninitialized";
    assert_eq!(ready::of_nodes(&[], None), Ready::NotYet("no node has joined yet".into()));
    assert!(matches!(ready::of_nodes(&[node("False", json!([]))], None), Ready::NotYet(_)));
    assert_eq!(ready::of_nodes(&[node("True", json!([{"key": taint}]))], None), Ready::Yes);
    assert!(matches!(
        ready::of_nodes(&[node("True", json!([{"key": taint}]))], Some(taint)),
        Ready::NotYet(_)
    ));
    assert_eq!(ready::of_nodes(&[node("True", json!([]))], Some(taint)), Ready::Yes);
    // One that is dead holds nobody up, unless there is no other.
    let dead = node("Unknown", json!([{"key": taint}]));
    assert_eq!(ready::of_nodes(&[dead.clone(), node("True", json!([]))], Some(taint)), Ready::Yes);
    assert!(matches!(ready::of_nodes(&[dead], None), Ready::NotYet(_)));
    let set = json!({"kind": "DaemonSet", "metadata": {"name": "a"}, "status": {
        "desiredNumberScheduled": 3, "numberAvailable": 2, "updatedNumberScheduled": 2}});
    assert!(matches!(ready::of(&set, &[]), Ready::NotYet(_)));
    assert_eq!(ready::of_among(&set, 1, &[]), Ready::Yes);
    // Only nodes on which it has a pod: a dead one that it was never for takes nothing from what is wanted.
    let named = |name: &str, ready: &str| json!({"metadata": {"name": name}, "status": {"conditions": [{"type": "Ready", "status": ready}]}});
    let nodes = [named("a", "Unknown"), named("b", "Unknown"), named("c", "True")];
    let pods = [json!({"spec": {"nodeName": "b"}}), json!({"spec": {"nodeName": "c"}})];
    assert_eq!(ready::lost(&pods, &nodes), 1);
}
