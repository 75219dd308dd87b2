//! What can be wrong with a component.

use std::collections::{BTreeMap, BTreeSet};

use api::Problem;
use api::names::PortName;
use api::problem::pointer;
use api::project::{Component, JobTime, Port, ProjectSpec};

use super::{directories, logs, references, running, suggest};

/// Everything wrong with one component, whose place in the document is `at`.
pub fn check(spec: &ProjectSpec, name: &str, component: &Component, at: &str, problems: &mut Vec<Problem>) {
    uses(spec, name, component, at, problems);
    environment_variables(spec, component, at, problems);
    words(spec, component, at, problems);
    ports(name, component, at, problems);
    running::check(name, component, at, problems);
    directories::check(spec, name, component, at, problems);
    logs::check(name, component, at, problems);
}

fn uses(spec: &ProjectSpec, name: &str, component: &Component, at: &str, problems: &mut Vec<Problem>) {
    let mut seen = BTreeSet::new();
    for (index, used) in component.uses.iter().enumerate() {
        let at = format!("{at}/uses/{index}");
        if used == name {
            problems.push(Problem::new(at, format!("`{name}` uses itself")));
        } else if !spec.components.contains_key(used) && !spec.services.contains_key(used) {
            let known: Vec<&str> =
                spec.components.keys().chain(spec.services.keys()).map(String::as_str).collect();
            problems.push(
                Problem::new(at, format!("`{used}` is neither a component nor a service"))
                    .hint(suggest(used, known.iter().copied())),
            );
        } else if component.job == Some(JobTime::Before)
            && spec.components.get(used).is_some_and(|used| used.job != Some(JobTime::Before))
        {
            problems.push(
                Problem::new(
                    at,
                    format!("`{name}` is a job that runs before components: `{used}` is not there yet"),
                )
                .hint("such a job may use services and others like it; `job: after` runs once all is ready"),
            );
        } else if !seen.insert(used) {
            problems.push(Problem::new(at, format!("`{used}` is listed twice")));
        }
    }
}

fn environment_variables(spec: &ProjectSpec, component: &Component, at: &str, problems: &mut Vec<Problem>) {
    for (variable, value) in &component.env {
        let at = pointer(&format!("{at}/env"), variable);
        self::variable(variable, &at, problems);
        references::check(spec, component, value, &at, problems);
    }
}

/// What is wrong with the name of an environment variable, if anything.
pub fn variable(name: &str, at: &str, problems: &mut Vec<Problem>) {
    let well_formed = name.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | '.'))
        && !name.starts_with(|c: char| c.is_ascii_digit());
    if !well_formed || name.is_empty() {
        problems.push(Problem::new(at, format!("`{name}` cannot be the name of an environment variable")));
    }
}

fn words(spec: &ProjectSpec, component: &Component, at: &str, problems: &mut Vec<Problem>) {
    for (key, words) in [("command", &component.command), ("args", &component.args)] {
        for (index, word) in words.iter().enumerate() {
            references::check_argument(spec, Some(component), word, &format!("{at}/{key}/{index}"), problems);
        }
    }
}

fn ports(name: &str, component: &Component, at: &str, problems: &mut Vec<Problem>) {
    for port in component.ports.keys() {
        if let Err(error) = PortName::parse(port) {
            problems.push(Problem::new(pointer(&format!("{at}/ports"), port), error.to_string()));
        }
    }
    let mut numbers = BTreeSet::new();
    for (port, number) in &component.ports {
        if *number == 0 || !numbers.insert(number) {
            let what =
                if *number == 0 { "a port is between 1 and 65535" } else { "this port is listed twice" };
            problems.push(Problem::new(pointer(&format!("{at}/ports"), port), what));
        }
    }
    if component.completes() && !component.ports.is_empty() {
        problems.push(Problem::new(format!("{at}/ports"), format!("`{name}` is a job: nothing can call it")));
    }
}

/// What is wrong with naming `port` of what has these, if anything.
pub fn port_problem(
    name: &str,
    ports: &BTreeMap<String, Port>,
    port: Option<&str>,
    at: &str,
) -> Option<Problem> {
    let known: Vec<&str> = ports.keys().map(String::as_str).collect();
    match port {
        Some(port) if !ports.contains_key(port) => Some(
            Problem::new(format!("{at}/port"), format!("`{name}` has no port `{port}`"))
                .hint(suggest(port, known)),
        ),
        None if known.is_empty() => Some(
            Problem::new(at, format!("`{name}` has no ports")).hint("give it one: `ports: {http: 8080}`"),
        ),
        None if known.len() > 1 => Some(
            Problem::new(at, format!("`{name}` has several ports"))
                .hint(format!("say which with `port:` ({})", known.join(", "))),
        ),
        _ => None,
    }
}

/// A circle in `uses`, named once.
pub fn cycle(spec: &ProjectSpec) -> Option<Problem> {
    fn visit<'a>(
        spec: &'a ProjectSpec,
        name: &'a str,
        path: &mut Vec<&'a str>,
        done: &mut BTreeSet<&'a str>,
    ) -> Option<Vec<String>> {
        if done.contains(name) {
            return None;
        }
        if let Some(start) = path.iter().position(|seen| *seen == name) {
            return Some(path[start..].iter().chain([&name]).map(|step| (*step).to_owned()).collect());
        }
        path.push(name);
        let used = spec.components.get(name).map(|component| component.uses.as_slice()).unwrap_or_default();
        let found = used.iter().find_map(|next| visit(spec, next, path, done));
        path.pop();
        done.insert(name);
        found
    }
    let mut done = BTreeSet::new();
    let circle = spec.components.keys().find_map(|name| visit(spec, name, &mut Vec::new(), &mut done))?;
    // A circle of one is reported by `uses` already.
    (circle.len() > 2).then(|| {
        Problem::new(
            pointer(&pointer("/spec/components", &circle[0]), "uses"),
            format!("components use each other in a circle: {}", circle.join(" → ")),
        )
        .hint("remove one of these, so that there is an order to start in")
    })
}
