//! What can be wrong with `vary` and `secrets`: a value or a place for each class.

use std::collections::BTreeMap;

use api::Problem;
use api::cron::Cron;
use api::names::PartName;
use api::problem::pointer;
use api::project::{DEFAULT_CLASS, ProjectSpec, SecretPlace};

use super::suggest;

pub fn check(spec: &ProjectSpec, problems: &mut Vec<Problem>) {
    each(spec, &spec.vary, "/spec/vary", "value", problems);
    each(spec, &spec.secrets, "/spec/secrets", "place", problems);
    for (name, places) in &spec.secrets {
        for (class, place) in places {
            check_place(place, &pointer(&pointer("/spec/secrets", name), class), problems);
        }
    }
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

/// Whether backups can be written where they are said to lie.
pub fn backups(spec: &ProjectSpec, problems: &mut Vec<Problem>) {
    for (name, class) in &spec.classes {
        let Some(backup) = &class.backup else { continue };
        let at = pointer(&pointer("/spec/classes", name), "backup");
        if let Err(problem) = Cron::parse(&backup.schedule) {
            let hint = "such as `0 3 * * *`, every night at three";
            problems.push(Problem::new(pointer(&at, "schedule"), problem).hint(hint));
        }
        if spec.backups.is_none() {
            problems.push(
                Problem::new(at, "nothing says where backups lie")
                    .hint("say it under `backups`, beside `components`: bucket, region and secret"),
            );
        }
    }
    let Some(backups) = &spec.backups else { return };
    check_place(&backups.secret, "/spec/backups/secret", problems);
    if backups.region.is_none() && backups.endpoint.is_none() {
        problems.push(
            Problem::new("/spec/backups", "it does not say where the bucket is")
                .hint("`region` of AWS, or `endpoint` of another server"),
        );
    }
}

/// Everything wrong with where secret values lie.
pub fn check_place(place: &SecretPlace, at: &str, problems: &mut Vec<Problem>) {
    let SecretPlace { kubernetes, secretsmanager, ssm, region } = place;
    let given = [
        ("kubernetes", kubernetes.is_some()),
        ("secretsmanager", secretsmanager.is_some()),
        ("ssm", ssm.is_some()),
    ];
    let given: Vec<&str> = given.into_iter().filter(|(_, given)| *given).map(|(key, _)| key).collect();
    match given.as_slice() {
        [] => problems.push(
            Problem::new(at, "it does not say where the values lie")
                .hint("one of `kubernetes`, `secretsmanager` and `ssm`"),
        ),
        ["kubernetes"] if region.is_some() => {
            let hint = "a Secret lies in the control namespace; leave it out";
            problems.push(Problem::new(format!("{at}/region"), "only AWS has regions").hint(hint));
        }
        [_] => {}
        several => problems.push(
            Problem::new(at, format!("it lies in one place, not in {}", several.join(" and ")))
                .hint("give each a name of its own under `secrets`"),
        ),
    }
    if let (Some(region), Some(of_arn)) = (region, place.region_of_arn())
        && region != of_arn
    {
        let message = format!("the ARN lies in {of_arn}, not in {region}");
        problems.push(Problem::new(format!("{at}/region"), message).hint("leave it out"));
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
