//! Probes and hooks of a container, in outboard's words.

use api::project::{Health, Port, Probe};
use serde_json::Value;

use super::super::note::Kind;
use super::super::quantity;
use super::container::words;
use super::object::text;
use super::workload::Workload;

const START: u32 = 60;

pub fn read(workload: &mut Workload<'_>, container: &Value, at: &str) {
    let ready = probe(workload, container, "readinessProbe", at);
    let live = probe(workload, container, "livenessProbe", at);
    if ready.is_some() || live.is_some() {
        let start = start(container).map(quantity::duration);
        workload.part.component.health = Some(Health { ready, live, start });
    }
    let hook = container.pointer("/lifecycle/preStop");
    if let Some(hook) = hook {
        let words = words(hook.pointer("/exec/command"));
        let said = hook.pointer("/sleep/seconds").and_then(quantity::seconds).or_else(|| sleeps(&words));
        match said {
            Some(seconds) => {
                let stop = workload.part.component.stop.get_or_insert_default();
                stop.drain = Some(quantity::duration(seconds));
                if seconds >= 30 {
                    stop.grace = Some(quantity::duration(seconds + 30));
                }
            }
            None => {
                let message = "what is run before it stops has no key of its own";
                let instead = "`container: {lifecycle: {preStop: …}}` says it in Kubernetes' own words";
                workload.note(Kind::Left, &format!("{at}/lifecycle/preStop"), message, instead);
            }
        }
    }
    if container.pointer("/lifecycle/postStart").is_some() {
        workload.note(
            Kind::Left,
            &format!("{at}/lifecycle/postStart"),
            "what is run after it starts belongs into the image",
            "",
        );
    }
}

fn sleeps(words: &[String]) -> Option<u32> {
    let script = match words {
        [shell, flag, script] if shell.ends_with("sh") && flag == "-c" => {
            script.split_whitespace().map(str::to_owned).collect()
        }
        words => words.to_vec(),
    };
    match script.as_slice() {
        [sleep, seconds] if sleep.ends_with("sleep") => quantity::seconds(&Value::String(seconds.clone())),
        _ => None,
    }
}

fn probe(workload: &mut Workload<'_>, container: &Value, key: &str, at: &str) -> Option<Probe> {
    let probe = container.get(key).filter(|probe| !probe.is_null())?;
    let at = format!("{at}/{key}");
    if let Some(http) = probe.get("httpGet") {
        let path = text(http, "path").unwrap_or("/");
        let path = if path.starts_with('/') { path.to_owned() } else { format!("/{path}") };
        let Some(port) = port(workload, http.get("port")) else {
            workload.note(Kind::Left, &at, "its port is not among the container's", "");
            return None;
        };
        if text(http, "scheme") == Some("HTTPS") {
            workload.note(
                Kind::Changed,
                &at,
                "it asks by HTTPS: here it is enough that the port takes connections",
                "",
            );
            return Some(Probe { tcp: Some(port), ..Probe::default() });
        }
        for key in ["httpHeaders", "host"] {
            if http.get(key).is_some() {
                workload.note(Kind::Left, &format!("{at}/httpGet/{key}"), "it asks without them", "");
            }
        }
        return Some(Probe { http: Some(path), port: Some(port), ..Probe::default() });
    }
    if let Some(tcp) = probe.get("tcpSocket") {
        return Some(Probe { tcp: Some(port(workload, tcp.get("port"))?), ..Probe::default() });
    }
    if let Some(grpc) = probe.get("grpc") {
        return Some(Probe { grpc: Some(port(workload, grpc.get("port"))?), ..Probe::default() });
    }
    let command = words(probe.pointer("/exec/command"));
    (!command.is_empty()).then(|| Probe { command, ..Probe::default() })
}

fn port(workload: &mut Workload<'_>, port: Option<&Value>) -> Option<String> {
    match port? {
        Value::String(name) => {
            let name = super::super::names::port(name);
            workload.part.component.ports.contains_key(&name).then_some(name)
        }
        number => {
            let number: Port =
                number.as_u64().and_then(|port| u16::try_from(port).ok()).filter(|port| *port > 0)?;
            Some(workload.part.port(number, None))
        }
    }
}

/// The longest start that Kubernetes would wait for, if that is longer than outboard would.
fn start(container: &Value) -> Option<u32> {
    let whole = |key: &str| {
        let number = |field: &str, otherwise: u32| {
            container.get(key)?.get(field).and_then(quantity::seconds).or(Some(otherwise))
        };
        let tries = number("failureThreshold", 3)?.saturating_mul(number("periodSeconds", 10)?);
        Some(number("initialDelaySeconds", 0)?.saturating_add(tries))
    };
    let longest = ["startupProbe", "readinessProbe", "livenessProbe"].into_iter().filter_map(whole).max()?;
    Some(longest.min(3600)).filter(|seconds| *seconds > START)
}
