//! The pod template that components and jobs share.

use api::marks;
use api::project::{Component, seconds};
use api::revision::short_hash;
use serde_json::{Map, Value, json};

use super::directories::Directories;
use super::logs;
use super::render::{EnvironmentVariables, Place};
use super::{overlay, probes, scaling, standard, values};

/// Seconds a stopping pod goes on serving, so that the gateway has learnt to send nobody there.
const DRAIN_SECONDS: u32 = 5;
/// Seconds from the order to stop until the pod is killed.
const GRACE_SECONDS: u32 = 30;

/// A component's pod template.
pub fn template(
    place: &Place<'_>,
    name: &str,
    component: &Component,
    variables: &EnvironmentVariables,
    directories: &Directories,
) -> Value {
    let mut container = container(place, name, component, variables, directories);
    if let Some(overlay) = &component.container {
        overlay::merge(&mut container, overlay);
    }
    let mut pod = json!({
        "containers": [container],
        "restartPolicy": if component.completes() { "Never" } else { "Always" },
        "terminationGracePeriodSeconds": grace_seconds(component),
        "automountServiceAccountToken": false,
        "enableServiceLinks": false,
        "securityContext": security(component),
    });
    let mut insert = |key: &str, list: Vec<Value>| {
        if !list.is_empty() {
            pod[key] = Value::Array(list);
        }
    };
    insert("volumes", directories.volumes(name, component));
    insert("initContainers", logs::sidecar(place, component).into_iter().collect());
    if !component.completes() {
        insert("topologySpreadConstraints", scaling::spread(name, &place.scale(name)));
    }
    if component.identity.is_some() {
        pod["serviceAccountName"] = json!(name);
    }
    if let Some(overlay) = &component.pod {
        overlay::merge(&mut pod, overlay);
    }
    standard::tighten(place.class.pod_security, &mut pod);
    marked(json!({"metadata": {"labels": place.labels(name)}, "spec": pod}))
}

fn container(
    place: &Place<'_>,
    name: &str,
    component: &Component,
    variables: &EnvironmentVariables,
    directories: &Directories,
) -> Value {
    let mut container = Map::new();
    container.insert("name".into(), json!(name));
    container.insert("image".into(), json!(image(place, name, component)));
    if !component.command.is_empty() {
        container.insert("command".into(), json!(words(place, &component.command)));
    }
    if !component.args.is_empty() {
        container.insert("args".into(), json!(words(place, &component.args)));
    }
    if let Some(directory) = &component.workdir {
        container.insert("workingDir".into(), json!(directory));
    }
    let env = environment(name, variables);
    if !env.is_empty() {
        container.insert("env".into(), json!(env));
    }
    if !component.ports.is_empty() {
        let ports: Vec<Value> = component
            .ports
            .iter()
            .map(|(port, number)| json!({"name": port, "containerPort": number, "protocol": "TCP"}))
            .collect();
        container.insert("ports".into(), json!(ports));
    }
    let mounts = directories.mounts(component);
    if !mounts.is_empty() {
        container.insert("volumeMounts".into(), json!(mounts));
    }
    probes::insert(component.health.as_ref(), &component.ports, &mut container);
    let drain = drain_seconds(component);
    if !component.completes() && !component.ports.is_empty() && drain > 0 {
        container.insert("lifecycle".into(), json!({"preStop": {"sleep": {"seconds": drain}}}));
    }
    container.insert("resources".into(), resources(component));
    container.insert("securityContext".into(), json!({"allowPrivilegeEscalation": false}));
    Value::Object(container)
}

/// Arguments with what they refer to.
pub fn words(place: &Place<'_>, words: &[String]) -> Vec<String> {
    // Kubernetes would expand `$(NAME)`; the file does not say that it does.
    let composed = words.iter().map(|word| values::text(&values::pieces(place, word)).unwrap_or_default());
    composed.map(|word| word.replace("$(", "$$(")).collect()
}

/// How long a replica goes on serving after the order to stop.
pub fn drain_seconds(component: &Component) -> u32 {
    let said = component.stop.as_ref().and_then(|stop| stop.drain.as_deref()).and_then(seconds);
    said.unwrap_or(DRAIN_SECONDS)
}

/// How long it may take to stop.
pub fn grace_seconds(component: &Component) -> u32 {
    let said = component.stop.as_ref().and_then(|stop| stop.grace.as_deref()).and_then(seconds);
    said.unwrap_or(GRACE_SECONDS)
}

fn security(component: &Component) -> Value {
    let mut context = json!({"seccompProfile": {"type": "RuntimeDefault"}});
    let mut ids = component.user.as_deref().unwrap_or_default().split(':').map(str::parse::<i64>);
    if let Some(Ok(user)) = ids.next() {
        context["runAsNonRoot"] = json!(true);
        context["runAsUser"] = json!(user);
    }
    if let Some(Ok(group)) = ids.next() {
        context["runAsGroup"] = json!(group);
        // Its disks are the group's as well.
        context["fsGroup"] = json!(group);
    }
    context
}

/// The containers of a pod that run as long as it does: those that stand beside the component's own, too.
pub fn running(pod: &Value) -> impl Iterator<Item = &Value> {
    let of = |key: &str| pod[key].as_array().into_iter().flatten();
    of("containers").chain(of("initContainers").filter(|beside| beside["restartPolicy"] == "Always"))
}

/// The template with its own hash as a label, so that a pod says which template it was made from.
pub fn marked(mut template: Value) -> Value {
    let hash = short_hash(&template, 10);
    template["metadata"]["labels"][marks::TEMPLATE] = json!(hash);
    template
}

/// The image a component runs in this environment.
pub fn image(place: &Place<'_>, name: &str, component: &Component) -> String {
    let version = place.validated.versions.get(name);
    place.pinned(&version.map_or_else(|| component.image.clone(), |version| version.image(&component.image)))
}

/// Environment variables as Kubernetes wants them.
pub fn environment(name: &str, variables: &EnvironmentVariables) -> Vec<Value> {
    let secret = variables.secret_name(name);
    let plain = variables.plain.iter().map(|(variable, value)| {
        // Kubernetes would expand `$(NAME)`; the file does not say that it does.
        json!({"name": variable, "value": value.replace("$(", "$$(")})
    });
    let hidden = variables
        .secret
        .keys()
        .map(|variable| json!({"name": variable, "valueFrom": {"secretKeyRef": {"name": secret, "key": variable}}}));
    let mut all: Vec<Value> = plain.chain(hidden).collect();
    all.sort_by(|a, b| a["name"].as_str().cmp(&b["name"].as_str()));
    all
}

fn resources(component: &Component) -> Value {
    let asked = component.resources.clone().unwrap_or_default();
    let cpu = asked.cpu.unwrap_or_else(|| "50m".into());
    match asked.memory {
        Some(memory) => json!({"requests": {"cpu": cpu, "memory": memory}, "limits": {"memory": memory}}),
        None => json!({"requests": {"cpu": cpu, "memory": "64Mi"}}),
    }
}
