//! What can be wrong with how a component runs: its health, its schedule, how it is stopped and scaled, and what it says
//! in Kubernetes' own words.

use std::collections::BTreeMap;

use api::Problem;
use api::project::{Component, Health, Port, Probe, Scale, seconds};
use serde_json::Value;

use super::components::port_problem;
use super::suggest;
use crate::plan::pod;

/// Seconds for which Kubernetes' autoscaler looks back.
const LONGEST_SETTLE: u32 = 3600;

pub fn check(name: &str, component: &Component, at: &str, problems: &mut Vec<Problem>) {
    match &component.health {
        Some(_) if component.completes() => {
            let message = format!("`{name}` is a job: it completes, it is never ready");
            problems.push(Problem::new(format!("{at}/health"), message));
        }
        Some(said) => health(name, said, &component.ports, at, problems),
        None => {}
    }
    time(name, component, at, problems);
    if let Some(scale) = &component.scale {
        scaled(name, component, scale, &format!("{at}/scale"), problems);
    }
    if component.stop.is_some() && pod::drain_seconds(component) >= pod::grace_seconds(component) {
        problems.push(
            Problem::new(format!("{at}/stop"), "it would be killed before it has drained")
                .hint("let `grace` be longer than `drain`"),
        );
    }
    for (key, overlay) in [("pod", &component.pod), ("container", &component.container)] {
        raw(name, overlay.as_ref(), &format!("{at}/{key}"), problems);
    }
}

/// What is wrong with the health of whatever has these ports.
pub fn health(
    name: &str,
    health: &Health,
    ports: &BTreeMap<String, Port>,
    at: &str,
    problems: &mut Vec<Problem>,
) {
    for (key, probe) in [("ready", &health.ready), ("live", &health.live)] {
        if let Some(probe) = probe {
            question(name, ports, probe, &format!("{at}/health/{key}"), problems);
        }
    }
}

fn question(
    name: &str,
    ports: &BTreeMap<String, Port>,
    probe: &Probe,
    at: &str,
    problems: &mut Vec<Problem>,
) {
    let asked = [probe.http.is_some(), probe.tcp.is_some(), probe.grpc.is_some(), !probe.command.is_empty()];
    if asked.into_iter().filter(|asked| *asked).count() != 1 {
        problems.push(
            Problem::new(at, "a check asks exactly one thing")
                .hint("one of `http: /path`, `tcp: PORT`, `grpc: PORT`, `command: [PROGRAM, …]`"),
        );
        return;
    }
    if probe.http.is_some() {
        problems.extend(port_problem(name, ports, probe.port.as_deref(), at));
    } else if probe.port.is_some() {
        let message = "`port` goes with `http`; `tcp` and `grpc` name their port themselves";
        problems.push(Problem::new(format!("{at}/port"), message));
    }
    for (key, port) in [("tcp", &probe.tcp), ("grpc", &probe.grpc)] {
        if let Some(port) = port.as_ref().filter(|port| !ports.contains_key(*port)) {
            let known = ports.keys().map(String::as_str);
            problems.push(
                Problem::new(format!("{at}/{key}"), format!("`{name}` has no port `{port}`"))
                    .hint(suggest(port, known)),
            );
        }
    }
}

fn time(name: &str, component: &Component, at: &str, problems: &mut Vec<Problem>) {
    if component.schedule.is_some() && component.job.is_some() {
        problems.push(
            Problem::new(
                format!("{at}/schedule"),
                format!("`{name}` cannot run both once and again and again"),
            )
            .hint("keep one of `job` and `schedule`"),
        );
    }
    if component.timezone.is_some() && component.schedule.is_none() {
        problems
            .push(Problem::new(format!("{at}/timezone"), "there is no `schedule` whose hours it would tell"));
    }
    let stop = component.stop.as_ref().filter(|_| component.completes());
    if stop.is_some_and(|stop| stop.drain.is_some()) {
        let message = format!("`{name}` is a job: nobody has to learn that it goes");
        problems.push(Problem::new(format!("{at}/stop/drain"), message));
    }
}

/// What is wrong with the scale of a component, the project's or a class's.
pub fn scaled(name: &str, component: &Component, scale: &Scale, at: &str, problems: &mut Vec<Problem>) {
    if component.completes() {
        problems.push(Problem::new(at, format!("`{name}` is a job: it runs once")));
        return;
    }
    match scale.max {
        Some(max) if max < scale.min => {
            let message = format!("`max` is {max}, less than `min`, which is {}", scale.min);
            problems.push(Problem::new(format!("{at}/max"), message));
        }
        None => {
            let idle = [("cpu", scale.cpu.is_some()), ("settle", scale.settle.is_some())];
            for (key, _) in idle.into_iter().filter(|(_, said)| *said) {
                problems.push(
                    Problem::new(format!("{at}/{key}"), "without `max` nothing scales")
                        .hint("say how many replicas there may be: `max: 10`"),
                );
            }
        }
        _ => {}
    }
    if scale.settle.as_deref().and_then(seconds).is_some_and(|settle| settle > LONGEST_SETTLE) {
        let message = "Kubernetes waits for an hour at most";
        problems.push(Problem::new(format!("{at}/settle"), message).hint("`1h` is the most"));
    }
}

/// Kubernetes judges the rest; these would take from outboard what it needs to do its work.
fn raw(name: &str, overlay: Option<&Value>, at: &str, problems: &mut Vec<Problem>) {
    let refuse = |key: &str, instead: &str| {
        Problem::new(format!("{at}/{key}"), format!("`{key}` is outboard's own")).hint(instead)
    };
    let own = overlay.into_iter().flat_map(|overlay| {
        let containers = overlay["containers"].as_array().into_iter().flatten();
        containers.filter(|container| container["name"] == name).chain([overlay])
    });
    for map in own {
        for (key, instead) in [
            ("image", "choose it with `image` and `version`"),
            ("restartPolicy", "`job` and `schedule` decide it"),
            ("nodeName", "the scheduler chooses the node; `nodeSelector` narrows its choice"),
        ] {
            if !map[key].is_null() {
                problems.push(refuse(key, instead));
            }
        }
    }
}
