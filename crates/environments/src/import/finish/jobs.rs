//! What runs once and ends, what has to be there first, and that there is an order to start in.

use std::collections::BTreeSet;

use api::project::JobTime;

use super::super::draft::Draft;
use super::super::note::Kind;
use super::super::rewrite::Server;

/// Finds the jobs: what says so itself, and what others wait for until it is done.
pub fn mark(draft: &mut Draft) {
    let done: Vec<String> = draft
        .parts
        .iter()
        .flat_map(|part| part.needs.iter().filter(|need| need.done).map(|need| need.host.clone()))
        .collect();
    for part in &mut draft.parts {
        if part.component.schedule.is_none() && part.hosts.iter().any(|host| done.contains(host)) {
            part.once = true;
        }
        if part.once || part.component.schedule.is_some() {
            part.component.ports.clear();
            part.published.clear();
            part.component.health = None;
            part.component.scale = None;
            if let Some(stop) = &mut part.component.stop {
                stop.drain = None;
            }
        }
    }
    let mut notes = Vec::new();
    for part in &mut draft.parts {
        for (path, volume) in &mut part.component.volumes {
            if (part.once || part.component.schedule.is_some()) && volume.storage.take().is_some() {
                notes.push((
                    part.name.clone(),
                    part.place.clone(),
                    format!("`{path}` is scratch space: what a job stores is gone with it"),
                ));
            }
        }
    }
    for (part, place, message) in notes {
        draft.note(Kind::Todo, Some(&part), &place, message, "let it write to a service or a bucket");
    }
}

/// Turns what each needs into `uses`, and decides when jobs run.
pub fn order(draft: &mut Draft, servers: &[Server]) {
    let known: Vec<(Vec<String>, String, bool)> =
        draft.parts.iter().map(|part| (part.hosts.clone(), part.name.clone(), part.once)).collect();
    let mut notes = Vec::new();
    for part in &mut draft.parts {
        let mut uses = BTreeSet::new();
        for need in &part.needs {
            let server = servers.iter().find(|server| server.hosts.contains(&need.host));
            let other =
                known.iter().find(|(hosts, name, _)| hosts.contains(&need.host) && *name != part.name);
            match (server, other) {
                (Some(server), _) => drop(uses.insert(server.name.clone())),
                // A job is done before components change anyway; among jobs there is an order.
                (None, Some((_, name, once))) if !once || part.once => drop(uses.insert(name.clone())),
                (None, Some(_)) => {}
                (None, None) if part.hosts.contains(&need.host) => {}
                (None, None) => notes.push((
                    Kind::Left,
                    part.name.clone(),
                    part.place.clone(),
                    format!("it needs `{}`, which is not here", need.host),
                    "reach it by its address, from an `env` value",
                )),
            }
        }
        let values =
            || part.component.env.values().chain(&part.component.args).chain(&part.component.command);
        for server in servers {
            let reference = format!("${{{}.", server.name);
            if values().any(|value| value.contains(&reference)) {
                uses.insert(server.name.clone());
            }
        }
        part.component.uses = uses.into_iter().collect();
    }
    break_circles(draft);
    let jobs: Vec<String> =
        draft.parts.iter().filter(|part| part.once).map(|part| part.name.clone()).collect();
    let services: Vec<String> = servers.iter().map(|server| server.name.clone()).collect();
    let mut late: BTreeSet<String> = BTreeSet::new();
    // Whatever uses something late is late itself.
    loop {
        let before = late.len();
        for part in draft.parts.iter().filter(|part| part.once) {
            let after =
                |used: &String| !services.contains(used) && (!jobs.contains(used) || late.contains(used));
            if part.component.uses.iter().any(after) {
                late.insert(part.name.clone());
            }
        }
        if late.len() == before {
            break;
        }
    }
    for part in draft.parts.iter_mut().filter(|part| part.once) {
        if !late.contains(&part.name) {
            part.component.job = Some(JobTime::Before);
            continue;
        }
        part.component.job = Some(JobTime::After);
        let used: Vec<&str> =
            part.component.uses.iter().filter(|used| !services.contains(used)).map(String::as_str).collect();
        let message = format!(
            "it runs after everything is ready, since it uses {}: what runs before has only services and jobs to use",
            used.join(", ")
        );
        let instead = "who waits for it to be done has to bear that it is not yet";
        notes.push((Kind::Todo, part.name.clone(), part.place.clone(), message, instead));
    }
    for (kind, part, place, message, instead) in notes {
        draft.note(kind, Some(&part), &place, message, instead);
    }
}

/// Takes out one of each circle's steps: there has to be an order to start in.
fn break_circles(draft: &mut Draft) {
    let mut notes = Vec::new();
    for index in 0..draft.parts.len() {
        let name = draft.parts[index].name.clone();
        for used in draft.parts[index].component.uses.clone() {
            if reaches(draft, &used, &name, &mut BTreeSet::new()) {
                draft.parts[index].component.uses.retain(|other| *other != used);
                let message = format!("`{name}` and `{used}` need each other: `{name}` starts first");
                notes.push((name.clone(), draft.parts[index].place.clone(), message));
            }
        }
    }
    for (part, place, message) in notes {
        draft.note(Kind::Changed, Some(&part), &place, message, "");
    }
}

fn reaches(draft: &Draft, from: &str, to: &str, seen: &mut BTreeSet<String>) -> bool {
    if from == to {
        return true;
    }
    if !seen.insert(from.to_owned()) {
        return false;
    }
    let Some(part) = draft.parts.iter().find(|part| part.name == from) else { return false };
    part.component.uses.iter().any(|used| reaches(draft, used, to, seen))
}
