//! What one environment has otherwise than its project says: held against the project, and put into it.

use api::Problem;
use api::overrides::{Override, Overrides, ScaleOverride, listed};
use api::problem::pointer;
use api::project::{ProjectSpec, Resources, Scale};

use super::validate::{components, references, running, suggest};
use super::{plain, quantity};

/// Everything wrong with the overrides of an environment of `class`.
pub fn check(spec: &ProjectSpec, class: &str, overrides: &Overrides) -> Vec<Problem> {
    let mut problems = Vec::new();
    if overrides.is_empty() {
        return problems;
    }
    if spec.class(class).is_some_and(|class| class.protected) {
        let settings: Vec<String> = listed(overrides).into_iter().map(|(setting, _)| setting).collect();
        let message = format!(
            "class {class} is protected: its environments are as the project says, and {} would differ by hand",
            settings.join(", ")
        );
        problems.push(
            Problem::new("/spec/overrides", message)
                .hint("put it into outboard.yaml, or take it away with --unset"),
        );
        return problems;
    }
    for (name, change) in overrides {
        let at = pointer("/spec/overrides", name);
        let Some(component) = spec.components.get(name) else {
            let known = spec.components.keys().map(String::as_str);
            problems.push(
                Problem::new(
                    at,
                    format!("the project has no component `{name}` whose settings could differ"),
                )
                .hint(format!("{}; take it away with --unset {name}", suggest(name, known))),
            );
            continue;
        };
        for (variable, value) in &change.env {
            let at = pointer(&format!("{at}/env"), variable);
            components::variable(variable, &at, &mut problems);
            references::check(spec, component, value, &at, &mut problems);
        }
        if let Some(resources) = &change.resources {
            for (key, value) in [("cpu", &resources.cpu), ("memory", &resources.memory)] {
                if value.as_ref().is_some_and(|value| quantity::thousandths(value).is_none()) {
                    let message = format!("{name}.resources.{key} cannot be read");
                    problems.push(Problem::new(format!("{at}/resources/{key}"), message).hint(
                        "write it as Kubernetes does: `100m` or `2` cores, `128Mi` or `1Gi` of memory",
                    ));
                }
            }
        }
        if let Some(changed) = &change.scale {
            let scale = scaled(changed, &spec.scale(class, name));
            running::scaled(name, component, &scale, &format!("{at}/scale"), &mut problems);
        }
    }
    problems
}

/// The project as an environment of `class` with these overrides has it.
pub fn applied(mut spec: ProjectSpec, class: &str, overrides: &Overrides) -> ProjectSpec {
    for (name, Override { env, resources, scale }) in overrides {
        let before = spec.scale(class, name);
        let Some(component) = spec.components.get_mut(name) else { continue };
        component.env.extend(env.clone());
        if let Some(change) = resources {
            let Resources { cpu, memory } = component.resources.take().unwrap_or_default();
            component.resources =
                Some(Resources { cpu: change.cpu.clone().or(cpu), memory: change.memory.clone().or(memory) });
        }
        if let Some(change) = scale {
            component.scale = Some(scaled(change, &before));
            // What the class says is part of it.
            if let Some(class) = spec.classes.get_mut(class) {
                class.scale.remove(name);
            }
        }
    }
    spec
}

fn scaled(change: &ScaleOverride, before: &Scale) -> Scale {
    Scale {
        min: change.min.unwrap_or(before.min),
        max: change.max.or(before.max),
        cpu: change.cpu.or(before.cpu),
        settle: before.settle.clone(),
    }
}

/// Every setting with its value, for people: not the value of what looks like a secret.
pub fn shown(overrides: &Overrides) -> Vec<(String, String)> {
    let masked = |(setting, value): (String, String)| {
        let name = setting.split_once(".env.").map_or("", |(_, name)| name);
        let value = if plain::looks_secret(name, &value) { plain::MASK.to_owned() } else { value };
        (setting, value)
    };
    listed(overrides).into_iter().map(masked).collect()
}

/// In what an environment differs by hand, for people.
pub fn note(overrides: &Overrides) -> Option<String> {
    let settings: Vec<String> =
        shown(overrides).into_iter().map(|(setting, value)| format!("{setting}={value}")).collect();
    (!settings.is_empty()).then(|| format!("differs by hand from the project: {}", settings.join(", ")))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn spec() -> ProjectSpec {
        serde_json::from_value(json!({
            "components": {
                "web": {
                    "image": "r/web", "uses": ["db"], "env": {"LOG_LEVEL": "info", "MODE": "fast"},
                    "resources": {"cpu": "100m", "memory": "64Mi"}, "scale": {"min": 2, "max": 4},
                },
                "migrate": {"image": "r/web", "job": "before"},
            },
            "services": {"db": {"type": "mariadb"}},
            "classes": {"qa": {"scale": {"web": {"min": 1}}}, "production": {"protected": true}},
        }))
        .unwrap()
    }

    fn overrides(value: serde_json::Value) -> Overrides {
        serde_json::from_value(value).unwrap()
    }

    #[test]
    fn what_is_named_differs_and_the_rest_stays_as_class_and_project_have_it() {
        let changes = overrides(json!({
            "web": {"env": {"LOG_LEVEL": "debug"}, "resources": {"memory": "1Gi"}, "scale": {"max": 3}},
        }));
        assert_eq!(check(&spec(), "qa", &changes), []);
        let applied = applied(spec(), "qa", &changes);
        let web = &applied.components["web"];
        assert_eq!((web.env["LOG_LEVEL"].as_str(), web.env["MODE"].as_str()), ("debug", "fast"));
        assert_eq!(web.resources, Some(Resources { cpu: Some("100m".into()), memory: Some("1Gi".into()) }));
        // The class says whole scales: no `max` of the project's is left, and here it has one again.
        assert_eq!(applied.scale("qa", "web"), Scale { min: 1, max: Some(3), cpu: None, settle: None });
        assert_eq!(applied.components["migrate"], spec().components["migrate"]);
    }

    #[test]
    fn nothing_differs_by_hand_in_a_protected_class() {
        let changes = overrides(json!({"web": {"env": {"LOG_LEVEL": "debug"}}}));
        let problems = check(&spec(), "production", &changes);
        assert_eq!(problems.len(), 1);
        assert!(
            problems[0].message.contains("protected") && problems[0].message.contains("web.env.LOG_LEVEL")
        );
        assert_eq!(check(&spec(), "production", &Overrides::new()), []);
    }

    #[test]
    fn everything_wrong_is_told_at_once() {
        let changes = overrides(json!({
            "wbe": {"env": {"A": "b"}},
            "web": {"env": {"1A": "${dv.host}"}, "resources": {"memory": "lots"}, "scale": {"min": 5, "max": 3}},
            "migrate": {"scale": {"min": 2}},
        }));
        let told: Vec<String> = check(&spec(), "qa", &changes)
            .into_iter()
            .map(|problem| {
                format!("{}: {} ({})", problem.pointer, problem.message, problem.hint.unwrap_or_default())
            })
            .collect();
        insta::assert_yaml_snapshot!(told);
    }
}
