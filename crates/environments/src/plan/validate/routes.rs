//! What can be wrong with routes.

use std::collections::{BTreeMap, BTreeSet};

use api::Problem;
use api::names::RouteName;
use api::project::ProjectSpec;

use super::components::port_problem;
use super::suggest;

/// One label of a hostname has at most so many letters.
const LABEL: usize = 63;

/// Every first part of a hostname: hosts and their aliases.
pub fn hosts(spec: &ProjectSpec) -> impl Iterator<Item = &str> {
    spec.routes.iter().flat_map(|route| route.aliases.iter().chain([&route.host])).map(String::as_str)
}

pub fn check(spec: &ProjectSpec, problems: &mut Vec<Problem>) {
    let mut seen = BTreeSet::new();
    for (index, route) in spec.routes.iter().enumerate() {
        let at = format!("/spec/routes/{index}");
        if let Err(error) = RouteName::parse(&route.host) {
            problems.push(Problem::new(format!("{at}/host"), error.to_string()));
        }
        if !seen.insert((&route.host, route.path.as_deref().unwrap_or("/"))) {
            problems.push(
                Problem::new(at.clone(), "this host and path are routed twice")
                    .hint("remove one of the two, or give it another `path`"),
            );
        }
        match spec.components.get(&route.to) {
            None => problems.push(
                Problem::new(format!("{at}/to"), format!("there is no component `{}`", route.to))
                    .hint(suggest(&route.to, spec.components.keys().map(String::as_str))),
            ),
            Some(component) if component.completes() => {
                problems.push(Problem::new(
                    format!("{at}/to"),
                    format!("`{}` is a job: nothing can call it", route.to),
                ));
            }
            Some(component) => {
                problems.extend(port_problem(&route.to, &component.ports, route.port.as_deref(), &at));
            }
        }
    }
    aliases(spec, problems);
}

fn aliases(spec: &ProjectSpec, problems: &mut Vec<Problem>) {
    let mut of: BTreeMap<&str, &str> = BTreeMap::new();
    for (index, route) in spec.routes.iter().enumerate() {
        for (place, alias) in route.aliases.iter().enumerate() {
            let at = format!("/spec/routes/{index}/aliases/{place}");
            if alias.contains('.') {
                problems.push(
                    Problem::new(at, format!("`{alias}` is a whole name, which does not work yet")).hint(
                        "an alias is another first part of a hostname, such as `www`: each environment has its own",
                    ),
                );
                continue;
            }
            if let Err(error) = RouteName::parse(alias) {
                problems.push(Problem::new(&at, error.to_string()));
            }
            let first = of.insert(alias, &route.host);
            if spec.routes.iter().any(|other| other.host == *alias) {
                problems.push(
                    Problem::new(&at, format!("`{alias}` is the host of a route"))
                        .hint("a host leads to one place: remove the alias or the route"),
                );
            } else if first.is_some_and(|host| host != route.host) {
                problems.push(
                    Problem::new(
                        &at,
                        format!("`{alias}` is an alias of `{}` as well", first.unwrap_or_default()),
                    )
                    .hint("a host leads to one place: remove one of the two"),
                );
            } else if route.aliases[..place].contains(alias) {
                problems.push(Problem::new(&at, format!("`{alias}` is listed twice")));
            }
        }
    }
}

/// The hosts that would be too long for DNS in an environment of this name.
pub fn too_long<'a>(
    spec: &'a ProjectSpec,
    project: &'a str,
    environment: &'a str,
) -> impl Iterator<Item = Problem> + 'a {
    hosts(spec).filter_map(move |host| {
        let label = format!("{host}-{environment}-{project}");
        (label.len() > LABEL).then(|| {
            Problem::new(
                "/metadata/name",
                format!("`{label}` is too long for a hostname, by {}", label.len() - LABEL),
            )
            .hint(format!(
                "one part of a hostname has at most {LABEL} letters: shorten the environment's name"
            ))
        })
    })
}
