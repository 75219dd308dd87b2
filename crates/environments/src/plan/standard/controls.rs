//! What the Pod Security Standards forbid, as far as it is known here: never more than Kubernetes does.

use api::project::PodSecurity;
use serde_json::Value;

/// Capabilities that a container has anyway, or that lead nowhere out of it.
const HARMLESS: [&str; 13] = [
    "AUDIT_WRITE",
    "CHOWN",
    "DAC_OVERRIDE",
    "FOWNER",
    "FSETID",
    "KILL",
    "MKNOD",
    "NET_BIND_SERVICE",
    "SETFCAP",
    "SETGID",
    "SETPCAP",
    "SETUID",
    "SYS_CHROOT",
];

/// Kinds of volumes that `restricted` does not know; `baseline` tells of directories of the node.
const OUTSIDE: [&str; 20] = [
    "awsElasticBlockStore",
    "azureDisk",
    "azureFile",
    "cephfs",
    "cinder",
    "fc",
    "flexVolume",
    "flocker",
    "gcePersistentDisk",
    "gitRepo",
    "glusterfs",
    "iscsi",
    "nfs",
    "photonPersistentDisk",
    "portworxVolume",
    "quobyte",
    "rbd",
    "scaleIO",
    "storageos",
    "vsphereVolume",
];

/// What one pod has that its standard forbids.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Violation {
    /// As a path below `spec` of the pod.
    pub field: String,
    pub message: String,
    pub fix: &'static str,
}

pub const ROOTLESS: &str = "let it run as somebody: `user: \"1000\"`";
const WITHOUT: &str = "take it out";

/// Whether its containers are not Linux'.
pub fn is_windows(pod: &Value) -> bool {
    pod["os"]["name"] == "windows"
}

/// Everything that a standard forbids of a pod.
pub fn violations(standard: PodSecurity, pod: &Value) -> Vec<Violation> {
    let mut found = Vec::new();
    if !pod["runtimeClassName"].is_null() {
        // Whoever runs the cluster may have exempted what runs so.
        return found;
    }
    of_pod(pod, &mut found);
    for (list, container) in containers(pod) {
        let at = format!("{list}[{}]", name(container));
        of_container(pod, container, &at, &mut found);
        if standard == PodSecurity::Restricted {
            restricted(pod, container, &at, &mut found);
        }
    }
    if standard == PodSecurity::Restricted {
        for volume in list(&pod["volumes"]) {
            if OUTSIDE.iter().any(|kind| !volume[*kind].is_null()) {
                let at = format!("volumes[{}]", name(volume));
                add(&mut found, at, "a volume of a kind that is not allowed".to_owned(), WITHOUT);
            }
        }
    }
    found
}

/// Whether who is root inside is nobody on the node.
fn has_own_users(pod: &Value) -> bool {
    pod["hostUsers"] == false
}

fn of_pod(pod: &Value, found: &mut Vec<Violation>) {
    for key in ["hostNetwork", "hostPID", "hostIPC"] {
        if pod[key] == true {
            add(found, key.to_owned(), "it wants a namespace of its node".to_owned(), WITHOUT);
        }
    }
    for volume in list(&pod["volumes"]) {
        if !volume["hostPath"].is_null() {
            let at = format!("volumes[{}].hostPath", name(volume));
            add(found, at, "it wants a directory of its node".to_owned(), "use `volumes` of the component");
        }
    }
    of_context(&pod["securityContext"], "securityContext", found);
    for sysctl in list(&pod["securityContext"]["sysctls"]) {
        let known = sysctl["name"].as_str().is_some_and(|name| {
            name.starts_with("net.ipv4.tcp_")
                || name.starts_with("net.ipv4.ip_")
                || matches!(name, "kernel.shm_rmid_forced" | "net.ipv4.ping_group_range")
        });
        if !known {
            let at = format!("securityContext.sysctls[{}]", name(sysctl));
            add(found, at, "it sets what its node shares".to_owned(), WITHOUT);
        }
    }
}

/// What may stand in a pod's context and in a container's.
fn of_context(context: &Value, at: &str, found: &mut Vec<Violation>) {
    if context["windowsOptions"]["hostProcess"] == true {
        add(
            found,
            format!("{at}.windowsOptions.hostProcess"),
            "it wants to be a process of its node".to_owned(),
            WITHOUT,
        );
    }
    for profile in ["seccompProfile", "appArmorProfile"] {
        if context[profile]["type"] == "Unconfined" {
            add(found, format!("{at}.{profile}"), "it does without its profile".to_owned(), WITHOUT);
        }
    }
    let linux = &context["seLinuxOptions"];
    let plain = ["", "container_t", "container_init_t", "container_kvm_t", "container_engine_t"];
    let text = |key: &str| linux[key].as_str().unwrap_or_default();
    if !plain.contains(&text("type")) || !text("user").is_empty() || !text("role").is_empty() {
        add(found, format!("{at}.seLinuxOptions"), "it chooses its own SELinux context".to_owned(), WITHOUT);
    }
}

fn of_container(pod: &Value, container: &Value, at: &str, found: &mut Vec<Violation>) {
    let context = &container["securityContext"];
    if context["privileged"] == true {
        add(
            found,
            format!("{at}.securityContext.privileged"),
            "it would be its node's root".to_owned(),
            WITHOUT,
        );
    }
    for capability in words(&context["capabilities"]["add"]).filter(|name| !HARMLESS.contains(name)) {
        let at = format!("{at}.securityContext.capabilities.add");
        add(found, at, format!("it wants the capability {capability}"), WITHOUT);
    }
    if !matches!(context["procMount"].as_str(), None | Some("Default")) && !has_own_users(pod) {
        add(found, format!("{at}.securityContext.procMount"), "it wants an open /proc".to_owned(), WITHOUT);
    }
    of_context(context, &format!("{at}.securityContext"), found);
    for port in list(&container["ports"]) {
        if port["hostPort"].as_i64().is_some_and(|port| port != 0) {
            add(
                found,
                format!("{at}.ports[{}].hostPort", name(port)),
                "it wants a port of its node".to_owned(),
                "use `routes`",
            );
        }
    }
}

fn restricted(pod: &Value, container: &Value, at: &str, found: &mut Vec<Violation>) {
    let (own, pods) = (&container["securityContext"], &pod["securityContext"]);
    let chosen = |key: &str| if own[key].is_null() { &pods[key] } else { &own[key] };
    let is_root = (*chosen("runAsUser") == 0 || *chosen("runAsNonRoot") != true) && !has_own_users(pod);
    if is_root {
        let beside = at.ends_with(&format!("[{}]", api::marks::LOGS_CONTAINER));
        let message = if beside {
            "what reads the files of its `logs` runs as root, since nobody says as whom the component runs"
        } else {
            "it runs as root"
        };
        let says_itself = ["runAsUser", "runAsNonRoot"].iter().any(|key| !own[*key].is_null());
        let at = if says_itself { format!("{at}.") } else { String::new() };
        let at = format!("{at}securityContext.runAsNonRoot");
        add(found, at, message.to_owned(), ROOTLESS);
    }
    if is_windows(pod) {
        return;
    }
    let more = words(&own["capabilities"]["add"]).find(|name| *name != "NET_BIND_SERVICE");
    if let Some(capability) = more.filter(|_| !is_root) {
        let at = format!("{at}.securityContext.capabilities.add");
        add(found, at, format!("it wants the capability {capability}"), WITHOUT);
    }
    if own["allowPrivilegeEscalation"] != false {
        let at = format!("{at}.securityContext.allowPrivilegeEscalation");
        add(found, at, "it may become more than it is".to_owned(), "say `allowPrivilegeEscalation: false`");
    }
    if !words(&own["capabilities"]["drop"]).any(|name| name == "ALL") {
        let at = format!("{at}.securityContext.capabilities.drop");
        add(found, at, "it keeps capabilities".to_owned(), "say `capabilities: {drop: [ALL]}`");
    }
    // `baseline` tells of one that does without.
    let profiles = ["RuntimeDefault", "Localhost", "Unconfined"];
    if !chosen("seccompProfile")["type"].as_str().is_some_and(|profile| profiles.contains(&profile)) {
        let at = format!("{at}.securityContext.seccompProfile");
        add(
            found,
            at,
            "it has no seccomp profile".to_owned(),
            "say `seccompProfile: {type: RuntimeDefault}`",
        );
    }
}

fn add(found: &mut Vec<Violation>, field: String, message: String, fix: &'static str) {
    // `restricted` repeats what `baseline` has said already.
    if found.iter().all(|known| known.field != field || known.message != message) {
        found.push(Violation { field, message, fix });
    }
}

fn containers(pod: &Value) -> impl Iterator<Item = (&'static str, &Value)> {
    ["containers", "initContainers"].into_iter().flat_map(|key| list(&pod[key]).map(move |one| (key, one)))
}

fn list(value: &Value) -> impl Iterator<Item = &Value> {
    value.as_array().into_iter().flatten()
}

fn words(value: &Value) -> impl Iterator<Item = &str> {
    list(value).filter_map(Value::as_str)
}

fn name(value: &Value) -> &str {
    value["name"].as_str().unwrap_or_default()
}
