//! Checks a project as a whole, and an environment against its project revision.
//!
//! Types and patterns are the schema's work; here is what no schema can say. Every problem is found
//! at once, addressed by JSON pointer.

use std::collections::{BTreeMap, BTreeSet};

use api::names::{ClassName, EnvironmentName, PartName, PortName, ProjectName, RouteName, Version};
use api::problem::pointer;
use api::project::{Component, ProjectSpec, ServiceType};
use api::{Change, EnvironmentSpec, Problem, ProjectRevision};

use super::template::{self, Piece, Reference};

/// Fields of a `mariadb` service that `${…}` may name.
pub const MARIADB_FIELDS: [&str; 5] = ["host", "port", "name", "user", "password"];
/// Fields of a component that `${…}` may name.
pub const COMPONENT_FIELDS: [&str; 2] = ["host", "port"];

/// An environment that can be rendered: every name parsed, every version chosen.
#[derive(Clone, Debug)]
pub struct Validated {
    pub project: ProjectName,
    pub environment: EnvironmentName,
    pub class: ClassName,
    pub project_revision: String,
    pub spec: ProjectSpec,
    /// What the environment asked for, as it asked.
    pub requested: BTreeMap<String, String>,
    /// A version for every component.
    pub versions: BTreeMap<String, Version>,
    /// By component, when somebody last asked for new pods.
    pub restarts: BTreeMap<String, String>,
    /// The change that led here.
    pub change: Option<Change>,
}

/// Everything wrong with a project, as pointers into its document.
pub fn project(name: &str, spec: &ProjectSpec) -> Vec<Problem> {
    let mut problems = Vec::new();
    if let Err(error) = ProjectName::parse(name) {
        problems.push(Problem::new("/metadata/name", error.to_string()));
    }
    if spec.components.is_empty() {
        problems.push(Problem::new("/spec/components", "a project needs at least one component"));
    }
    names(spec, &mut problems);
    for (name, component) in &spec.components {
        let at = pointer("/spec/components", name);
        uses(spec, name, component, &at, &mut problems);
        environment_variables(spec, component, &at, &mut problems);
        ports(name, component, &at, &mut problems);
    }
    problems.extend(cycle(spec));
    routes(spec, &mut problems);
    classes(spec, &mut problems);
    problems
}

/// An environment's settings against its project revision.
pub fn environment(
    name: &str,
    wanted: &EnvironmentSpec,
    revision: &ProjectRevision,
) -> Result<Validated, Vec<Problem>> {
    let mut problems = Vec::new();
    let spec = &revision.spec;
    if spec.class(&wanted.class).is_none() {
        problems.push(
            Problem::new(
                "/spec/class",
                format!("project {} has no class `{}`", revision.project, wanted.class),
            )
            .hint(format!("its classes are {}", spec.class_names().join(", "))),
        );
    }
    let mut versions = BTreeMap::new();
    for (component, definition) in &spec.components {
        let Some(version) = wanted.versions.get(component).or(definition.version.as_ref()) else {
            problems.push(
                Problem::new("/spec/versions", format!("component `{component}` has no version")).hint(
                    format!(
                        "choose one with --set {component}=VERSION, or give it a default in outboard.yaml"
                    ),
                ),
            );
            continue;
        };
        match Version::parse(version) {
            Ok(version) => {
                versions.insert(component.clone(), version);
            }
            Err(error) => {
                problems.push(Problem::new(pointer("/spec/versions", component), error.to_string()));
            }
        }
    }
    for component in wanted.versions.keys().filter(|name| !spec.components.contains_key(*name)) {
        let known: Vec<&str> = spec.components.keys().map(String::as_str).collect();
        problems.push(
            Problem::new(
                pointer("/spec/versions", component),
                format!("project {} has no component `{component}`", revision.project),
            )
            .hint(format!("its components are {}", known.join(", "))),
        );
    }
    for component in wanted.restarts.keys().filter(|name| !spec.components.contains_key(*name)) {
        let message = format!("project {} has no component `{component}` to restart", revision.project);
        problems.push(Problem::new(pointer("/spec/restarts", component), message));
    }
    let project = ProjectName::parse(&wanted.project);
    let environment = EnvironmentName::parse(name);
    let class = ClassName::parse(&wanted.class);
    match (project, environment, class) {
        (Ok(project), Ok(environment), Ok(class)) if problems.is_empty() => Ok(Validated {
            project,
            environment,
            class,
            project_revision: wanted.project_revision.clone(),
            spec: spec.clone(),
            requested: wanted.versions.clone(),
            versions,
            restarts: wanted.restarts.clone(),
            change: wanted.change.clone(),
        }),
        (project, environment, class) => {
            let errors = [project.err(), environment.err(), class.err()];
            problems.extend(
                errors.into_iter().flatten().map(|error| Problem::new("/metadata/name", error.to_string())),
            );
            Err(problems)
        }
    }
}

fn names(spec: &ProjectSpec, problems: &mut Vec<Problem>) {
    let parts = spec.components.keys().map(|name| ("/spec/components", name));
    let services = spec.services.keys().map(|name| ("/spec/services", name));
    for (parent, name) in parts.chain(services) {
        if let Err(error) = PartName::parse(name) {
            problems.push(Problem::new(pointer(parent, name), error.to_string()));
        } else if name == "url" {
            problems.push(Problem::new(
                pointer(parent, name),
                "the name `url` is taken: `${url.…}` names routes",
            ));
        }
    }
    for name in spec.services.keys().filter(|name| spec.components.contains_key(*name)) {
        problems.push(
            Problem::new(
                pointer("/spec/services", name),
                format!("`{name}` is both a component and a service"),
            )
            .hint("each needs a name of its own, since the name becomes a hostname"),
        );
    }
    for name in spec.classes.keys() {
        if let Err(error) = ClassName::parse(name) {
            problems.push(Problem::new(pointer("/spec/classes", name), error.to_string()));
        }
    }
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
        } else if component.job.is_some() && spec.components.get(used).is_some_and(|used| used.job.is_none())
        {
            problems.push(
                Problem::new(
                    at,
                    format!("`{name}` is a job that runs before components: `{used}` is not there yet"),
                )
                .hint("a job may use services and other jobs"),
            );
        } else if !seen.insert(used) {
            problems.push(Problem::new(at, format!("`{used}` is listed twice")));
        }
    }
}

fn environment_variables(spec: &ProjectSpec, component: &Component, at: &str, problems: &mut Vec<Problem>) {
    for (variable, value) in &component.env {
        let at = pointer(&format!("{at}/env"), variable);
        let well_formed = variable.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | '.'))
            && !variable.starts_with(|c: char| c.is_ascii_digit());
        if !well_formed || variable.is_empty() {
            problems.push(Problem::new(
                at.clone(),
                format!("`{variable}` cannot be the name of an environment variable"),
            ));
        }
        match template::parse(value) {
            Err(message) => problems.push(Problem::new(at, message).hint("write `$${` for a literal `${`")),
            Ok(pieces) => {
                for piece in &pieces {
                    if let Piece::Reference(reference) = piece {
                        problems.extend(check_reference(spec, component, reference, &at));
                    }
                }
            }
        }
    }
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
    if let Some(health) = &component.health {
        let at = format!("{at}/health/ready");
        problems.extend(port_problem(name, component, health.ready.port.as_deref(), &at));
        if component.job.is_some() {
            problems.push(Problem::new(at, format!("`{name}` is a job: it completes, it is never ready")));
        }
    }
    if component.job.is_some() {
        if component.scale.is_some() {
            problems.push(Problem::new(format!("{at}/scale"), format!("`{name}` is a job: it runs once")));
        }
        if !component.ports.is_empty() {
            problems
                .push(Problem::new(format!("{at}/ports"), format!("`{name}` is a job: nothing can call it")));
        }
    }
}

/// What is wrong with naming `port` of a component, if anything.
fn port_problem(name: &str, component: &Component, port: Option<&str>, at: &str) -> Option<Problem> {
    let known: Vec<&str> = component.ports.keys().map(String::as_str).collect();
    match port {
        Some(port) if !component.ports.contains_key(port) => Some(
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
fn cycle(spec: &ProjectSpec) -> Option<Problem> {
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

fn routes(spec: &ProjectSpec, problems: &mut Vec<Problem>) {
    let mut seen = BTreeSet::new();
    for (index, route) in spec.routes.iter().enumerate() {
        let at = format!("/spec/routes/{index}");
        if let Err(error) = RouteName::parse(&route.host) {
            problems.push(Problem::new(format!("{at}/host"), error.to_string()));
        }
        if !seen.insert((&route.host, route.path.as_deref().unwrap_or("/"))) {
            problems.push(Problem::new(at.clone(), "this host and path are routed twice"));
        }
        match spec.components.get(&route.to) {
            None => problems.push(
                Problem::new(format!("{at}/to"), format!("there is no component `{}`", route.to))
                    .hint(suggest(&route.to, spec.components.keys().map(String::as_str))),
            ),
            Some(component) if component.job.is_some() => {
                problems.push(Problem::new(
                    format!("{at}/to"),
                    format!("`{}` is a job: nothing can call it", route.to),
                ));
            }
            Some(component) => {
                problems.extend(port_problem(&route.to, component, route.port.as_deref(), &at));
            }
        }
    }
}

fn classes(spec: &ProjectSpec, problems: &mut Vec<Problem>) {
    for (name, class) in &spec.classes {
        let at = pointer("/spec/classes", name);
        for component in class.scale.keys() {
            let at = pointer(&format!("{at}/scale"), component);
            match spec.components.get(component) {
                None => problems.push(
                    Problem::new(at, format!("there is no component `{component}`"))
                        .hint(suggest(component, spec.components.keys().map(String::as_str))),
                ),
                Some(definition) if definition.job.is_some() => {
                    problems.push(Problem::new(at, format!("`{component}` is a job: it runs once")));
                }
                Some(_) => {}
            }
        }
        for service in class.services.keys().filter(|name| !spec.services.contains_key(*name)) {
            problems.push(
                Problem::new(
                    pointer(&format!("{at}/services"), service),
                    format!("there is no service `{service}`"),
                )
                .hint(suggest(service, spec.services.keys().map(String::as_str))),
            );
        }
    }
}

/// "did you mean" when something is near, else the whole list.
pub fn suggest<'a>(wrong: &str, known: impl IntoIterator<Item = &'a str>) -> String {
    let known: BTreeSet<&str> = known.into_iter().collect();
    let near =
        known.iter().map(|name| (strsim::jaro_winkler(wrong, name), name)).max_by(|a, b| a.0.total_cmp(&b.0));
    match near {
        Some((score, name)) if score > 0.8 => format!("did you mean `{name}`?"),
        _ if known.is_empty() => "there are none".to_owned(),
        _ => format!("known here: {}", known.into_iter().collect::<Vec<_>>().join(", ")),
    }
}
