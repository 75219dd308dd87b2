//! Whether what was applied has come up, and if not, whether waiting helps.

use serde_json::Value;

/// Reasons for which a container does not start that waiting alone does not mend.
const HOPELESS: [&str; 5] = [
    "ImagePullBackOff",
    "ErrImageNeverPull",
    "InvalidImageName",
    "CreateContainerConfigError",
    "CreateContainerError",
];
/// As often something may crash that only waits for something else.
const CRASHES: u64 = 5;

#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Ready {
    Yes,
    /// What it waits for.
    NotYet(String),
    /// It will not come up as it is.
    Never(String),
}

impl Ready {
    /// The worst of both.
    pub fn and(self, other: Self) -> Self {
        match (&self, &other) {
            (Self::Never(_), _) | (Self::NotYet(_), Self::Yes | Self::NotYet(_)) => self,
            (Self::NotYet(_) | Self::Yes, _) => other,
        }
    }
}

fn count(object: &Value, path: &str) -> u64 {
    object.pointer(path).and_then(Value::as_u64).unwrap_or_default()
}

fn name(object: &Value) -> String {
    let text = |path: &str| object.pointer(path).and_then(Value::as_str).unwrap_or_default().to_owned();
    format!("{} {}", text("/kind"), text("/metadata/name"))
}

fn condition<'a>(object: &'a Value, kind: &str) -> Option<&'a Value> {
    object.pointer("/status/conditions")?.as_array()?.iter().find(|condition| condition["type"] == kind)
}

/// Of one object, with the pods that its selector selects.
pub fn of(object: &Value, pods: &[Value]) -> Ready {
    of_among(object, 0, pods)
}

/// The same where so many of its pods are on nodes that are down: those are not waited for.
pub fn of_among(object: &Value, lost: u64, pods: &[Value]) -> Ready {
    let unseen = count(object, "/status/observedGeneration") < count(object, "/metadata/generation");
    match object["kind"].as_str().unwrap_or_default() {
        "Deployment" => {
            let wanted = object.pointer("/spec/replicas").and_then(Value::as_u64).unwrap_or(1);
            let there =
                count(object, "/status/availableReplicas").min(count(object, "/status/updatedReplicas"));
            if let Some(refused) = condition(object, "ReplicaFailure").filter(|one| one["status"] == "True") {
                let why = refused["message"].as_str().unwrap_or_default();
                return Ready::Never(format!("{}: Kubernetes refuses its pods: {why}", name(object)));
            }
            rolled_out(object, unseen, there, wanted, pods)
        }
        "DaemonSet" => {
            // One has to be there, whatever is down.
            let all = count(object, "/status/desiredNumberScheduled");
            let wanted = all.saturating_sub(lost).max(all.min(1));
            let there =
                count(object, "/status/numberAvailable").min(count(object, "/status/updatedNumberScheduled"));
            rolled_out(object, unseen, there, wanted, pods)
        }
        "Job" => match (condition(object, "Complete"), condition(object, "Failed")) {
            (Some(done), _) if done["status"] == "True" => Ready::Yes,
            (_, Some(failed)) if failed["status"] == "True" => {
                let why = failed["message"].as_str().unwrap_or_default();
                Ready::Never(format!("{} failed: {why}", name(object)))
            }
            _ => pods
                .iter()
                .map(of_pod)
                .fold(Ready::NotYet(format!("{} is not done", name(object))), Ready::and),
        },
        "APIService" => conditional(object, "Available"),
        "GatewayClass" => conditional(object, "Accepted"),
        "Gateway" => conditional(object, "Programmed"),
        // Whoever is to fill it in has to have done so, else everything of its kinds is refused.
        "ValidatingWebhookConfiguration" | "MutatingWebhookConfiguration" => {
            let all = object["webhooks"].as_array().cloned().unwrap_or_default();
            if all.iter().all(|hook| hook.pointer("/clientConfig/caBundle").is_some()) {
                Ready::Yes
            } else {
                Ready::NotYet(format!("{} has no certificate authority yet", name(object)))
            }
        }
        _ => Ready::Yes,
    }
}

fn conditional(object: &Value, kind: &str) -> Ready {
    match condition(object, kind) {
        Some(found) if found["status"] == "True" => Ready::Yes,
        found => {
            let why = found.and_then(|found| found["message"].as_str()).unwrap_or_default();
            let why = if why.is_empty() { String::new() } else { format!(": {why}") };
            Ready::NotYet(format!("{} is not {kind}{why}", name(object)))
        }
    }
}

fn rolled_out(object: &Value, unseen: bool, there: u64, wanted: u64, pods: &[Value]) -> Ready {
    if !unseen && there >= wanted {
        return Ready::Yes;
    }
    if unseen {
        return Ready::NotYet(format!("Kubernetes has not looked at {} yet", name(object)));
    }
    let waiting = Ready::NotYet(format!("{there} of {wanted} pods of {} are ready", name(object)));
    pods.iter().map(of_pod).fold(waiting, |sofar, pod| match (sofar, pod) {
        (sofar, Ready::Yes) => sofar,
        (Ready::NotYet(all), Ready::NotYet(why)) if !all.contains(':') => {
            Ready::NotYet(format!("{all}: {why}"))
        }
        (sofar, pod) => sofar.and(pod),
    })
}

/// By which label the pods of a workload's newest template are known: what becomes of earlier ones says nothing of it. None as
/// long as it has no such pods. `sets`: the ReplicaSets of a Deployment.
pub fn newest(object: &Value, sets: &[Value]) -> Option<(&'static str, String)> {
    let text = |object: &Value, path: &str| object.pointer(path)?.as_str().map(str::to_owned);
    match object["kind"].as_str()? {
        "Deployment" => {
            let revision = "/metadata/annotations/deployment.kubernetes.io~1revision";
            let wanted = text(object, revision)?;
            let uid = &object["metadata"]["uid"];
            let ours = |set: &&Value| {
                let owners = set.pointer("/metadata/ownerReferences").and_then(Value::as_array);
                owners.into_iter().flatten().any(|owner| owner["uid"] == *uid)
            };
            let set = sets.iter().filter(ours).find(|set| text(set, revision).as_ref() == Some(&wanted))?;
            Some(("pod-template-hash", text(set, "/metadata/labels/pod-template-hash")?))
        }
        "DaemonSet" => {
            let generation = "/metadata/annotations/deprecated.daemonset.template.generation";
            Some(("pod-template-generation", text(object, generation)?))
        }
        _ => None,
    }
}

fn of_pod(pod: &Value) -> Ready {
    if !pod["metadata"]["deletionTimestamp"].is_null() {
        return Ready::Yes;
    }
    let who = pod.pointer("/metadata/name").and_then(Value::as_str).unwrap_or_default();
    let statuses = ["/status/initContainerStatuses", "/status/containerStatuses"]
        .into_iter()
        .filter_map(|path| pod.pointer(path)?.as_array())
        .flatten();
    for status in statuses {
        let container = status["name"].as_str().unwrap_or_default();
        if let Some(waiting) = status.pointer("/state/waiting") {
            let reason = waiting["reason"].as_str().unwrap_or_default();
            let message = waiting["message"].as_str().unwrap_or_default();
            if HOPELESS.contains(&reason) {
                return Ready::Never(format!("container {container} of pod {who}: {reason}: {message}"));
            }
            if reason == "CrashLoopBackOff" && count(status, "/restartCount") >= CRASHES {
                let last = &status["lastState"]["terminated"];
                let said = last["message"].as_str().unwrap_or_default().lines().last().unwrap_or_default();
                let said = if said.is_empty() { String::new() } else { format!(": {said}") };
                return Ready::Never(format!(
                    "container {container} of pod {who} keeps crashing, last with {} {}{said}",
                    last["exitCode"],
                    last["reason"].as_str().unwrap_or_default()
                ));
            }
        }
    }
    match condition(pod, "PodScheduled").filter(|one| one["status"] == "False") {
        // A node may be on its way.
        Some(unscheduled) => {
            Ready::NotYet(format!("pod {who}: {}", unscheduled["message"].as_str().unwrap_or_default()))
        }
        None => Ready::Yes,
    }
}

/// How many of these pods are on nodes that nobody hears of: they will not become ready, and are no reason to wait.
pub fn lost(pods: &[Value], nodes: &[Value]) -> u64 {
    let down: Vec<&Value> =
        nodes.iter().filter(|node| is_down(node)).map(|node| &node["metadata"]["name"]).collect();
    pods.iter().filter(|pod| down.contains(&&pod["spec"]["nodeName"])).count() as u64
}

/// Whether nobody hears of a node any more.
fn is_down(node: &Value) -> bool {
    condition(node, "Ready").is_some_and(|ready| ready["status"] == "Unknown")
}

/// Whether every node that is not down has a pod network and is known to the cloud, as far as these are applied.
pub fn of_nodes(nodes: &[Value], taint: Option<&str>) -> Ready {
    if nodes.iter().all(is_down) {
        return Ready::NotYet("no node has joined yet".to_owned());
    }
    for node in nodes.iter().filter(|node| !is_down(node)) {
        let who = node.pointer("/metadata/name").and_then(Value::as_str).unwrap_or_default();
        match taint {
            None => {
                let ready = condition(node, "Ready");
                if ready.is_none_or(|ready| ready["status"] != "True") {
                    let why = ready.and_then(|ready| ready["message"].as_str()).unwrap_or_default();
                    return Ready::NotYet(format!("node {who} is not ready: {why}"));
                }
            }
            Some(taint) => {
                let taints = node.pointer("/spec/taints").and_then(Value::as_array);
                if taints.into_iter().flatten().any(|one| one["key"] == taint) {
                    return Ready::NotYet(format!(
                        "node {who} is not initialised by the cloud controller yet"
                    ));
                }
            }
        }
    }
    Ready::Yes
}
