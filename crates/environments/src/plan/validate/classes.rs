//! What can be wrong with classes.

use api::Problem;
use api::problem::pointer;
use api::project::ProjectSpec;

use super::{running, suggest};

pub fn check(spec: &ProjectSpec, problems: &mut Vec<Problem>) {
    for (name, class) in &spec.classes {
        let at = pointer("/spec/classes", name);
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
