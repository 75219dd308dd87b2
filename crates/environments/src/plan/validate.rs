//! Checks a project as a whole, and an environment against its project revision.
//!
//! Types and patterns are the schema's work; here is what no schema can say. Every problem is found
//! at once, addressed by JSON pointer.

use std::collections::{BTreeMap, BTreeSet};

use api::names::{ClassName, EnvironmentName, PartName, ProjectName, Version};
use api::problem::pointer;
use api::project::ProjectSpec;
use api::{Change, EnvironmentSpec, Overrides, Problem, ProjectRevision};

use super::isolation;
use super::limits;
use super::overrides;
use super::values::WORDS;

mod access;
mod classes;
pub(super) mod components;
pub mod directories;
mod logs;
mod manifests;
pub mod masks;
pub(super) mod references;
pub(super) mod routes;
pub(super) mod running;
mod services;
mod settings;

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
    /// The settings in which it differs from what the project says; `spec` has them.
    pub overrides: Overrides,
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
        components::check(spec, name, component, &at, &mut problems);
    }
    problems.extend(directories::size(spec));
    manifests::check(spec, &mut problems);
    problems.extend(components::cycle(spec));
    routes::check(spec, &mut problems);
    services::check(spec, &mut problems);
    settings::check(spec, &mut problems);
    settings::backups(spec, &mut problems);
    masks::check(spec, &mut problems);
    classes::check(spec, &mut problems);
    access::check(spec, &mut problems);
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
    problems.extend(overrides::check(spec, &wanted.class, &wanted.overrides));
    problems.extend(routes::too_long(spec, &wanted.project, name));
    let project = ProjectName::parse(&wanted.project);
    let environment = EnvironmentName::parse(name);
    let class = ClassName::parse(&wanted.class);
    match (project, environment, class) {
        (Ok(project), Ok(environment), Ok(class)) if problems.is_empty() => Ok(Validated {
            project,
            environment,
            class,
            project_revision: wanted.project_revision.clone(),
            spec: ProjectSpec {
                services: spec.services_in(&wanted.class, name),
                ..overrides::applied(spec.clone(), &wanted.class, &wanted.overrides)
            },
            requested: wanted.versions.clone(),
            versions,
            restarts: wanted.restarts.clone(),
            overrides: wanted.overrides.clone(),
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
        } else if WORDS.contains(&name.as_str()) {
            problems.push(Problem::new(
                pointer(parent, name),
                format!("the name `{name}` is taken: `${{{name}.…}}` means something else"),
            ));
        } else if name == isolation::NAME || name == limits::NAME {
            let message =
                format!("the name `{name}` is taken: what shuts and limits the environment is called so");
            problems.push(Problem::new(pointer(parent, name), message));
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
