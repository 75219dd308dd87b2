//! What Kubernetes' Pod Security Standards say about the pods of a revision: before anything is made, with the key of
//! `outboard.yaml` that is to blame. Kubernetes judges again; what it alone knows stays its verdict.

use std::collections::BTreeMap;

use api::project::PodSecurity;
use api::revision::{EnvironmentRevision, Part};
use api::{Cause, Role, Verdict, marks};
use serde_json::{Map, Value, json};

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

/// Kinds of volumes that `restricted` knows.
const VOLUMES: [&str; 8] = [
    "configMap",
    "csi",
    "downwardAPI",
    "emptyDir",
    "ephemeral",
    "persistentVolumeClaim",
    "projected",
    "secret",
];

/// What one pod has that its standard forbids.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Violation {
    /// As a path below `spec` of the pod.
    pub field: String,
    pub message: String,
    pub fix: &'static str,
}

/// Says of a pod what `restricted` wants to be said, where nobody said otherwise. What is no object is left to Kubernetes.
pub fn tighten(standard: PodSecurity, pod: &mut Value) {
    if standard.is_baseline() {
        return;
    }
    if let Some(context) = context(pod) {
        context.entry("runAsNonRoot").or_insert(json!(true));
        context.entry("seccompProfile").or_insert(json!({"type": "RuntimeDefault"}));
    }
    for key in ["containers", "initContainers"] {
        let containers = pod.get_mut(key).and_then(Value::as_array_mut);
        for context in containers.into_iter().flatten().filter_map(context) {
            context.entry("allowPrivilegeEscalation").or_insert(json!(false));
            let capabilities = context.entry("capabilities").or_insert(json!({}));
            if let Some(capabilities) = capabilities.as_object_mut() {
                capabilities.entry("drop").or_insert(json!(["ALL"]));
            }
        }
    }
}

/// The security context of a pod or a container, made if there is none.
fn context(of: &mut Value) -> Option<&mut Map<String, Value>> {
    of.as_object_mut()?.entry("securityContext").or_insert(json!({})).as_object_mut()
}

/// The standard of a namespace: until the revision has settled, the laxer of its own and the one that is said there. What
/// serves meanwhile was made under that, and has to be able to come back.
pub fn of_namespace(
    revision: &EnvironmentRevision,
    settled: bool,
    labels: Option<&BTreeMap<String, String>>,
) -> PodSecurity {
    let said = labels.and_then(|labels| labels.get(marks::POD_SECURITY)).map(String::as_str);
    match said {
        Some("baseline") if !settled => PodSecurity::Baseline,
        _ => revision.pod_security,
    }
}

/// The verdict on a revision with pods that its class does not allow: all of them at once. What the revision before has had
/// under the same standard runs, whoever lets it, and so does what is restored.
pub fn verdict(
    environment: &str,
    revision: &EnvironmentRevision,
    before: Option<&EnvironmentRevision>,
) -> Option<Verdict> {
    if revision.restores.is_some() {
        return None;
    }
    let standard = revision.pod_security;
    let had: Vec<(&Part, Violation)> =
        before.filter(|before| before.pod_security == standard).map(all).unwrap_or_default();
    let is_new = |(part, violation): &(&Part, Violation)| {
        !had.iter().any(|(of, known)| of.name == part.name && of.role == part.role && known == violation)
    };
    let found: Vec<(&Part, Violation)> = all(revision).into_iter().filter(is_new).collect();
    let ((part, first), others) =
        found.split_first().map(|((part, first), others)| ((*part, first), others))?;
    Some(Verdict {
        cause: Cause::AdmissionRefused,
        about: format!("environment {environment}"),
        message: format!(
            "class {} is {}, and {} {} is not: {}",
            revision.class,
            standard.as_str(),
            part.role.as_str(),
            part.name,
            told(part, first)
        ),
        evidence: others
            .iter()
            .map(|(part, violation)| {
                format!("{} {}: {}", part.role.as_str(), part.name, told(part, violation))
            })
            .collect(),
        fix: match (part.role, first.fix) {
            (Role::Service, ROOTLESS) => {
                "let the class have it `external`, or say `podSecurity: baseline`: this server starts as root"
                    .to_owned()
            }
            (_, fix) => format!("{fix}, apply outboard.yaml and ask again"),
        },
        terminal: true,
        holds: false,
    })
}

fn all(revision: &EnvironmentRevision) -> Vec<(&Part, Violation)> {
    let templates = revision.parts.iter().filter_map(|part| Some((part, part.pod_template()?)));
    templates
        .flat_map(|(part, template)| {
            violations(revision.pod_security, &template["spec"]).into_iter().map(move |found| (part, found))
        })
        .collect()
}

fn told(part: &Part, violation: &Violation) -> String {
    format!("{} ({})", violation.message, key(part, &violation.field))
}

/// Where in `outboard.yaml` a field of a pod is said.
fn key(part: &Part, field: &str) -> String {
    if part.role == Role::Service {
        return format!("services.{}", part.name);
    }
    if field.contains(&format!("[{}]", api::marks::LOGS_CONTAINER)) {
        return format!("components.{}.logs", part.name);
    }
    let own = format!("containers[{}].", part.name);
    match field.strip_prefix(&own) {
        Some(field) => format!("components.{}.container.{field}", part.name),
        None => format!("components.{}.pod.{field}", part.name),
    }
}

const ROOTLESS: &str = "let it run as somebody: `user: \"1000\"`";
const WITHOUT: &str = "take it out";

/// Everything that a standard forbids of a pod.
pub fn violations(standard: PodSecurity, pod: &Value) -> Vec<Violation> {
    let mut found = Vec::new();
    of_pod(pod, &mut found);
    let pods_own = pod["securityContext"].clone();
    for (list, container) in containers(pod) {
        let at = format!("{list}[{}]", container["name"].as_str().unwrap_or_default());
        of_container(container, &at, &mut found);
        if standard == PodSecurity::Restricted {
            restricted(container, &pods_own, &at, &mut found);
        }
    }
    if standard == PodSecurity::Restricted {
        for volume in list(&pod["volumes"]) {
            let known =
                volume.as_object().into_iter().flatten().all(|(kind, _)| {
                    kind == "name" || kind == "hostPath" || VOLUMES.contains(&kind.as_str())
                });
            if !known {
                add(
                    &mut found,
                    format!("volumes[{}]", name(volume)),
                    "a volume of a kind that is not allowed".to_owned(),
                    WITHOUT,
                );
            }
        }
    }
    found
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
    let odd = !plain.contains(&linux["type"].as_str().unwrap_or_default());
    if odd || !linux["user"].is_null() || !linux["role"].is_null() {
        add(found, format!("{at}.seLinuxOptions"), "it chooses its own SELinux context".to_owned(), WITHOUT);
    }
}

fn of_container(container: &Value, at: &str, found: &mut Vec<Violation>) {
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
    if !matches!(context["procMount"].as_str(), None | Some("Default")) {
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

fn restricted(container: &Value, pods_own: &Value, at: &str, found: &mut Vec<Violation>) {
    let context = &container["securityContext"];
    let chosen = |key: &str| if context[key].is_null() { &pods_own[key] } else { &context[key] };
    if *chosen("runAsUser") == 0 || *chosen("runAsNonRoot") != true {
        let beside = at.ends_with(&format!("[{}]", api::marks::LOGS_CONTAINER));
        let message = if beside {
            "what reads the files of its `logs` runs as root, since nobody says as whom the component runs"
        } else {
            "it runs as root"
        };
        add(found, format!("{at}.securityContext.runAsNonRoot"), message.to_owned(), ROOTLESS);
    } else if let Some(capability) =
        words(&context["capabilities"]["add"]).find(|name| *name != "NET_BIND_SERVICE")
    {
        let at = format!("{at}.securityContext.capabilities.add");
        add(found, at, format!("it wants the capability {capability}"), WITHOUT);
    }
    if context["allowPrivilegeEscalation"] != false {
        let at = format!("{at}.securityContext.allowPrivilegeEscalation");
        add(found, at, "it may become more than it is".to_owned(), "say `allowPrivilegeEscalation: false`");
    }
    if !words(&context["capabilities"]["drop"]).any(|name| name == "ALL") {
        let at = format!("{at}.securityContext.capabilities.drop");
        add(found, at, "it keeps capabilities".to_owned(), "say `capabilities: {drop: [ALL]}`");
    }
    if !matches!(
        chosen("seccompProfile")["type"].as_str(),
        Some("RuntimeDefault" | "Localhost" | "Unconfined")
    ) {
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

#[cfg(test)]
mod tests;
