//! A container: what it runs, its ports, settings, health and limits.

use serde_json::{Map, Value, json};

use super::super::note::Kind;
use super::super::{image, quantity};
use super::object::{items, text};
use super::workload::{Workload, said};
use super::{pod, probes, settings};

pub fn read(workload: &mut Workload<'_>, container: &Value, at: &str) {
    let reference = text(container, "image").unwrap_or_default();
    let (repository, version) = image::split(reference);
    let fits = repository.starts_with(|c: char| c.is_ascii_lowercase() || c.is_ascii_digit())
        && repository.chars().all(|c| c.is_ascii_alphanumeric() || "._:/-".contains(c));
    if !fits {
        workload.note(
            Kind::Left,
            &format!("{at}/image"),
            format!("`{reference}` is no image: nothing runs"),
            "",
        );
        return;
    }
    let version = version.filter(|version| api::names::Version::parse(version).is_ok());
    if version.is_none() {
        let message = format!("`{reference}` says no version: it is `latest`, whatever that is on the day");
        workload.note(
            Kind::Todo,
            &format!("{at}/image"),
            message,
            "choose one, so that environments are alike",
        );
    }
    workload.part.component.image = repository;
    workload.part.component.version = Some(version.unwrap_or_else(|| "latest".to_owned()));
    workload.part.component.workdir =
        text(container, "workingDir").filter(|path| path.starts_with('/')).map(str::to_owned);
    for (port, at) in items(container.get("ports"), &format!("{at}/ports")) {
        let number =
            port.get("containerPort").and_then(Value::as_u64).and_then(|port| u16::try_from(port).ok());
        match number.filter(|port| *port > 0) {
            Some(_) if text(port, "protocol").is_some_and(|protocol| protocol != "TCP") => {
                workload.note(Kind::Left, &at, "outboard has TCP alone", "");
            }
            Some(number) => {
                let name = pod::port_name(text(port, "name"));
                if name.is_some_and(|name| name.starts_with("http") && !name.starts_with("https")) {
                    workload.part.http.push(number);
                }
                workload.part.port(number, name);
            }
            None => workload.note(Kind::Left, &at, "it is no port", ""),
        }
    }
    settings::read(workload, container, at);
    workload.part.component.command = settings::expanded(workload, &words(container.get("command")));
    workload.part.component.args = settings::expanded(workload, &words(container.get("args")));
    probes::read(workload, container, at);
    resources(workload, container, at);
    security(workload, container, at);
    for (key, _) in container.as_object().into_iter().flatten().filter(|(_, value)| !value.is_null()) {
        match key.as_str() {
            "name"
            | "image"
            | "command"
            | "args"
            | "workingDir"
            | "ports"
            | "env"
            | "envFrom"
            | "resources"
            | "volumeMounts"
            | "livenessProbe"
            | "readinessProbe"
            | "startupProbe"
            | "lifecycle"
            | "securityContext"
            | "imagePullPolicy"
            | "terminationMessagePath"
            | "terminationMessagePolicy"
            | "stdin"
            | "tty"
            | "restartPolicy" => {}
            _ => {
                let message = format!("`{key}` has no counterpart");
                workload.note(
                    Kind::Left,
                    &format!("{at}/{key}"),
                    message,
                    &format!("`container: {{{key}: …}}` takes it in Kubernetes' own words"),
                );
            }
        }
    }
}

pub fn words(value: Option<&Value>) -> Vec<String> {
    value.and_then(Value::as_array).into_iter().flatten().filter_map(|word| said(Some(word))).collect()
}

/// Memory is a limit, CPU is what is kept free.
fn resources(workload: &mut Workload<'_>, container: &Value, at: &str) {
    let of = |kind: &str, key: &str| container.pointer(&format!("/resources/{kind}/{key}"));
    let memory = of("limits", "memory").or(of("requests", "memory")).and_then(quantity::kubernetes_memory);
    let cpu = of("requests", "cpu").or(of("limits", "cpu")).and_then(quantity::cpu);
    if memory.is_some() || cpu.is_some() {
        let resources = workload.part.component.resources.get_or_insert_default();
        (resources.memory, resources.cpu) = (memory, cpu);
    }
    let mut others = Map::new();
    for (kind, values) in container.get("resources").and_then(Value::as_object).into_iter().flatten() {
        for (key, value) in values
            .as_object()
            .into_iter()
            .flatten()
            .filter(|(key, _)| !matches!(key.as_str(), "cpu" | "memory"))
        {
            others.entry(kind.clone()).or_insert_with(|| json!({}))[key] = value.clone();
        }
    }
    if !others.is_empty() {
        overlay(workload, "resources", Value::Object(others));
        workload.note(
            Kind::Changed,
            &format!("{at}/resources"),
            "what is no CPU or memory stands in Kubernetes' own words",
            "",
        );
    }
}

fn overlay(workload: &mut Workload<'_>, key: &str, value: Value) {
    workload.part.component.container.get_or_insert_with(|| json!({}))[key] = value;
}

/// As whom it runs has a key of its own; the rest stands in Kubernetes' words.
fn security(workload: &mut Workload<'_>, container: &Value, at: &str) {
    let whole = workload.object.get(&format!("{}/securityContext", workload.at)).cloned().unwrap_or_default();
    let own = container.get("securityContext").cloned().unwrap_or_default();
    let id = |key: &str| own.get(key).or(whole.get(key)).and_then(Value::as_u64);
    let user = id("runAsUser").filter(|user| *user > 0);
    let group = id("runAsGroup").or(whole.get("fsGroup").and_then(Value::as_u64)).filter(|group| *group > 0);
    workload.part.component.user = match (user, group) {
        (Some(user), Some(group)) => Some(format!("{user}:{group}")),
        (Some(user), None) => Some(user.to_string()),
        _ => None,
    };
    let mut rest = Map::new();
    for (key, value) in own.as_object().into_iter().flatten().filter(|(_, value)| !value.is_null()) {
        let said = match key.as_str() {
            "runAsUser" | "runAsGroup" => true,
            "runAsNonRoot" => user.is_some(),
            "allowPrivilegeEscalation" => *value == json!(false),
            "seccompProfile" => value.get("type") == Some(&json!("RuntimeDefault")),
            _ => false,
        };
        if !said {
            rest.insert(key.clone(), value.clone());
        }
    }
    if !rest.is_empty() {
        let keys: Vec<String> = rest.keys().cloned().collect();
        overlay(workload, "securityContext", Value::Object(rest));
        let message = format!("said in Kubernetes' own words: {}", keys.join(", "));
        workload.note(Kind::Changed, &format!("{at}/securityContext"), message, "");
    }
}
