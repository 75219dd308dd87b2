//! What can be wrong with classes.

use api::Problem;
use api::problem::pointer;
use api::project::{Class, ContainerBounds, ProjectSpec, Quota, Resources, seconds};

use super::{running, suggest};
use crate::plan::quantity::thousandths;
use crate::plan::service;

/// A year: what has to last longer is a backup.
const LONGEST: u32 = 365 * 24 * 3600;

pub fn check(spec: &ProjectSpec, problems: &mut Vec<Problem>) {
    for (name, class) in &spec.classes {
        let at = pointer("/spec/classes", name);
        bounds(class, &at, problems);
        if let Some(length) = &class.keep_volumes {
            problems.extend(kept(spec, name, length, &format!("{at}/keepVolumes")));
        }
        for (component, scale) in &class.scale {
            let at = pointer(&format!("{at}/scale"), component);
            match spec.components.get(component) {
                None => problems.push(
                    Problem::new(at, format!("there is no component `{component}`"))
                        .hint(suggest(component, spec.components.keys().map(String::as_str))),
                ),
                Some(definition) => running::scaled(component, definition, scale, &at, problems),
            }
        }
    }
}

/// What is wrong with what a class lets its environments use.
fn bounds(class: &Class, at: &str, problems: &mut Vec<Problem>) {
    if class.quota.as_ref().is_some_and(|quota| *quota == Quota::default()) {
        let problem = Problem::new(format!("{at}/quota"), "a quota limits something");
        problems.push(problem.hint("say one of `cpu`, `memory`, `storage` and `pods`, or leave it out"));
    }
    let Some(bounds) = &class.containers else { return };
    if *bounds == ContainerBounds::default() {
        let problem = Problem::new(format!("{at}/containers"), "this says nothing");
        problems.push(problem.hint("say one of `requests`, `limits` and `max`, or leave it out"));
    }
    let said = [("requests", &bounds.requests), ("limits", &bounds.limits), ("max", &bounds.max)];
    for (key, resources) in said {
        if resources.as_ref().is_some_and(|resources| resources.cpu.is_none() && resources.memory.is_none()) {
            let problem = Problem::new(format!("{at}/containers/{key}"), "this says nothing");
            problems.push(problem.hint("say `cpu`, `memory` or both"));
        }
    }
    // Kubernetes refuses a LimitRange in which one exceeds the other.
    for ((lower, less), (upper, more)) in [(said[0], said[1]), (said[1], said[2]), (said[0], said[2])] {
        for resource in ["cpu", "memory"] {
            let amount = |resources: &Option<Resources>| {
                let resources = resources.as_ref()?;
                let said = if resource == "cpu" { &resources.cpu } else { &resources.memory };
                said.as_deref().and_then(thousandths)
            };
            if amount(less).zip(amount(more)).is_some_and(|(less, more)| less > more) {
                problems.push(Problem::new(
                    format!("{at}/containers/{lower}/{resource}"),
                    format!("it is more than `{upper}.{resource}`"),
                ));
            }
        }
    }
}

/// How long a class keeps volumes, and whether it has any.
fn kept(spec: &ProjectSpec, class: &str, length: &str, at: &str) -> Option<Problem> {
    if seconds(length).is_none_or(|seconds| seconds > LONGEST) {
        return Some(
            Problem::new(at, format!("`{length}` is too long: volumes are kept for a year (8760h) at most"))
                .hint("keep for longer what is a copy of the data, not its volume"),
        );
    }
    // Whoever takes a service from another environment has no volume of it; that one, of the same class, has.
    let has = spec.services_in(class, "").values().any(service::has_volume);
    (!has).then(|| {
        Problem::new(at, format!("no service has a volume in class `{class}`, so there is nothing to keep"))
            .hint("leave it out, or give a service `storage`")
    })
}
