//! The daemons of the machine and the pods of the cluster as one list, for `status`, `logs` and the quick check of `up`.

use std::process::Command;

use serde_json::Value;

use crate::cache::Cache;
use crate::kube::Kubectl;
use crate::node::Node;
use crate::process::Daemon;
use crate::{apiserver, containerd, controllers, dns, etcd, forward, kubelet, registry};

type Ready = Box<dyn Fn() -> bool>;

/// Every daemon with its question, in the order of starting.
pub fn daemons(cache: &Cache) -> anyhow::Result<Vec<(Daemon, Ready)>> {
    let node = Node::first(cache);
    let (runtime, proxy) = (node.clone(), node.clone());
    let kubectl = Kubectl::new(cache)?;
    Ok(vec![
        (registry::daemon(cache)?, Box::new(registry::ready)),
        (dns::daemon(cache)?, Box::new(dns::ready)),
        (containerd::daemon(cache, &node), Box::new(move || containerd::ready(&runtime))),
        (etcd::daemon(cache)?, Box::new(etcd::ready)),
        (apiserver::daemon(cache)?, Box::new(move || kubectl.ready())),
        (controllers::manager(cache)?, Box::new(controllers::manager_ready)),
        (controllers::scheduler(cache)?, Box::new(controllers::scheduler_ready)),
        (kubelet::daemon(cache, &node)?, Box::new(kubelet::ready)),
        (kubelet::proxy(cache, &node)?, Box::new(move || kubelet::proxy_ready(&proxy))),
        (forward::daemon(cache)?, Box::new(forward::ready)),
    ])
}

pub fn any_running(cache: &Cache) -> bool {
    daemons(cache).is_ok_and(|daemons| daemons.iter().any(|(daemon, _)| daemon.pid().is_some()))
}

pub fn all_ready(cache: &Cache) -> anyhow::Result<bool> {
    let daemons = daemons(cache)?;
    Ok(daemons.iter().all(|(daemon, ready)| daemon.pid().is_some() && ready())
        && pods(&Kubectl::new(cache)?)?.iter().all(|pod| pod.ready))
}

/// A pod that the testbed itself runs.
#[derive(Debug)]
pub struct Pod {
    pub namespace: String,
    pub name: String,
    pub component: String,
    pub ready: bool,
}

const NAMESPACES: [&str; 2] = ["kube-system", crate::gateway::NAMESPACE];

pub fn pods(kubectl: &Kubectl) -> anyhow::Result<Vec<Pod>> {
    let list: Value = serde_json::from_str(&kubectl.get(&["pods", "-A", "-o", "json"])?)?;
    let items = list["items"].as_array().cloned().unwrap_or_default();
    // One that is going is no part of what should be there.
    let items = items.iter().filter(|pod| pod["metadata"]["deletionTimestamp"].is_null());
    let pods = items.map(pod).filter(|pod| NAMESPACES.contains(&pod.namespace.as_str()));
    Ok(pods.collect())
}

fn pod(pod: &Value) -> Pod {
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let conditions = pod["status"]["conditions"].as_array().cloned().unwrap_or_default();
    Pod {
        namespace: text(&pod["metadata"]["namespace"]),
        name: text(&pod["metadata"]["name"]),
        // All of them have one container that matters, the first.
        component: text(&pod["spec"]["containers"][0]["name"]),
        ready: conditions
            .iter()
            .any(|condition| condition["type"] == "Ready" && condition["status"] == "True"),
    }
}

/// Shows the log of a daemon or a pod; `follow` stays with it.
pub fn logs(cache: &Cache, kubectl: &Kubectl, component: &str, follow: bool) -> anyhow::Result<Command> {
    let log = cache.log(component);
    if log.exists() {
        let mut tail = Command::new("tail");
        tail.args(if follow { ["-n", "200", "-F"].as_slice() } else { ["-n", "+1"].as_slice() }).arg(log);
        return Ok(tail);
    }
    let pods = pods(kubectl)?;
    if let Some(pod) = pods.iter().find(|pod| pod.component == component) {
        let mut logs = kubectl.command();
        logs.args(["--namespace", &pod.namespace, "logs", &pod.name, "--container", component]);
        if follow {
            logs.arg("--follow");
        }
        return Ok(logs);
    }
    let known = daemons(cache)?.into_iter().map(|(daemon, _)| daemon.name);
    let known: Vec<String> = known.chain(pods.into_iter().map(|pod| pod.component)).collect();
    anyhow::bail!("there is no component `{component}`; there are {}", known.join(", "))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_pod_is_ready_by_its_condition_only() {
        let mut object = json!({
            "metadata": {"namespace": "kube-system", "name": "coredns-1"},
            "spec": {"containers": [{"name": "coredns"}]},
            "status": {"phase": "Running", "conditions": [{"type": "Ready", "status": "False"}]},
        });
        assert!(!pod(&object).ready);
        object["status"]["conditions"][0]["status"] = json!("True");
        assert!(pod(&object).ready);
        assert_eq!(pod(&object).component, "coredns");
    }
}
