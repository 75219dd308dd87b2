//! What can be wrong with `vary` and `secrets`: a value or a place for each class.

use std::collections::BTreeMap;

use api::Problem;
use api::names::PartName;
use api::problem::pointer;
use api::project::{DEFAULT_CLASS, ProjectSpec};

use super::suggest;

pub fn check(spec: &ProjectSpec, problems: &mut Vec<Problem>) {
    each(spec, &spec.vary, "/spec/vary", "value", problems);
    each(spec, &spec.secrets, "/spec/secrets", "place", problems);
    for (name, values) in &spec.vary {
        for (class, _) in values.iter().filter(|(_, value)| value.contains("${")) {
            let at = pointer(&pointer("/spec/vary", name), class);
            problems.push(
                Problem::new(at, "`${…}` is not replaced here")
                    .hint("write it where the value is used, beside this one"),
            );
        }
    }
}

fn each<T>(
    spec: &ProjectSpec,
    all: &BTreeMap<String, BTreeMap<String, T>>,
    at: &str,
    what: &str,
    problems: &mut Vec<Problem>,
) {
    let classes = spec.class_names();
    for (name, by_class) in all {
        let at = pointer(at, name);
        if PartName::parse(name).is_err() {
            let hint = "use lower-case letters, digits and `-`, starting with a letter";
            problems.push(Problem::new(at.clone(), format!("`{name}` cannot be a name here")).hint(hint));
        }
        for class in by_class.keys() {
            if class != DEFAULT_CLASS && !classes.contains(&class.as_str()) {
                problems.push(
                    Problem::new(pointer(&at, class), format!("there is no class `{class}`"))
                        .hint(suggest(class, classes.iter().copied().chain([DEFAULT_CLASS]))),
                );
            }
        }
        let without: Vec<&str> = classes
            .iter()
            .copied()
            .filter(|class| !by_class.contains_key(*class) && !by_class.contains_key(DEFAULT_CLASS))
            .collect();
        if !without.is_empty() {
            problems.push(
                Problem::new(at, format!("`{name}` has no {what} in {}", without.join(", ")))
                    .hint("give each class one, or a `default`"),
            );
        }
    }
}
