//! What can be wrong with a `${…}`.

use api::Problem;
use api::project::{Component, ProjectSpec, Service};

use super::suggest;
use crate::plan::service;
use crate::plan::template::{self, Piece, Reference};
use crate::plan::values;

/// Who names something: a component may name what it uses, a service every other service.
#[derive(Clone, Copy)]
struct Asker<'a> {
    uses: Option<&'a [String]>,
    /// Anybody who sees processes sees the value.
    exposed: bool,
}

/// Everything wrong with a value of a component that stands at `at`.
pub fn check(spec: &ProjectSpec, component: &Component, value: &str, at: &str, problems: &mut Vec<Problem>) {
    check_as(spec, Asker { uses: Some(&component.uses), exposed: false }, value, at, problems);
}

/// The same for a value of a service.
pub fn check_in_service(spec: &ProjectSpec, value: &str, at: &str, problems: &mut Vec<Problem>) {
    check_as(spec, Asker { uses: None, exposed: false }, value, at, problems);
}

/// The same for an argument of a component or (none) of a service: it must hold no secret.
pub fn check_argument(
    spec: &ProjectSpec,
    component: Option<&Component>,
    value: &str,
    at: &str,
    problems: &mut Vec<Problem>,
) {
    let uses = component.map(|component| component.uses.as_slice());
    check_as(spec, Asker { uses, exposed: true }, value, at, problems);
}

fn check_as(spec: &ProjectSpec, asker: Asker<'_>, value: &str, at: &str, problems: &mut Vec<Problem>) {
    match template::parse(value) {
        Err(message) => problems.push(Problem::new(at, message).hint("write `$${` for a literal `${`")),
        Ok(pieces) => {
            for piece in &pieces {
                if let Piece::Reference(reference) = piece {
                    problems.extend(check_reference(spec, asker, reference, at));
                }
            }
        }
    }
}

fn check_reference(spec: &ProjectSpec, asker: Asker<'_>, reference: &Reference, at: &str) -> Option<Problem> {
    let Reference { name, field } = reference;
    match name.as_str() {
        "url" => {
            let hosts = spec.routes.iter().map(|route| route.host.as_str());
            return unknown(reference, field, "route with host", hosts, at);
        }
        "vary" => return unknown(reference, field, "`vary`", spec.vary.keys().map(String::as_str), at),
        "secret" => return secret(spec, asker, reference, at),
        _ => {}
    }
    match asker.uses {
        Some(uses) if !uses.contains(name) => {
            let exists = spec.services.contains_key(name) || spec.components.contains_key(name);
            let problem =
                Problem::new(at, format!("`{reference}`: `{name}` is not in this component's `uses`"));
            return Some(if exists {
                problem.hint(format!("add `{name}` to `uses`"))
            } else {
                problem.hint(suggest(name, uses.iter().map(String::as_str).chain(values::WORDS)))
            });
        }
        None if !spec.services.contains_key(name) => {
            return unknown(reference, name, "service", spec.services.keys().map(String::as_str), at);
        }
        _ => {}
    }
    if let Some(base) = spec.services.get(name) {
        return in_classes(spec, name, base)
            .find_map(|(class, service)| service_field(asker, reference, &service, class, at));
    }
    let used = spec.components.get(name)?;
    if used.ports.is_empty() {
        let hint = format!("`{name}` has no ports, so it has no address");
        return Some(no_field(reference, "", at).hint(hint));
    }
    let fields = component_fields(used);
    (!fields.contains(field))
        .then(|| no_field(reference, "", at).hint(format!("`{name}` has {}", fields.join(", "))))
}

/// What `${…}` may name of a component; a port without a name only where it can't be another.
fn component_fields(component: &Component) -> Vec<String> {
    let only = (component.ports.len() == 1).then(|| "port".to_owned());
    let named = component.ports.keys().map(|port| format!("port.{port}"));
    ["host".to_owned()].into_iter().chain(only).chain(named).collect()
}

/// A service as the project has it, then as each class has it that replaces it.
fn in_classes<'a>(
    spec: &'a ProjectSpec,
    name: &'a str,
    base: &'a Service,
) -> impl Iterator<Item = (Option<&'a str>, Service)> {
    let replaced = spec.classes.iter().filter_map(move |(class, settings)| {
        let change = settings.services.get(name).filter(|change| change.r#type.is_some())?;
        Some((Some(class.as_str()), base.in_class(Some(change))))
    });
    std::iter::once((None, base.clone())).chain(replaced)
}

fn service_field(
    asker: Asker<'_>,
    reference: &Reference,
    service: &Service,
    class: Option<&str>,
    at: &str,
) -> Option<Problem> {
    let fields = service::fields(service);
    let place = class.map(|class| format!(" in class {class}")).unwrap_or_default();
    if !fields.has(&reference.field) {
        let hint = format!("`{}` has {}{place}", reference.name, fields.known.join(", "));
        return Some(no_field(reference, &place, at).hint(hint));
    }
    (asker.exposed && service::is_secret(service, &reference.field)).then(|| exposed(reference, &place, at))
}

/// `${secret.NAME.KEY}`.
fn secret(spec: &ProjectSpec, asker: Asker<'_>, reference: &Reference, at: &str) -> Option<Problem> {
    let (name, key) = values::secret_key(&reference.field);
    if let Some(problem) = unknown(reference, name, "`secrets`", spec.secrets.keys().map(String::as_str), at)
    {
        return Some(problem);
    }
    let well_formed = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.');
    if key.is_empty() || !key.chars().all(well_formed) {
        return Some(
            Problem::new(at, format!("`{reference}` names no key of the secret"))
                .hint(format!("write `${{secret.{name}.KEY}}`")),
        );
    }
    asker.exposed.then(|| exposed(reference, "", at))
}

fn exposed(reference: &Reference, place: &str, at: &str) -> Problem {
    Problem::new(at, format!("`{reference}` is secret{place}, and whoever lists processes reads arguments"))
        .hint("put it into `env` or a file, and let the program read it there")
}

fn no_field(reference: &Reference, place: &str, at: &str) -> Problem {
    let Reference { name, field } = reference;
    Problem::new(at, format!("`{reference}`: `{name}` has no field `{field}`{place}"))
}

fn unknown<'a>(
    reference: &Reference,
    wrong: &str,
    what: &str,
    known: impl Iterator<Item = &'a str> + Clone,
    at: &str,
) -> Option<Problem> {
    (!known.clone().any(|name| name == wrong)).then(|| {
        let message = match what {
            "`vary`" | "`secrets`" => format!("`{reference}`: `{wrong}` is not in {what}"),
            _ => format!("`{reference}`: there is no {what} `{wrong}`"),
        };
        Problem::new(at, message).hint(suggest(wrong, known))
    })
}
