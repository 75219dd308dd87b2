//! What can be wrong with routes.

use std::collections::BTreeSet;

use api::Problem;
use api::names::RouteName;
use api::project::ProjectSpec;

use super::components::port_problem;
use super::suggest;

pub fn check(spec: &ProjectSpec, problems: &mut Vec<Problem>) {
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
            Some(component) if component.completes() => {
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
