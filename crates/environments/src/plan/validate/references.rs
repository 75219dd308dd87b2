//! What can be wrong with a `${…}`.

use api::Problem;
use api::project::{Component, ProjectSpec, ServiceType};

use super::suggest;
use crate::plan::template::{self, Piece, Reference};

/// Fields of a `mariadb` service that `${…}` may name.
pub const MARIADB_FIELDS: [&str; 5] = ["host", "port", "name", "user", "password"];
/// Fields of a component that `${…}` may name.
pub const COMPONENT_FIELDS: [&str; 2] = ["host", "port"];

/// Everything wrong with a value of a component that stands at `at`.
pub fn check(spec: &ProjectSpec, component: &Component, value: &str, at: &str, problems: &mut Vec<Problem>) {
    match template::parse(value) {
        Err(message) => problems.push(Problem::new(at, message).hint("write `$${` for a literal `${`")),
        Ok(pieces) => {
            for piece in &pieces {
                if let Piece::Reference(reference) = piece {
                    problems.extend(check_reference(spec, component, reference, at));
                }
            }
        }
    }
}

/// The first reference of a value that stands for a secret.
pub fn secret(spec: &ProjectSpec, value: &str) -> Option<Reference> {
    let pieces = template::parse(value).unwrap_or_default();
    pieces.into_iter().find_map(|piece| match piece {
        Piece::Reference(reference) if is_secret(spec, &reference) => Some(reference),
        _ => None,
    })
}

fn is_secret(spec: &ProjectSpec, reference: &Reference) -> bool {
    spec.services.get(&reference.name).is_some_and(|service| match service.r#type {
        ServiceType::Mariadb => reference.field == "password",
    })
}

fn check_reference(
    spec: &ProjectSpec,
    component: &Component,
    reference: &Reference,
    at: &str,
) -> Option<Problem> {
    let Reference { name, field } = reference;
    if name == "url" {
        let hosts: Vec<&str> = spec.routes.iter().map(|route| route.host.as_str()).collect();
        let known = hosts.contains(&field.as_str());
        return (!known).then(|| {
            Problem::new(at, format!("`{reference}`: there is no route with host `{field}`"))
                .hint(suggest(field, hosts))
        });
    }
    if !component.uses.contains(name) {
        let exists = spec.services.contains_key(name) || spec.components.contains_key(name);
        let problem = Problem::new(at, format!("`{reference}`: `{name}` is not in this component's `uses`"));
        return Some(if exists {
            problem.hint(format!("add `{name}` to `uses`"))
        } else {
            problem.hint(suggest(name, component.uses.iter().map(String::as_str)))
        });
    }
    let fields: &[&str] = match (spec.services.get(name), spec.components.get(name)) {
        (Some(service), _) => match service.r#type {
            ServiceType::Mariadb => &MARIADB_FIELDS,
        },
        (None, Some(used)) if used.ports.is_empty() => &[],
        (None, _) => &COMPONENT_FIELDS,
    };
    if fields.contains(&field.as_str()) {
        return None;
    }
    let hint = if fields.is_empty() {
        format!("`{name}` has no ports, so it has no address")
    } else {
        format!("`{name}` has {}", fields.join(", "))
    };
    Some(Problem::new(at, format!("`{reference}`: `{name}` has no field `{field}`")).hint(hint))
}
